import { afterAll, beforeAll, describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import { adapterSuite, HTTP_CAPABILITIES, httpTarget, TestProxy, TestServer } from '@entreat/testkit'
import { HarRecorder } from '@entreat/toolbelt/har'

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
  name: 'an HTTPAdapter that is recorded',
  create: () => new HarRecorder().wrap(new HTTPAdapter()),
  capabilities: HTTP_CAPABILITIES,
  runner: { describe, test },
  target: () => httpTarget(server, { proxy }),
})
