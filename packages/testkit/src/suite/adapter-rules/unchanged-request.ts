import assert from 'node:assert/strict'
import { BasicAuth, type PreparedRequest } from '@entreat/core'
import type { AdapterBench, Sending } from '../adapter-bench.ts'
import type { Place, UploadPlace } from '../adapter-target.ts'
import { assertSameBytes, contentOf, rejectionOf, within } from '../checks.ts'
import { assertUnchanged, takeSnapshot } from '../request-snapshot.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.2.2, and that a body is sent as it is: opened once, whole. */
export function unchangedRequestCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.2'
  return [
    { rule, sentence: 'never changes the request', needs: [], check: afterSuccess },
    { rule, sentence: 'never changes the request, when it fails either', needs: [], check: afterFailure },
    { rule, sentence: 'never changes the options', needs: [], check: options },
    {
      rule,
      sentence: 'never changes the request, and sends its body whole',
      needs: ['uploads'],
      check: (bench) => upload(bench, contentOf(100_000, 7)),
    },
    {
      rule,
      sentence: 'never changes the request, and opens a body that can be read once a single time',
      needs: ['uploads'],
      check: (bench) => upload(bench, onceReadable()),
    },
  ]
}

async function afterSuccess(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(1000, 1)
  const request = await prepareFull(bench, place)
  const before = takeSnapshot(request)
  const response = await within(bench.sendPrepared(request, bench.options(place)), 'answer')
  assertUnchanged(request, before)
  await within(response.read(), 'end the body')
  assertUnchanged(request, before)
}

async function afterFailure(bench: AdapterBench): Promise<void> {
  const place = await bench.find('failing')
  const request = await prepareFull(bench, place)
  const before = takeSnapshot(request)
  await rejectionOf(bench.sendPrepared(request, bench.options(place)), 'fail')
  assertUnchanged(request, before)
}

/** A request with something in every field that an adapter could be tempted to touch. */
async function prepareFull(bench: AdapterBench, place: Place, sending: Sending = {}): Promise<PreparedRequest> {
  const request = await bench.prepare(place, { ...sending, auth: new BasicAuth('suite', 'secret') })
  request.headers.append('X-Suite', 'one')
  request.headers.append('X-Suite', 'two')
  return request
}

async function upload(bench: AdapterBench, data: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const place: UploadPlace = await bench.find('upload')
  const request = await prepareFull(bench, place, { method: place.method, data })
  const before = takeSnapshot(request)
  const response = await within(bench.sendPrepared(request, bench.options(place)), 'answer')
  await within(response.read(), 'end the body')
  assertUnchanged(request, before)
  assertSameBytes(await place.received(), contentOf(100_000, 7), 'the request body did not arrive as it was')
}

async function* onceReadable(): AsyncGenerator<Uint8Array, void, undefined> {
  const content = contentOf(100_000, 7)
  for (let at = 0; at < content.length; at += 30_000) {
    await Promise.resolve()
    yield content.subarray(at, at + 30_000)
  }
}

async function options(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(1000, 1)
  const given = bench.options(place)
  const seen = (): object => ({ ...given, limits: { ...given.limits }, timeout: { ...given.timeout } })
  const before = seen()
  const response = await within(bench.sendPrepared(await bench.prepare(place), given), 'answer')
  await within(response.read(), 'end the body')
  assert.deepEqual(seen(), before, 'it changed the options')
}
