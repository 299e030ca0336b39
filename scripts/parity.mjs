// pnpm parity [judge's options]: entreat against the corpus of what Requests does (packages/core/test/parity/SCHEMA.md).
// Succeeds only if every scenario passes or is listed in deviations.json, and no more than 15 % are listed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
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

/** Of all scenarios, so many percent may be listed, not counting those that hinge on Python itself. */
const MOST_LISTED = 15
const PYTHON_ALONE = ['cpython-quirk', 'python-types', 'python-error', 'default-headers', 'detector']

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** Percent of the corpus that is listed, without those that hinge on Python itself. */
function shareListed(deviations) {
  const folder = join(parity, 'scenarios')
  const scenarios = readdirSync(folder).flatMap((file) => readJson(join(folder, file)))
  const listed = scenarios.filter(
    ({ id, tags = [] }) => Object.hasOwn(deviations, id) && !tags.some((tag) => PYTHON_ALONE.includes(tag)),
  )
  return (100 * listed.length) / scenarios.length
}

/** @returns whether all is as it must be. */
function summarise({ results }, deviations) {
  const failing = results.filter(({ pass }) => !pass).map(({ id }) => id)
  const unlisted = failing.filter((id) => !Object.hasOwn(deviations, id))
  const stale = results.filter(({ id, pass }) => pass && Object.hasOwn(deviations, id)).map(({ id }) => id)
  const percent = (count) => ((100 * count) / results.length).toFixed(1).replace('.0', '')
  const share = shareListed(deviations)
  console.log(`
${percent(results.length - unlisted.length)} % pass or listed
${percent(results.length - failing.length)} % pass, ${failing.length} of ${results.length} differ as deviations.json says (docs/reference/differences.md)
${share.toFixed(1)} % listed, without what hinges on Python itself (${PYTHON_ALONE.join(', ')}); at most ${MOST_LISTED} %`)
  if (unlisted.length > 0) console.log(`neither passing nor listed: ${unlisted.join(' ')}`)
  if (stale.length > 0) console.log(`listed but passing: ${stale.join(' ')}`)
  return unlisted.length === 0 && stale.length === 0 && share <= MOST_LISTED
}

build()
const report = judge(process.argv.slice(2))
const deviations = readJson(join(parity, 'deviations.json'))
process.exitCode = report !== null && report.results.length > 0 && summarise(report, deviations) ? 0 : 1
