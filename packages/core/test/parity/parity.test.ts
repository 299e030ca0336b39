import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unexpectedCredentials, type WireEntry } from './unexpected-credentials.ts'

interface Deviation {
  /** D1 to D21. */
  difference: string
  reason: string
  /** Credentials that go out though Requests would send none there, as `unexpectedCredentials` names them. */
  sends?: string[]
}
interface Expectation {
  wire: WireEntry[]
}
interface Scenario {
  id: string
  expect: Expectation
  expectAlt?: Record<string, Expectation>
}
interface Verdict {
  id: string
  pass: boolean
  crash?: string
  actual: { wire: WireEntry[] }
}

const here = fileURLToPath(new URL('.', import.meta.url))
const script = fileURLToPath(new URL('../../../../scripts/parity.mjs', import.meta.url))
const deviations = JSON.parse(readFileSync(join(here, 'deviations.json'), 'utf8')) as Record<string, Deviation>

/** Differences that no row of the table covers yet: each is still to be mended or to be given one. */
const open = JSON.parse(readFileSync(join(here, 'open.json'), 'utf8')) as Record<string, string>

const scenarios = new Map<string, Scenario>()
for (const file of readdirSync(join(here, 'scenarios'))) {
  const group = JSON.parse(readFileSync(join(here, 'scenarios', file), 'utf8')) as Scenario[]
  for (const scenario of group) scenarios.set(scenario.id, scenario)
}

/** What Requests sends, on every stack that was recorded. */
function expectedWire(id: string): WireEntry[] {
  const scenario = scenarios.get(id)
  const expectations = [scenario?.expect, ...Object.values(scenario?.expectAlt ?? {})]
  return expectations.flatMap((expectation) => expectation?.wire ?? [])
}

// Its exit status is not looked at: the assertions below say more.
function runCorpus(report: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, '--quiet', '--json', report], (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    )
  })
}

describe('the corpus of what Requests does', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'parity-test-'))
  let output = ''
  let verdicts: Verdict[] = []

  beforeAll(async () => {
    const report = join(scratch, 'report.json')
    output = await runCorpus(report)
    verdicts = (JSON.parse(readFileSync(report, 'utf8')) as { results: Verdict[] }).results
  }, 180_000)

  afterAll(() => rmSync(scratch, { recursive: true, force: true }))

  it('is run whole', () => {
    expect(verdicts.length, output).toBeGreaterThanOrEqual(scenarios.size - 20)
    expect(verdicts.filter(({ crash }) => crash)).toEqual([])
  })

  it('passes, names the difference, or is known to be open', () => {
    const known = { ...deviations, ...open }
    expect(verdicts.filter(({ id, pass }) => !pass && !Object.hasOwn(known, id)).map(({ id }) => id)).toEqual([])
  })

  it('passes nothing that is said to be open', () => {
    expect(verdicts.filter(({ id, pass }) => pass && Object.hasOwn(open, id)).map(({ id }) => id)).toEqual([])
  })

  it('passes as it is for 70 % at least', () => {
    expect(verdicts.filter(({ pass }) => pass).length / verdicts.length).toBeGreaterThanOrEqual(0.7)
  })

  it('has no listed scenario that passes, or that does not exist', () => {
    const passing = new Set(verdicts.filter(({ pass }) => pass).map(({ id }) => id))
    expect(Object.keys(deviations).filter((id) => passing.has(id) || !scenarios.has(id))).toEqual([])
  })

  it('gives each difference by its number and in one line', () => {
    for (const [id, { difference, reason }] of Object.entries(deviations)) {
      expect(difference, id).toMatch(/^D([1-9]|1\d|2[01])$/)
      expect(reason, id).toMatch(/^.{10,200}$/)
    }
  })

  it('sends no credentials, where it differs, to anybody to whom Requests sends none', () => {
    const sent: Record<string, string[]> = {}
    for (const { id, pass, actual } of verdicts) {
      const unexpected = pass ? [] : unexpectedCredentials(actual.wire, expectedWire(id))
      if (unexpected.length > 0) sent[id] = unexpected
    }
    const declared = Object.entries(deviations).flatMap(([id, { sends }]) => (sends ? [[id, sends] as const] : []))
    expect(sent).toEqual(Object.fromEntries(declared))
  })
})
