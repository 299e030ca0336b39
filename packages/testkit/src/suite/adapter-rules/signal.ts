import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdapterBench } from '../adapter-bench.ts'
import { assertSameBytes, contentOf, describeError, rejectionOf, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const MIB = 1024 * 1024

/** Rule 4.2.6: `signal`. */
export function signalCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.6'
  return [
    { rule, sentence: 'honours a signal that has aborted before', needs: [], check: abortedBefore },
    { rule, sentence: 'honours a signal while it waits for the head', needs: ['network'], check: abortedWaiting },
    { rule, sentence: 'honours a signal inside the body', needs: ['streaming'], check: abortedInBody },
    { rule, sentence: 'lets go of the signal at the end', needs: [], check: letsGo },
  ]
}

/** Passes unchanged: the very same object. */
function assertReason(error: unknown, reason: unknown): void {
  assert.ok(error === reason, `it raised ${describeError(error)} instead of the signal's reason`)
}

async function abortedBefore(bench: AdapterBench): Promise<void> {
  const reason = new Error('aborted before')
  const seen = bench.target.http?.requests().length
  const sent = bench.send(await bench.resource(1000, 1), { signal: AbortSignal.abort(reason) })
  assertReason(await rejectionOf(sent, 'reject although its signal had aborted before'), reason)
  assert.equal(bench.target.http?.requests().length, seen, 'it sent a request whose signal had aborted before')
}

async function abortedWaiting(bench: AdapterBench): Promise<void> {
  const controller = new AbortController()
  const reason = new Error('aborted while waiting')
  const sent = bench.send(await bench.find('silent'), { signal: controller.signal })
  sent.catch(() => {})
  await sleep(50)
  controller.abort(reason)
  assertReason(await rejectionOf(sent, 'reject when its signal aborted'), reason)
}

async function abortedInBody(bench: AdapterBench): Promise<void> {
  const controller = new AbortController()
  const reason = new Error('aborted inside the body')
  const response = await within(
    bench.send(await bench.resource(64 * MIB, 9), { signal: controller.signal }),
    'resolve at the head',
  )
  await within(response.iterContent().next(), 'give a piece of the body')
  controller.abort(reason)
  const rest = async (): Promise<void> => {
    for await (const _piece of response.iterContent()) continue
  }
  assertReason(await rejectionOf(rest(), 'end a body whose signal aborted'), reason)
}

async function letsGo(bench: AdapterBench): Promise<void> {
  const { signal } = new AbortController()
  const response = await bench.fetch(await bench.resource(1000, 1), { signal })
  assertSameBytes(response.content, contentOf(1000, 1), 'a body with a signal')
  await rejectionOf(bench.send(await bench.find('failing'), { signal }), 'fail')
  await sleep(0)
  const left = getEventListeners(signal, 'abort').length
  assert.equal(left, 0, `it left ${left} listeners on a signal that outlives the request`)
}
