import assert from 'node:assert/strict'
import { Request, type Response } from '@entreat/core'
import type { AdapterBench } from '../adapter-bench.ts'
import { within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Of 4.3: hooks are the Session's to run. */
export function hookCases(): readonly Case<AdapterBench>[] {
  return [{ rule: '4.3', sentence: 'runs no hooks', needs: [], check: runsNone }]
}

async function runsNone(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(10, 1)
  const ran: string[] = []
  const note = (event: string) => (): void => void ran.push(event)
  const hooks = {
    request: note('request'),
    response: note('response'),
    redirect: note('redirect'),
    retry: note('retry'),
  }
  const request = await new Request('GET', place.url, { hooks }).prepare()
  const response: Response = await within(bench.sendPrepared(request, bench.options(place)), 'answer')
  await within(response.read(), 'end the body')
  assert.deepEqual(ran, [], `it ran the hooks for ${ran.join(', ')}, which is the Session's to do`)
}
