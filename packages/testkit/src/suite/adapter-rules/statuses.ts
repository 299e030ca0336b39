import assert from 'node:assert/strict'
import type { AdapterBench } from '../adapter-bench.ts'
import { describeError, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.2.3. */
export function statusCases(): readonly Case<AdapterBench>[] {
  return [
    { rule: '4.2.3', sentence: 'any status is a response, not an error', needs: ['statuses'], check: allStatuses },
    { rule: '4.2.3', sentence: 'success is a response with a status from 200 to 299', needs: [], check: success },
  ]
}

async function allStatuses(bench: AdapterBench): Promise<void> {
  for (const place of await bench.find('statuses')) {
    const { statusCode, method = 'GET' } = place
    const sent = bench.send(place, { method }).catch((error: unknown) => {
      assert.fail(`it rejected where the answer is ${statusCode}: ${describeError(error)}`)
    })
    const response = await within(sent, `answer ${statusCode}`)
    assert.equal(response.statusCode, statusCode, `it gave ${response.statusCode} where the answer is ${statusCode}`)
    await within(response.read(), `end the body of a ${statusCode}`)
  }
}

async function success(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(10, 1)
  const request = await bench.prepare(place)
  const response = await within(bench.sendPrepared(request, bench.options(place)), 'answer')
  const { statusCode, url } = response
  assert.ok(statusCode >= 200 && statusCode < 300, `it gave ${statusCode} for a resource that is there`)
  assert.equal(url, request.url, 'it gave a response of another URL')
  assert.equal(response.request, request, 'it gave a response of another request')
}
