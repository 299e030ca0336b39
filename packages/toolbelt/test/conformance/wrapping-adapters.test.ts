import { adapterSuite, httpTarget, TestProxy, TestServer } from '@entreat/testkit'
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

const everything = {
  statuses: true,
  uploads: true,
  streaming: true,
  network: true,
  connectTimeout: true,
  readTimeout: true,
  writeTimeout: true,
  poolTimeout: true,
  headLimit: true,
  keepAlive: true,
  tls: true,
  clientCertificates: true,
  proxies: true,
  http: true,
  connections: true,
}

adapterSuite({
  name: 'RateLimitAdapter',
  runner: { describe, test },
  create: () => new RateLimitAdapter({ limit: 1_000_000 }),
  capabilities: everything,
  target: () => httpTarget(server, { proxy }),
})

adapterSuite({
  name: 'CircuitBreakerAdapter',
  runner: { describe, test },
  create: () => new CircuitBreakerAdapter({ failures: 1_000_000 }),
  capabilities: everything,
  target: () => httpTarget(server, { proxy }),
})
