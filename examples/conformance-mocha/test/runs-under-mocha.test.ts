import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('..', import.meta.url))
const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js')

interface Report {
  readonly stats: {
    readonly suites: number
    readonly tests: number
    readonly passes: number
    readonly failures: number
  }
  readonly passes: readonly { readonly fullTitle: string }[]
  readonly failures: readonly { readonly fullTitle: string; readonly err: { readonly message: string } }[]
}

/** Runs spec files under mocha, in a process of its own, as a user would. */
function runMocha(...files: string[]): { report: Report; status: number | null } {
  const { NODE_OPTIONS: _ours, ...env } = process.env
  const args = [mocha, '--timeout', '60000', '--reporter', 'json', ...files]
  const run = spawnSync(process.execPath, args, { cwd: here, encoding: 'utf8', env, maxBuffer: 64 * 1024 * 1024 })
  const start = run.stdout.indexOf('{\n  "stats"')
  if (start < 0) throw new Error(`mocha reported nothing: ${run.stdout}${run.stderr}`)
  return { report: JSON.parse(run.stdout.slice(start)) as Report, status: run.status }
}

test('the suites run under mocha as they do under vitest', () => {
  const { report, status } = runMocha('test/http-adapter.spec.mjs', 'test/digest-auth.spec.mjs')
  expect(report.failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`)).toEqual([])
  expect([status, report.stats.suites, report.stats.passes]).toEqual([0, 2, report.stats.tests])
  const titles = report.passes.map(({ fullTitle }) => fullTitle)
  expect(titles).toContainEqual(expect.stringMatching(/^HTTPAdapter under mocha 4\.2\.2 never changes the request/))
  expect(titles).toContainEqual(
    expect.stringMatching(/^HTTPAdapter under mocha .*\(not applicable: adapter declares no tls\)$/),
  )
  expect(titles).toContainEqual(expect.stringMatching(/^DigestAuth under mocha 4\.1\.4 one instance serves concurrent/))
  // Every rule of the two contracts has had its tests, not one file of them.
  const rules = new Set(titles.map((title) => / under mocha (\S+) /.exec(title)?.[1]))
  for (const rule of [
    '4.1',
    '4.1.1',
    '4.1.2',
    '4.1.3',
    '4.1.4',
    '4.1.6',
    '4.3',
    '5',
    '4.2.1',
    '4.2.3',
    '4.2.5',
    '4.2.8',
  ])
    expect(rules).toContain(rule)
}, 240_000)

test('a failure names the class and the rule, and no other rule fails', () => {
  const { report, status } = runMocha('test/broken/broken.spec.mjs')
  expect(status).toBe(report.stats.failures)
  expect(report.stats.passes).toBeGreaterThan(30)
  const messages = report.failures.map(({ err }) => err.message)
  const rules = new Set(messages.map((message) => /^(\w+) breaks rule ([\w.]+): /.exec(message)?.slice(1, 3).join(' ')))
  expect(rules, messages.join('\n')).toEqual(new Set(['MarkingAdapter 4.2.2', 'TalkativeAuth 5']))
}, 240_000)
