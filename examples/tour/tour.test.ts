import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { TestServer } from '@entreat/testkit'
import { labProblem } from '../../lab/kerberos-ntlm/start-lab.ts'
// @ts-expect-error: a JavaScript module without types
import { runSteps } from './run-steps.mjs'
// @ts-expect-error: a JavaScript module without types
import { runTour } from './run-tour.mjs'
// @ts-expect-error: a JavaScript module without types
import { createTheme, wantsColor } from './theme.mjs'

interface Step {
  readonly title: string
  readonly claim: string
  readonly source: string
  run(given: { console: Pick<Console, 'log'> }): Promise<unknown>
  verify(outcome: unknown): void
  problem?(): Promise<string | null>
}

type RunSteps = (
  steps: readonly Step[],
  options: { server: TestServer; theme: unknown; write: (line: string) => void },
) => Promise<string[]>

const tour = join(import.meta.dirname, 'tour.mjs')

function spawnTour(env: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...rest } = process.env
  return spawnSync(process.execPath, [tour], { encoding: 'utf8', env: { ...rest, ...env }, timeout: 20_000 })
}

test('the tour verifies every claim, in plain text, in less than 20 seconds', () => {
  const { status, stdout, stderr } = spawnTour({ NO_COLOR: '1' })
  expect(stderr).toBe('')
  const missing = labProblem({ kdc: true, apache: true, squid: 'kerberos' })
  expect(stdout).toContain(missing === null ? '10 of 10 claims verified' : '9 of 9 claims verified')
  const steps = stdout.split(/^(?=\d+\/\d+ {2})/m)
  expect(steps).toHaveLength(10)
  for (const step of steps) expect(step).toMatch(/^✓ \S|^- not shown: /m)
  if (missing !== null) expect(stdout).toContain(`- not shown: ${missing}`)
  expect(stdout).toBe(stripVTControlCharacters(stdout))
  expect(status).toBe(0)
})

test('the tour needs nothing of the environment: proxies, CA bundles and netrc change nothing', () => {
  const dead = 'http://127.0.0.1:9'
  const env = { http_proxy: dead, HTTPS_PROXY: dead, ALL_PROXY: dead, REQUESTS_CA_BUNDLE: '/nowhere', NO_COLOR: '1' }
  expect(spawnTour(env)).toMatchObject({ status: 0, stderr: '' })
})

test('a step whose claim does not hold is named, and the others still run', async () => {
  const lines: string[] = []
  const server = await TestServer.start()
  const source = import.meta.url
  const steps: Step[] = [
    { title: 'True', claim: 'one is one', source, run: async () => 1, verify: (one) => expect(one).toBe(1) },
    { title: 'False', claim: 'one is two', source, run: async () => 1, verify: (one) => expect(one).toBe(2) },
    { title: 'Throws', claim: 'it runs', source, run: () => Promise.reject(new Error('broken')), verify: () => {} },
    { title: 'Prints', claim: 'it prints', source, run: async ({ console }) => console.log('shown'), verify: () => {} },
  ]
  const failed = await (runSteps as RunSteps)(steps, {
    server,
    theme: createTheme(false),
    write: (line) => void lines.push(...line.split('\n')),
  })
  await server.close()
  expect(failed).toEqual(['False', 'Throws'])
  expect(lines).toContain('✓ one is one')
  expect(lines).not.toContain('✓ one is two')
  expect(lines.find((line) => line.startsWith('✗ it runs'))).toContain('broken')
  expect(lines).toContain('  shown')
  expect(lines.at(-1)).toMatch(/^✗ 2 of 4 claims verified in [\d.]+ s\. Not verified: False; Throws$/)
})

test('a step that misses something says what, and is no failure', async () => {
  const lines: string[] = []
  const server = await TestServer.start()
  const needy: Step = {
    title: 'Needy',
    claim: 'it ran',
    source: import.meta.url,
    run: () => Promise.reject(new Error('ran')),
    verify: () => {},
    problem: async () => 'there is no KDC',
  }
  const write = (line: string): void => void lines.push(line)
  const failed = await (runSteps as RunSteps)([needy], { server, theme: createTheme(false), write })
  await server.close()
  expect(failed).toEqual([])
  expect(lines.join('')).toContain('- not shown: there is no KDC')
  expect(lines.at(-1)).toMatch(/^✓ 0 of 0 claims verified in [\d.]+ s, 1 not shown$/)
})

test('prints the code between the markers of the file that runs', async () => {
  // >>>
  const printed: string[] = []
  // <<<
  const server = await TestServer.start()
  const step = { title: 't', claim: 'c', source: import.meta.url, run: async () => {}, verify: () => {} }
  const write = (line: string): void => void printed.push(line)
  await (runSteps as RunSteps)([step], { server, theme: createTheme(false), write })
  await server.close()
  expect(printed).toContain('│ const printed: string[] = []')
})

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ TERM: 'dumb' }, true, false],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
])('with %j and a terminal: %s, colours are used: %s', (env, isTTY, expected) => {
  expect((wantsColor as (stream: { isTTY: boolean }, env: object) => boolean)({ isTTY }, env)).toBe(expected)
})

test.each([
  ['() => {}', 0],
  ["() => { throw new Error('not so') }", 1],
])('with a step that verifies by %s the exit code is %i', async (verify, code) => {
  const folder = await mkdtemp(join(tmpdir(), 'entreat-tour-'))
  const text = [
    '// >>>\n// <<<',
    "export const [title, claim, source] = ['Broken', 'it holds', import.meta.url]",
    `export const [run, verify] = [async () => {}, ${verify}]`,
  ]
  await writeFile(join(folder, '01-step.mjs'), text.join('\n'))
  const written: string[] = []
  const stream = { write: (line: string) => written.push(line), isTTY: false }
  const folderUrl = pathToFileURL(`${folder}/`)
  expect(await (runTour as (folder: URL, stream: unknown) => Promise<number>)(folderUrl, stream)).toBe(code)
  expect(written.join('')).toContain(code === 0 ? '✓ it holds' : '✗ it holds: not verified. Error: not so')
  await rm(folder, { recursive: true })
})
