import { afterAll, beforeAll, describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import { adapterSuite, HTTP_CAPABILITIES, httpTarget, TestProxy, TestServer } from '@entreat/testkit'

const capabilities = HTTP_CAPABILITIES
const runner = { describe, test }
const create = (): HTTPAdapter => new HTTPAdapter()

let server: TestServer
let http2Server: TestServer
let proxy: TestProxy

beforeAll(async () => {
  server = await TestServer.start()
  http2Server = await TestServer.start({ http2: true })
  proxy = await TestProxy.start()
})

afterAll(async () => {
  await proxy.close()
  await Promise.all([server.close(), http2Server.close()])
})

const worlds = [
  { name: 'HTTPAdapter over http', options: {} },
  { name: 'HTTPAdapter over https', options: { secure: true } },
  { name: 'HTTPAdapter over http through a proxy', options: { throughProxy: true } },
  { name: 'HTTPAdapter over https through a proxy', options: { secure: true, throughProxy: true } },
]

for (const { name, options } of worlds) {
  const target = (): ReturnType<typeof httpTarget> => httpTarget(server, { proxy, ...options })
  adapterSuite({ name, create, capabilities, runner, target })
}

// One connection has slots for all who ask: who waits for one is tested in shares-connections.test.ts. A head far beyond the limit is reset by Node
// before we see it, with a code that servers use as well: reports-broken-streams.test.ts.
const shared = { ...capabilities, poolTimeout: false, headLimit: false }
const http2Worlds = [
  { name: 'over HTTP/2', world: () => http2Server, options: {}, capabilities: shared },
  {
    name: 'over HTTP/2 through a proxy',
    world: () => http2Server,
    options: { throughProxy: true },
    capabilities: shared,
  },
  { name: 'that offers HTTP/2 to HTTP/1.1 alone', world: () => server, options: {}, capabilities },
]

for (const { name, world, options, ...declared } of http2Worlds) {
  const target = (): ReturnType<typeof httpTarget> => httpTarget(world(), { proxy, secure: true, ...options })
  const offering = (): HTTPAdapter => new HTTPAdapter({ http2: true })
  adapterSuite({ name: `HTTPAdapter ${name}`, create: offering, runner, target, ...declared })
}
