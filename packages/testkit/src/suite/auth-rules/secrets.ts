import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { ConnectionError } from '@entreat/core'
import type { AuthBench } from '../auth-bench.ts'
import { rejectionOf } from '../checks.ts'
import { FailingWire } from '../failing-wire.ts'
import type { Case } from '../suite-runner.ts'

/** Of section 5: nothing that is printed holds a secret. */
export function secretCases(): readonly Case<AuthBench>[] {
  return [
    { rule: '5', sentence: 'no secret in inspect, JSON or text of the scheme', needs: [], check: ofScheme },
    { rule: '5', sentence: 'no secret in what an exchange gives or raises', needs: [], check: ofExchange },
    { rule: 'T19', sentence: 'no secret in what diagnostics publish', needs: [], check: ofDiagnostics },
    { rule: 'T9', sentence: 'nothing that must not be guessed comes from Math.random', needs: [], check: ofChance },
  ]
}

function assertSilent(bench: AuthBench, value: unknown, what: string): void {
  const shown = { depth: 10, showHidden: false } as const
  bench.assertNoSecret(inspect(value, shown), `inspect() of ${what}`)
  bench.assertNoSecret(String(value), `the text of ${what}`)
  bench.assertNoSecret(JSON.stringify(value) ?? '', `JSON.stringify() of ${what}`)
}

async function ofScheme(bench: AuthBench): Promise<void> {
  assertSilent(bench, bench.scheme, 'the scheme')
  await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a request')
  assertSilent(bench, bench.scheme, 'a scheme that was used')
}

async function ofExchange(bench: AuthBench): Promise<void> {
  const wire = new FailingWire()
  const session = bench.session({ auth: bench.scheme })
  session.mount('http://', wire)
  assertSilent(bench, session, 'a Session')
  const response = await session.get(bench.server.url + '/get')
  assertSilent(bench, response, 'a response')
  assertSilent(bench, response.request, 'a request')
  wire.restart(() => {
    throw new ConnectionError('the suite broke this leg', { request: response.request })
  })
  const error = await rejectionOf(session.get(`${bench.server.url}/get`), 'fail')
  assertSilent(bench, error, 'an error')
}

const CHANNELS = ['start', 'leg', 'redirect', 'retry', 'end', 'error'].map((name) => `entreat:${name}`)

async function ofDiagnostics(bench: AuthBench): Promise<void> {
  const published: unknown[] = []
  const listener = (message: unknown): void => void published.push(message)
  for (const channel of CHANNELS) subscribe(channel, listener)
  try {
    const session = bench.session({ auth: bench.scheme })
    await bench.assertWorks(session, 'a request')
    await session.get(bench.refusingUrl).catch(() => {})
  } finally {
    for (const channel of CHANNELS) unsubscribe(channel, listener)
  }
  // The URL is the target's, which may hold a password as its own way to be told.
  const { url } = bench
  for (const message of published) {
    const text = inspect(message, { depth: 10 }).replaceAll(url, '')
    bench.assertNoSecret(text, 'a diagnostics message')
  }
}

async function ofChance(bench: AuthBench): Promise<void> {
  const { random } = Math
  const askers: string[] = []
  try {
    Math.random = () => {
      const { stack = '' } = new Error('asked')
      if (/authFlow|\bapply\b/.test(stack)) askers.push(stack)
      return 0.5
    }
    await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a request while chance always says the same')
  } finally {
    Math.random = random
  }
  assert.equal(askers.length, 0, `it asked Math.random for what it sends: ${askers[0] ?? ''}`)
}
