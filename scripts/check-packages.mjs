// Packs every package as for the registry, after a build, and checks what a user would get.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findImportProblems, findSizeProblems } from './check-sizes.mjs'
import { readManifest, root, runMain, ScriptError, workspaceFolders } from './install.mjs'

const requiredFiles = ['package.json', 'LICENSE', 'README.md']
const forbiddenFiles = /(^|\/)(test|tests|__tests__|node_modules)\/|\.test\.|\.tsbuildinfo$/

function main() {
  const folder = mkdtempSync(join(tmpdir(), 'entreat-pack-'))
  try {
    const packages = workspaceFolders().filter((path) => path.startsWith('packages/') && !readManifest(path).private)
    const problems = [...packages.flatMap((path) => checkPackage(path, folder)), ...findImportProblems()]
    for (const problem of problems) console.log(`FAILED ${problem}`)
    return problems.length > 0 ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function checkPackage(path, folder) {
  const { name } = readManifest(path)
  console.log(`${name}: pack, contents, size, publint, attw…`)
  const tarball = pack(path, folder)
  const problems = [
    ...findFileProblems(path, tarball),
    ...findManifestProblems(tarball),
    ...findSizeProblems(name, tarball),
  ]
  if (!passes('publint', [tarball, '--strict'])) problems.push('publint: its message is above')
  if (!passes('attw', [tarball, '--profile', 'esm-only', '--no-emoji'])) problems.push('attw: its message is above')
  return problems.map((problem) => `${name}: ${problem}`)
}

function passes(tool, args) {
  const result = spawnTool(tool, args)
  if (result.status !== 0) console.log(result.stdout, result.stderr)
  return result.status === 0
}

function spawnTool(tool, args) {
  const command = join(root, 'node_modules', '.bin', tool)
  return spawnSync(command, args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' })
}

function pack(path, folder) {
  const result = spawnTool('pnpm', ['--dir', join(root, path), 'pack', '--json', '--pack-destination', folder])
  if (result.status !== 0)
    throw new ScriptError(`Cannot pack ${path}: ${result.stderr || result.stdout || result.error}`)
  return JSON.parse(result.stdout).filename
}

function findFileProblems(path, tarball) {
  const files = readTar(tarball, ['-t'])
    .split('\n')
    .filter((file) => file && !file.endsWith('/'))
    .map((file) => file.replace(/^package\//, ''))
  const { publishConfig, bin = {} } = readManifest(path)
  const required = new Set([...requiredFiles, ...exportedFiles(publishConfig.exports), ...exportedFiles(bin)])
  const missing = [...required].filter((file) => !files.includes(file))
  // What create-plugin writes has tests of its own.
  const stray = files.filter((file) => forbiddenFiles.test(file) && !file.startsWith('templates/'))
  const stale = files.filter((file) => /^dist\/.*\.js$/.test(file) && !hasSource(path, file))
  return [
    ...missing.map((file) => `${file} is not in the tarball: add it to ${path}, or build first`),
    ...stray.map((file) => `${file} does not belong in the tarball: see "files" in ${path}/package.json`),
    ...stale.map((file) => `${file} has no source any more: delete ${path}/dist and build again`),
  ]
}

/** Every file that a package's exports name, whatever the subpath and condition. */
function exportedFiles(exports) {
  return typeof exports === 'string' ? [exports.replace(/^\.\//, '')] : Object.values(exports).flatMap(exportedFiles)
}

function hasSource(path, file) {
  return existsSync(join(root, path, file.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts')))
}

function findManifestProblems(tarball) {
  const manifest = readTar(tarball, ['-x', '-O', 'package/package.json'])
  const { exports } = JSON.parse(manifest)
  return [
    ...(JSON.stringify(exports).includes('entreat:src')
      ? ['exports has the condition entreat:src: see publishConfig']
      : []),
    ...(/"(workspace|catalog):/.test(manifest) ? ['a dependency still says workspace: or catalog:'] : []),
  ]
}

function readTar(tarball, args) {
  const result = spawnSync('tar', [...args, '-z', '-f', tarball], { encoding: 'utf8' })
  if (result.status !== 0) throw new ScriptError(`Cannot read ${tarball} with tar: ${result.stderr || result.error}`)
  return result.stdout
}

await runMain(main)
