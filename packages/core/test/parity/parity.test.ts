import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unexpectedCredentials, type WireEntry } from './unexpected-credentials.ts'

interface Deviation {
  /** A row of docs/reference/differences.md. */
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
  tags?: string[]
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

const page = readFileSync(new URL('../../../../docs/reference/differences.md', import.meta.url), 'utf8')
const differences = new Set(page.match(/^\| D\d+(?= )/gm)?.map((cell) => cell.slice(2)))

/** Scenarios that hinge on Python itself, not on what Requests means to do. */
const PYTHON_ALONE = new Set(['cpython-quirk', 'python-types', 'python-error', 'default-headers', 'detector'])

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

  it('passes, or names the difference', () => {
    expect(verdicts.filter(({ id, pass }) => !pass && !Object.hasOwn(deviations, id)).map(({ id }) => id)).toEqual([])
    expect(output).toContain('100 % pass or listed')
  })

  it('differs in 15 % at most, leaving out what hinges on Python itself', () => {
    const listed = [...scenarios.values()].filter(
      ({ id, tags = [] }) => Object.hasOwn(deviations, id) && !tags.some((tag) => PYTHON_ALONE.has(tag)),
    )
    expect(listed.length / scenarios.size).toBeLessThanOrEqual(0.15)
  })

  it('has no listed scenario that passes, or that does not exist', () => {
    const passing = new Set(verdicts.filter(({ pass }) => pass).map(({ id }) => id))
    expect(Object.keys(deviations).filter((id) => passing.has(id) || !scenarios.has(id))).toEqual([])
  })

  it('gives each difference by its number in the documentation, and in one line', () => {
    for (const [id, { difference, reason }] of Object.entries(deviations)) {
      expect(differences, id).toContain(difference)
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
