// A real counterpart: Debian's httpbin under gunicorn, called by entreat and by Python Requests, compared call by call.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Call, Outcome } from './call.ts'
import { comparable } from './comparable.ts'
import { missingPackages, PYTHON, startHttpbin, type HttpbinServer } from './httpbin-server.ts'
import { runTable } from './run-table.ts'

const tablePath = fileURLToPath(new URL('./calls.json', import.meta.url))
const peerPath = fileURLToPath(new URL('../../../../lab/httpbin/requests-peer.py', import.meta.url))
const table = JSON.parse(readFileSync(tablePath, 'utf8')) as Call[]

async function runPeer(base: string): Promise<Outcome[]> {
  const { stdout } = await promisify(execFile)(PYTHON, [peerPath, tablePath, base], { maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout) as Outcome[]
}

const byName = (outcomes: Outcome[]): Map<string, Outcome> =>
  new Map(outcomes.map((outcome) => [outcome.name, outcome]))

function comparableOf(outcomes: Map<string, Outcome>, call: Call): Outcome {
  const outcome = outcomes.get(call.name)
  if (outcome === undefined) throw new Error(`no outcome of ${call.name}`)
  return comparable(outcome, call)
}

const missing = await missingPackages()
const isRequired = process.env['CI'] === 'true'

describe.skipIf(missing !== null && !isRequired)(`httpbin${missing === null ? '' : `: ${missing}`}`, () => {
  let server: HttpbinServer | undefined
  let ours = new Map<string, Outcome>()
  let theirs = new Map<string, Outcome>()

  beforeAll(async () => {
    if (missing !== null) throw new Error(missing)
    server = await startHttpbin()
    theirs = byName(await runPeer(server.base))
    ours = byName(await runTable(table, server.base))
  }, 60_000)

  afterAll(() => server?.stop())

  it.each(table)('gets what Requests gets: $name', (call) => {
    const expected = comparableOf(theirs, call)
    const actual = comparableOf(ours, call)
    if (expected.error && call.differs) {
      expect(expected.error.type).toBe(call.differs.requests)
      expected.error.type = call.differs.entreat
    }
    // An error of ours may know the response where Requests' does not.
    if (actual.error && expected.error?.response === null) actual.error.response = null
    expect(actual).toEqual(expected)
  })
})
