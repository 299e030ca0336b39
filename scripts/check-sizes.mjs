// Holds what users download and load to a budget: scripts/size-budget.json, raised on purpose and not by accident.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root, ScriptError } from './install.mjs'

const budget = JSON.parse(readFileSync(join(root, 'scripts', 'size-budget.json'), 'utf8'))

/**
 * What a tarball has too much of.
 *
 * @param name - the package's name on npm.
 * @param tarball - its path.
 * @returns a sentence for each figure over budget.
 */
export function findSizeProblems(name, tarball) {
  const sizes = { packedKiB: kib(statSync(tarball).size), unpackedKiB: kib(unpackedBytes(tarball)) }
  return compare(name, sizes, budget.packages[name])
}

/**
 * What `import '@entreat/core'` loads, dependencies included: files and their bytes, which are the same on every machine; the time is only shown.
 *
 * @returns a sentence for each figure over budget.
 */
export function findImportProblems() {
  const bare = loadedBy('0')
  const full = loadedBy("import('@entreat/core')")
  console.log(
    `import '@entreat/core': ${full.files} files, ${full.KiB} KiB, ${(full.ms - bare.ms).toFixed(0)} ms on this machine`,
  )
  return compare("import '@entreat/core'", { files: full.files, KiB: full.KiB }, budget.import)
}

function compare(what, sizes, allowed) {
  if (allowed === undefined)
    return [`${what} has no budget in scripts/size-budget.json: it has ${JSON.stringify(sizes)}`]
  return Object.entries(sizes)
    .filter(([figure, size]) => !(size <= allowed[figure]))
    .map(
      ([figure, size]) => `${what}: ${size} ${figure}, and the budget is ${allowed[figure]} (scripts/size-budget.json)`,
    )
}

function unpackedBytes(tarball) {
  const { status, stdout, stderr } = spawnSync('tar', ['-x', '-O', '-z', '-f', tarball], { maxBuffer: 2 ** 28 })
  if (status !== 0) throw new ScriptError(`Cannot read ${tarball} with tar: ${stderr}`)
  return stdout.length
}

/** V8's coverage names every script that ran, of either module system. */
function loadedBy(code) {
  const folder = mkdtempSync(join(tmpdir(), 'entreat-import-'))
  try {
    const started = performance.now()
    const { status, stderr } = spawnSync(process.execPath, ['-e', code], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, NODE_V8_COVERAGE: folder, NODE_OPTIONS: '' },
    })
    const ms = performance.now() - started
    if (status !== 0) throw new ScriptError(`Cannot import @entreat/core: ${stderr}`)
    const scripts = readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).result)
    const paths = scripts.filter(({ url }) => url.startsWith('file:')).map(({ url }) => fileURLToPath(url))
    return { files: paths.length, KiB: kib(paths.reduce((sum, path) => sum + statSync(path).size, 0)), ms }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function kib(bytes) {
  return Math.ceil(bytes / 1024)
}
