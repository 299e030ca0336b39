import assert from 'node:assert/strict'
import { ConnectionError, type RequestException } from '@entreat/core'
import type { AdapterBench } from '../adapter-bench.ts'
import { asRequestException, describeError, rejectionOf } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.2.7. */
export function failureCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.7'
  const sentence = 'failures are RequestExceptions with the original as cause and facts about the connection'
  return [
    { rule, sentence: `${sentence}: no response`, needs: [], check: noResponse },
    { rule, sentence: `${sentence}: closed without an answer`, needs: ['network'], check: closedUnanswered },
    { rule, sentence: `${sentence}: a body cut short`, needs: ['network'], check: cutShort },
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
