// node scripts/audit.mjs [--required] [--report FILE]: known vulnerabilities of what users install, but for those that
// scripts/audit-exceptions.json explains. Fails on others, on exceptions that are out of date or no longer needed, and with
// --required also if the registry does not say.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runMain, ScriptError } from './install.mjs'

function main(args) {
  const report = readReport(args)
  if (report === null) {
    console.log('The registry answers no audit; nothing is known either way.')
    return args.includes('--required') ? 1 : 0
  }
  const advisories = Object.values(report.advisories)
  const exceptions = JSON.parse(readFileSync(join(root, 'scripts', 'audit-exceptions.json'), 'utf8'))
  const problems = findProblems(advisories, exceptions, new Date().toISOString().slice(0, 10))
  for (const problem of problems) console.log(`FAILED ${problem}`)
  console.log(
    `${advisories.length} known vulnerabilities, ${exceptions.length} exceptions, ${problems.length} problems`,
  )
  return problems.length > 0 ? 1 : 0
}

/** An exception names an advisory, says why it does no harm here, and until when that is believed. */
function findProblems(advisories, exceptions, today) {
  const known = new Set(advisories.map(({ github_advisory_id: id }) => id))
  const excepted = new Set(exceptions.filter(({ until }) => until >= today).map(({ id }) => id))
  const open = advisories.filter(({ github_advisory_id: id }) => !excepted.has(id))
  return [
    ...open.map(
      ({ github_advisory_id: id, module_name, severity, title, url }) =>
        `${module_name} (${severity}) ${id}: ${title}. See ${url}; update it, or explain it in scripts/audit-exceptions.json`,
    ),
    ...exceptions
      .filter(({ id, why, until }) => !known.has(id) || !why || !/^\d{4}-\d\d-\d\d$/.test(until))
      .map(
        ({ id }) =>
          `the exception ${id} is no longer needed, or lacks a reason ("why") or a date ("until"): see scripts/audit-exceptions.json`,
      ),
  ]
}

function readReport(args) {
  const at = args.indexOf('--report')
  const text = at === -1 ? askRegistry() : readFileSync(args[at + 1], 'utf8')
  const report = JSON.parse(text)
  if (report.error !== undefined) return null
  if (report.advisories === undefined) throw new ScriptError(`pnpm audit said something unknown: ${text.slice(0, 500)}`)
  return report
}

function askRegistry() {
  const pnpm = join(root, 'node_modules', '.bin', 'pnpm')
  const { stdout, stderr } = spawnSync(pnpm, ['audit', '--prod', '--json'], { cwd: root, encoding: 'utf8' })
  if (stdout === '') throw new ScriptError(`pnpm audit said nothing: ${stderr}`)
  return stdout
}

await runMain(() => main(process.argv.slice(2)))
