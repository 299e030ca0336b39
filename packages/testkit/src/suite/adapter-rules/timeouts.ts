import assert from 'node:assert/strict'
import { ConnectTimeout, PoolTimeout, ReadTimeout, type ResolvedTimeout, WriteTimeout } from '@entreat/core'
import type { AdapterBench } from '../adapter-bench.ts'
import { describeError, rejectionOf, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const SHORT_MS = 150
const NONE: ResolvedTimeout = { connect: null, read: null, write: null, pool: null, total: null }

/** Rule 4.2.6: `timeout`. */
export function timeoutCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.6'
  return [
    {
      rule,
      sentence: 'honours timeout.connect',
      needs: ['network', 'connectTimeout'],
      check: noConnection,
    },
    {
      rule,
      sentence: 'honours timeout.read before the head',
      needs: ['network', 'readTimeout'],
      check: noHead,
    },
    {
      rule,
      sentence: 'honours timeout.read inside the body',
      needs: ['network', 'readTimeout', 'streaming'],
      check: noBody,
    },
    { rule, sentence: 'honours timeout.write', needs: ['network', 'uploads', 'writeTimeout'], check: notTaken },
    { rule, sentence: 'honours timeout.pool', needs: ['network', 'streaming', 'poolTimeout'], check: noSlot },
  ]
}

async function noConnection(bench: AdapterBench): Promise<void> {
  const sent = bench.send(await bench.find('unanswered'), { timeout: { ...NONE, connect: SHORT_MS } })
  const error = await rejectionOf(sent, 'give up a connection that did not come about')
  assert.ok(error instanceof ConnectTimeout, `it raised ${describeError(error)} instead of a ConnectTimeout`)
}

async function noHead(bench: AdapterBench): Promise<void> {
  const sent = bench.send(await bench.find('silent'), { timeout: { ...NONE, read: SHORT_MS } })
  assertReadTimeout(await rejectionOf(sent, 'give up a silent peer'))
}

async function noBody(bench: AdapterBench): Promise<void> {
  const sent = bench.send(await bench.find('stalled'), { timeout: { ...NONE, read: SHORT_MS } })
  const response = await within(sent, 'resolve at the head')
  assertReadTimeout(await rejectionOf(response.read(), 'give up a body that stalls'))
}

function assertReadTimeout(error: unknown): void {
  assert.ok(error instanceof ReadTimeout, `it raised ${describeError(error)} instead of a ReadTimeout`)
}

async function notTaken(bench: AdapterBench): Promise<void> {
  const data = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const piece = Buffer.alloc(1024 * 1024)
    for (let sent = 0; sent < 256; sent++) yield await Promise.resolve(piece)
  }
  const timeout = { ...NONE, write: SHORT_MS }
  const sent = bench.send(await bench.find('unread'), { method: 'POST', data: data(), timeout })
  const error = await rejectionOf(sent, 'give up a body that nobody takes')
  assert.ok(error instanceof WriteTimeout, `it raised ${describeError(error)} instead of a WriteTimeout`)
}

async function noSlot(bench: AdapterBench): Promise<void> {
  const limits = { ...bench.limits, connectionsPerOrigin: 1 }
  const place = await bench.find('stalled')
  const first = await within(bench.send(place, { limits }), 'resolve at the head')
  const waiting = bench.send(place, { limits, timeout: { ...NONE, pool: SHORT_MS } })
  const error = await rejectionOf(waiting, 'give up waiting for a connection')
  assert.ok(error instanceof PoolTimeout, `it raised ${describeError(error)} instead of a PoolTimeout`)
  first.close()
}
