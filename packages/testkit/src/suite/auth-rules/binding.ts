import assert from 'node:assert/strict'
import type { AuthBench } from '../auth-bench.ts'
import { within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const REQUESTS = 12
/** What NTLM needs before the request that counts; no scheme needs more. */
const MOST_EXTRA_LEGS = 2

/** Rule 4.1.5, for schemes that bind their exchanges to connections. */
export function bindingCases(): readonly Case<AuthBench>[] {
  const rule = '4.1.5'
  const needs = ['connectionBound']
  return [
    { rule, sentence: 'every leg of an exchange travels on one connection', needs, check: oneConnection },
    { rule, sentence: 'requests in turn cost one handshake', needs, check: (bench) => costs(bench, false) },
    {
      rule,
      sentence: 'requests at once cost one handshake for each connection',
      needs,
      check: (bench) => costs(bench, true),
    },
    { rule, sentence: 'a request without the credential never rides on its connection', needs, check: plainRequests },
  ]
}

async function oneConnection(bench: AuthBench): Promise<void> {
  await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a request')
  const used = new Set(bench.server.requests.map(({ connection }) => connection))
  assert.equal(used.size, 1, `one exchange travelled on ${used.size} connections`)
}

async function costs(bench: AuthBench, atOnce: boolean): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  const ask = (): Promise<void> => bench.assertWorks(session, 'one of several requests')
  if (atOnce) await Promise.all(Array.from({ length: REQUESTS }, ask))
  else for (let sent = 0; sent < REQUESTS; sent++) await ask()
  const { requests, connectionCount } = bench.server
  const most = REQUESTS + MOST_EXTRA_LEGS * connectionCount
  const cost = `${requests.length} round trips on ${connectionCount} connections`
  assert.ok(requests.length <= most, `${REQUESTS} requests cost ${cost}, more than ${most}`)
  if (!atOnce) assert.equal(connectionCount, 1, `${REQUESTS} requests in turn cost ${cost}`)
}

async function plainRequests(bench: AuthBench): Promise<void> {
  const session = bench.session()
  const signed = await session.get(bench.url, { auth: bench.scheme })
  bench.assertAccepted(signed, 'a request')
  const bound = bench.server.requests.at(-1)?.connection
  const plain = await within(session.get(`${bench.server.url}/get`, { auth: null }), 'answer a plain request')
  bench.assertAccepted(plain, 'a plain request')
  const used = bench.server.requests.at(-1)?.connection
  assert.notEqual(used, bound, 'a request without the credential travelled on its connection')
}
