// pnpm parity [judge's options]: entreat against the corpus of what Requests does (packages/core/test/parity/SCHEMA.md).
// Succeeds only if every scenario passes or is listed in deviations.json.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const parity = join(root, 'packages/core/test/parity')

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1
}

function build() {
  const status = run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', 'packages/core'])
  if (status !== 0) process.exit(status)
}

/** @returns the judge's report, or null if it did not get so far as to write one. */
function judge(options) {
  const scratch = mkdtempSync(join(tmpdir(), 'parity-report-'))
  const asked = options.indexOf('--json')
  const report = asked === -1 ? join(scratch, 'report.json') : options[asked + 1]
  const output = asked === -1 ? ['--json', report] : []
  run(process.execPath, [join(parity, 'judge.mjs'), join(parity, 'driver.mjs'), ...options, ...output])
  const parsed = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : null
  rmSync(scratch, { recursive: true, force: true })
  return parsed
}

function summarise({ results }, deviations) {
  const failing = results.filter(({ pass }) => !pass).map(({ id }) => id)
  const unlisted = failing.filter((id) => !Object.hasOwn(deviations, id))
  const stale = results.filter(({ id, pass }) => pass && Object.hasOwn(deviations, id)).map(({ id }) => id)
  const listed = failing.length - unlisted.length
  const share = failing.length === 0 ? 100 : (100 * listed) / failing.length
  const raw = (100 * (results.length - failing.length)) / results.length
  console.log(
    `\nraw pass ${raw.toFixed(1)} %; of ${failing.length} failing, ${listed} are listed in deviations.json (${share.toFixed(0)} %)`,
  )
  if (unlisted.length > 0) console.log(`neither passing nor listed (open.json says why): ${unlisted.join(' ')}`)
  if (stale.length > 0) console.log(`listed but passing: ${stale.join(' ')}`)
  return unlisted.length === 0
}

build()
const report = judge(process.argv.slice(2))
const deviations = JSON.parse(readFileSync(join(parity, 'deviations.json'), 'utf8'))
process.exitCode = report !== null && report.results.length > 0 && summarise(report, deviations) ? 0 : 1
