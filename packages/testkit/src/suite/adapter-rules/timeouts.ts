import assert from 'node:assert/strict'
import { ConnectTimeout, ReadTimeout, type ResolvedTimeout } from '@entreat/core'
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
