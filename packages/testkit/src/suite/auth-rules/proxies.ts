import assert from 'node:assert/strict'
import { ProxyError, type Session } from '@entreat/core'
import type { TestProxy } from '../../test-proxy.ts'
import type { AuthBench } from '../auth-bench.ts'
import { describeError, rejectionOf, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.1.6. */
export function proxyCases(): readonly Case<AuthBench>[] {
  const rule = '4.1.6'
  const needs = ['proxy']
  return [
    { rule, sentence: 'works as proxyAuth for plain http', needs, check: (bench) => passes(bench, bench.server.url) },
    {
      rule,
      sentence: 'works as proxyAuth for a tunnel',
      needs,
      check: (bench) => passes(bench, bench.server.httpsUrl),
    },
    {
      rule,
      sentence: 'works as auth and as proxyAuth at once for plain http',
      needs,
      check: (bench) => both(bench, bench.server.url),
    },
    {
      rule,
      sentence: 'works as auth and as proxyAuth at once for a tunnel',
      needs,
      check: (bench) => both(bench, bench.server.httpsUrl),
    },
    { rule, sentence: 'a proxy that keeps refusing is a 407 for plain http', needs, check: refusedForward },
    { rule, sentence: 'a refused tunnel is a ProxyError with the response', needs, check: refusedTunnel },
  ]
}

function through(bench: AuthBench, proxy: TestProxy, options: { auth?: AuthBench['scheme'] } = {}): Session {
  return bench.session({ ...options, proxies: { all: proxy.url }, proxyAuth: bench.scheme })
}

async function passes(bench: AuthBench, origin: string): Promise<void> {
  const proxy = await bench.proxy()
  const session = through(bench, proxy)
  for (const what of ['a request through a proxy', 'a second request through a proxy']) {
    bench.assertAccepted(await within(session.get(`${origin}/get`), 'get through a proxy'), what)
  }
  assert.ok(proxy.requests.length > 0, 'nothing went through the proxy')
  assertNotPassedOn(bench)
}

function assertNotPassedOn(bench: AuthBench): void {
  for (const request of bench.server.requests) {
    assert.equal(request.header('proxy-authorization'), null, "the proxy's credentials reached the origin")
  }
}

/** Of one origin: a scheme may hold to the first that it is used for. */
async function both(bench: AuthBench, origin: string): Promise<void> {
  const session = through(bench, await bench.proxy(), { auth: bench.scheme })
  const response = await within(session.get(origin + bench.target.path), 'get through a proxy')
  bench.assertAccepted(response, 'a request that proxy and origin ask credentials for')
  assertNotPassedOn(bench)
}

/** A proxy with the target's challenges that nothing satisfies. */
function refusingProxy(bench: AuthBench): Promise<TestProxy> {
  const authenticate = bench.target.authenticateProxy?.()
  return bench.proxy((request) => authenticate?.({ ...request, authorization: undefined }) ?? ['Basic realm="none"'])
}

async function refusedForward(bench: AuthBench): Promise<void> {
  const session = through(bench, await refusingProxy(bench))
  const outcome = session.get(`${bench.server.url}/get`).then(
    ({ statusCode }) => assert.equal(statusCode, 407, `a refusal ended with ${statusCode}, not 407`),
    (error: unknown) => assert.ok(error instanceof ProxyError, `it raised ${describeError(error)}`),
  )
  await within(outcome, 'come to an end')
  assert.equal(bench.server.requests.length, 0, 'a refused request reached the origin')
}

async function refusedTunnel(bench: AuthBench): Promise<void> {
  const session = through(bench, await refusingProxy(bench))
  const error = await rejectionOf(session.get(`${bench.server.httpsUrl}/get`), 'fail with a refused tunnel')
  assert.ok(error instanceof ProxyError, `it raised ${describeError(error)} instead of a ProxyError`)
  assert.equal(
    error.response?.statusCode,
    407,
    `the error's response has status ${error.response?.statusCode}, not 407`,
  )
  assert.equal(bench.server.requests.length, 0, 'a refused request reached the origin')
}
