// node scripts/sbom.mjs [FOLDER]: what each package brings along when it is installed, as CycloneDX, from the packed tarballs and after a build. Default
// folder: .cache/sbom.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readManifest, root, runMain, ScriptError, workspaceFolders } from './install.mjs'

function main([folder = join(root, '.cache', 'sbom')]) {
  const target = resolve(folder)
  mkdirSync(target, { recursive: true })
  const scratch = mkdtempSync(join(tmpdir(), 'entreat-sbom-'))
  try {
    const packages = workspaceFolders().filter((path) => path.startsWith('packages/') && !readManifest(path).private)
    const tarballs = new Map(packages.map((path) => [readManifest(path).name, pack(path, scratch)]))
    for (const [name, tarball] of tarballs) {
      const file = join(target, `${name.replace('@', '').replace('/', '-')}.cdx.json`)
      writeFileSync(file, describe(name, [tarball, tarballs.get('@entreat/core')], scratch))
      console.log(file)
    }
    return 0
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Installs a package as a user would, its peer beside it, and asks npm what is there now. */
function describe(name, tarballs, scratch) {
  const app = mkdtempSync(join(scratch, 'app-'))
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', private: true }))
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...new Set(tarballs)], app)
  const bill = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], app))
  if (!bill.components.some((component) => `${component.group ?? ''}/${component.name}`.endsWith(name.split('/')[1])))
    throw new ScriptError(`npm sbom does not list ${name}`)
  return `${JSON.stringify(bill, null, 2)}\n`
}

function pack(path, folder) {
  const args = ['--dir', join(root, path), 'pack', '--json', '--pack-destination', folder]
  return JSON.parse(run(join(root, 'node_modules', '.bin', 'pnpm'), args, root)).filename
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
  if (result.status === 0) return result.stdout
  throw new ScriptError(`${command} ${args[0]} failed: ${result.stderr || result.stdout || result.error}`)
}

await runMain(() => main(process.argv.slice(2)))
