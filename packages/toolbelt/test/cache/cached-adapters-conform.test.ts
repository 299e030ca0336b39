import { afterAll, beforeAll, describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import { adapterSuite, httpTarget, TestProxy, TestServer } from '@entreat/testkit'
import { CacheAdapter } from '@entreat/toolbelt/cache'

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
  name: 'CacheAdapter over an HTTPAdapter',
  create: () => new CacheAdapter(new HTTPAdapter()),
  capabilities: {
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
    http: true,
    connections: true,
    proxies: true,
  },
  runner: { describe, test },
  target: () => httpTarget(server, { proxy }),
})
