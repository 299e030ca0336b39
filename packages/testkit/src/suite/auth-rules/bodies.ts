import assert from 'node:assert/strict'
import { type Response, UnrewindableBodyError } from '@entreat/core'
import type { AuthBench } from '../auth-bench.ts'
import { assertSameBytes, contentOf, describeError, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const LENGTH = 50_000

/** Rule 4.1.3. */
export function bodyCases(): readonly Case<AuthBench>[] {
  const rule = '4.1.3'
  return [
    {
      rule,
      sentence: 'bodies of refusals are drained, and the connection is reused',
      needs: ['challenge'],
      check: drained,
    },
    { rule, sentence: 'a body that can be opened again arrives whole', needs: [], check: replayable },
    { rule, sentence: 'a body that can be read once is sent once, and never re-sent empty', needs: [], check: oneShot },
  ]
}

async function drained(bench: AuthBench): Promise<void> {
  const { server } = bench
  await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a request')
  assert.ok(server.requests.length > 1, 'it declares a challenge and did not wait for one')
  assert.equal(server.connectionCount, 1, `one exchange took ${server.connectionCount} connections`)
}

async function replayable(bench: AuthBench): Promise<void> {
  const data = contentOf(LENGTH, 1)
  const session = bench.session({ auth: bench.scheme })
  for (const what of ['the first request with a body', 'the second request with a body']) {
    bench.assertAccepted(await within(session.post(bench.url, { data }), 'end the exchange'), what)
    assertSameBytes(lastBody(bench), data, 'the body that arrived with the credentials')
  }
}

function lastBody({ server }: AuthBench): Buffer {
  return server.requests.at(-1)?.body ?? Buffer.alloc(0)
}

async function oneShot(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  const sent = session.post(bench.url, { data: onceReadable() })
  const outcome = await within(
    sent.catch((error: unknown) => error),
    'end the exchange',
  )
  const withBody = bench.server.requests.filter(({ bodyLength }) => bodyLength > 0)
  assert.ok(withBody.length <= 1, `it sent a body that can be read once ${withBody.length} times`)
  if (outcome instanceof Error) {
    const isClear = outcome instanceof UnrewindableBodyError
    assert.ok(isClear, `it raised ${describeError(outcome)} instead of an UnrewindableBodyError`)
    assert.equal(bench.server.requests.at(-1), withBody[0], 'it sent a request after the one with the body')
    return
  }
  bench.assertAccepted(outcome as Response, 'a request with a body that can be read once')
  assertSameBytes(lastBody(bench), contentOf(LENGTH, 2), 'the body that arrived with the credentials')
}

async function* onceReadable(): AsyncGenerator<Uint8Array, void, undefined> {
  const content = contentOf(LENGTH, 2)
  for (let at = 0; at < content.length; at += 20_000) {
    await Promise.resolve()
    yield content.subarray(at, at + 20_000)
  }
}
