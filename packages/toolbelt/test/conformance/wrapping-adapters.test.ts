import { adapterSuite, HTTP_CAPABILITIES, httpTarget, TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { CircuitBreakerAdapter } from '@entreat/toolbelt/circuit-breaker'
import { RateLimitAdapter } from '@entreat/toolbelt/rate-limit'

let server: TestServer
let proxy: TestProxy
beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
})
afterAll(async () => {
  await proxy.close()
  await server.close()
})

adapterSuite({
  name: 'RateLimitAdapter',
  runner: { describe, test },
  create: () => new RateLimitAdapter({ limit: 1_000_000 }),
  capabilities: HTTP_CAPABILITIES,
  target: () => httpTarget(server, { proxy }),
})

adapterSuite({
  name: 'CircuitBreakerAdapter',
  runner: { describe, test },
  create: () => new CircuitBreakerAdapter({ failures: 1_000_000 }),
  capabilities: HTTP_CAPABILITIES,
  target: () => httpTarget(server, { proxy }),
})
