import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdapterBench } from '../adapter-bench.ts'
import { assertSameBytes, contentOf, rawBytes, within } from '../checks.ts'
import { heldBytes, settledBytes } from '../held-bytes.ts'
import type { Case } from '../suite-runner.ts'

const MIB = 1024 * 1024
const LARGE_BYTES = 64 * MIB
/** What an adapter may hold for a reader that does not read. */
const MOST_HELD_BYTES = 16 * MIB

/** Rule 4.2.5. */
export function responseBodyCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.5'
  return [
    { rule, sentence: 'hands the body over byte for byte', needs: [], check: byteForByte },
    { rule, sentence: 'hands the body over for the caller who does not stream', needs: [], check: unstreamed },
    { rule, sentence: 'resolves once the head is known', needs: ['streaming', 'network'], check: resolvesAtHead },
    { rule, sentence: 'the body streams with back-pressure', needs: ['streaming'], check: backPressure },
    { rule, sentence: 'a body that is given up is let go', needs: ['streaming'], check: givenUp },
  ]
}

async function byteForByte(bench: AdapterBench): Promise<void> {
  for (const length of [0, 1, 65_537, 300_000]) {
    const place = await bench.resource(length, length)
    const expected = contentOf(length, length)
    assertSameBytes((await bench.fetch(place)).content, expected, 'the body read whole')
    const raw = await within(bench.send(place), 'answer')
    assertSameBytes(await within(rawBytes(raw), 'end the body'), expected, 'the body read as a stream')
    const inPieces = await within(bench.send(place), 'answer')
    const pieces: Buffer[] = []
    for await (const piece of inPieces.iterContent(1000)) pieces.push(piece)
    assertSameBytes(Buffer.concat(pieces), expected, 'the body read piece by piece')
  }
}

async function unstreamed(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(300_000, 5)
  const response = await bench.fetch(place, { stream: false })
  assertSameBytes(response.content, contentOf(300_000, 5), 'the body that was not to be streamed')
}

async function resolvesAtHead(bench: AdapterBench): Promise<void> {
  const response = await within(bench.send(await bench.find('stalled')), 'resolve at the head')
  const ended = response.read().then(
    () => 'ended',
    () => 'failed',
  )
  const outcome = await Promise.race([ended, sleep(50, 'is on its way')])
  assert.equal(outcome, 'is on its way', `a body that the target still owes ${outcome}`)
}

async function backPressure(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(LARGE_BYTES, 9)
  const heldBefore = await settledBytes()
  const response = await within(bench.send(place), 'resolve at the head')
  const body = response.iterContent()
  let received = (await within(body.next(), 'give a piece of the body')).value?.length ?? 0
  const most = heldBefore + MOST_HELD_BYTES
  // Until it has held the same for a while: on a busy machine a greedy adapter takes its time.
  let seen = 0
  for (let still = 0, polls = 0; still < 10 && polls < 100; polls++) {
    const held = await heldBytes()
    assert.ok(held < most, `it holds more than ${MOST_HELD_BYTES / MIB} MiB for a reader that does not read`)
    still = held > seen ? 0 : still + 1
    seen = Math.max(seen, held)
    await sleep(20)
  }
  for await (const piece of body) received += piece.length
  assert.equal(received, LARGE_BYTES, 'a body that was read slowly is not whole')
}

async function givenUp(bench: AdapterBench): Promise<void> {
  const response = await within(bench.send(await bench.resource(LARGE_BYTES, 9)), 'resolve at the head')
  await response.iterContent().next()
  response.close()
  const next = await bench.fetch(await bench.resource(1000, 2))
  assertSameBytes(next.content, contentOf(1000, 2), 'the request after a body that was given up')
}
