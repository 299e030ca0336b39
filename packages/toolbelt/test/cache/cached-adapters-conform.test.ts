import { afterAll, beforeAll, describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import { adapterSuite, HTTP_CAPABILITIES, httpTarget, TestProxy, TestServer } from '@entreat/testkit'
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
  capabilities: HTTP_CAPABILITIES,
  runner: { describe, test },
  target: () => httpTarget(server, { proxy }),
})
