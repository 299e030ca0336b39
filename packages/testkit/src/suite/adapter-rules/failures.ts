import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { ConnectionError, type RequestException, Session } from '@entreat/core'
import type { AdapterBench } from '../adapter-bench.ts'
import { asRequestException, describeError, rejectionOf, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.2.7. */
export function failureCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.7'
  const sentence = 'failures are RequestExceptions with the original as cause and facts about the connection'
  return [
    { rule, sentence: `${sentence}: no response`, needs: [], check: noResponse },
    { rule, sentence: `${sentence}: closed without an answer`, needs: ['network'], check: closedUnanswered },
    { rule, sentence: `${sentence}: a body cut short`, needs: ['network'], check: cutShort },
    {
      rule,
      sentence: `${sentence}: a kept connection that has gone`,
      needs: ['network', 'keepAlive'],
      check: keptConnection,
    },
    {
      rule: '4.2',
      sentence: 'under a Session, a request on a kept connection that has gone is repeated once, if it may be',
      needs: ['network', 'keepAlive'],
      check: staleRepeat,
    },
    {
      rule,
      sentence: 'counts what it has sent of a request body',
      needs: ['network', 'uploads', 'http', 'keepAlive'],
      check: countsSent,
    },
    { rule: 'T19', sentence: 'failures show no header and no secret of a URL', needs: [], check: showsNoSecret },
    { rule, sentence: 'what the request body throws passes unchanged', needs: ['uploads'], check: bodyThrows },
  ]
}

async function noResponse(bench: AdapterBench): Promise<void> {
  const sent = bench.send(await bench.find('failing'))
  const error = asRequestException(await rejectionOf(sent, 'fail where there is nothing to answer'))
  assertFacts(error, { responseStarted: false })
  assert.equal(error.connectionReused, false, 'the error says that a connection was reused where there was none')
  assert.ok(
    !error.requestBytesSent,
    `the error says that ${error.requestBytesSent} bytes were sent where none could be`,
  )
}

async function closedUnanswered(bench: AdapterBench): Promise<void> {
  const sent = bench.send(await bench.find('broken'))
  const error = asRequestException(await rejectionOf(sent, 'fail where the peer closed without an answer'))
  assert.ok(error instanceof ConnectionError, `it raised ${describeError(error)} instead of a ConnectionError`)
  assertFacts(error, { responseStarted: false })
}

async function cutShort(bench: AdapterBench): Promise<void> {
  const place = await bench.find('truncated')
  const sendAndRead = async (): Promise<unknown> => (await bench.send(place)).read()
  const error = asRequestException(await rejectionOf(sendAndRead(), 'fail where the body was cut short'))
  assertFacts(error, { responseStarted: true })
}

function assertFacts(error: RequestException, { responseStarted }: { responseStarted: boolean }): void {
  assert.ok(error.cause !== undefined, `${error.name} has no cause: the original error is lost`)
  assert.equal(typeof error.connectionReused, 'boolean', `${error.name}.connectionReused is not set`)
  const { requestBytesSent } = error
  const isCount = requestBytesSent === null || typeof requestBytesSent === 'number'
  assert.ok(isCount, `${error.name}.requestBytesSent is neither a number nor null`)
  const says = `${error.name}.responseStarted is ${String(error.responseStarted)}`
  assert.equal(error.responseStarted, responseStarted, `${says}, not ${String(responseStarted)}`)
}

async function bodyThrows(bench: AdapterBench): Promise<void> {
  const place = await bench.find('upload')
  const thrown = new Error('from the body')
  const data = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield await Promise.resolve(Buffer.from('some'))
    throw thrown
  }
  const error = await rejectionOf(
    bench.send(place, { method: place.method, data: data() }),
    'fail with its request body',
  )
  assert.ok(error === thrown, `it raised ${describeError(error)} instead of what the request body threw`)
}

async function keptConnection(bench: AdapterBench): Promise<void> {
  const place = await bench.find('stale')
  await bench.fetch(place)
  const error = asRequestException(await rejectionOf(bench.send(place), 'fail where a kept connection has gone'))
  assertFacts(error, { responseStarted: false })
  assert.equal(error.connectionReused, true, 'the error does not say that the connection was reused')
  const again = await bench.fetch(place)
  assert.equal(again.statusCode, 200, 'a kept connection that has gone was used once more')
}

/** What a Session makes of the facts; the adapter itself repeats nothing. */
async function staleRepeat(bench: AdapterBench): Promise<void> {
  const place = await bench.find('stale')
  const { verify, cert, proxy } = bench.options(place)
  const proxies = proxy === null ? {} : { all: proxy.url }
  const before = place.count()
  await using session = new Session({ trustEnv: false, verify, cert, proxies })
  session.mount(place.url, bench.adapter, { owned: false })
  await within(session.get(place.url), 'answer')
  const repeated = await within(session.get(place.url), 'answer after a kept connection has gone')
  assert.equal(repeated.statusCode, 200, `the repetition ended with ${repeated.statusCode}`)
  const arrived = place.count() - before
  assert.equal(arrived, 3, `${arrived} requests arrived for two of which one is repeated, not 3`)
  const data = [Buffer.from('read once')].values()
  await rejectionOf(session.post(place.url, { data }), 'leave alone what may have been done, and cannot be sent again')
}

async function countsSent(bench: AdapterBench): Promise<void> {
  const place = await bench.find('broken')
  const sent = bench.send(place, { method: 'POST', data: Buffer.alloc(1000) })
  const { requestBytesSent } = asRequestException(await rejectionOf(sent, 'fail where the peer closed'))
  assert.notEqual(requestBytesSent, 0, 'the error says that nothing was sent of a body that was')
}

const CANARY = 'c4nary-s3cret'

async function showsNoSecret(bench: AdapterBench): Promise<void> {
  const place = await bench.find('failing')
  const fail = async (url: string): Promise<unknown> => {
    const request = await bench.prepare({ ...place, url })
    for (const name of ['Authorization', 'Cookie', 'Proxy-Authorization', 'X-Api-Key'])
      request.headers.set(name, CANARY)
    const sent = bench.sendPrepared(request, bench.options(place))
    return sent.then(
      () => null,
      (error: unknown) => error,
    )
  }
  // Where a query makes it another place, which does not fail, there is none to show.
  const error = (await within(fail(`${place.url}?access_token=${CANARY}`), 'fail')) ?? (await fail(place.url))
  const { message, stack, cause } = error as Error
  const shown = {
    inspect: inspect(error, { depth: 8 }),
    JSON: JSON.stringify(error),
    message,
    stack,
    cause: inspect(cause),
  }
  for (const [how, text] of Object.entries(shown)) {
    assert.ok(!text?.includes(CANARY), `the ${how} of an error shows a secret`)
  }
}
