import { afterAll, beforeAll, describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import { type AdapterCapabilities, adapterSuite, httpTarget, TestProxy, TestServer } from '@entreat/testkit'

const capabilities: AdapterCapabilities = {
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

const http2Worlds = [
  { name: 'HTTPAdapter over HTTP/2', server: () => http2Server, options: { secure: true } },
  {
    name: 'HTTPAdapter over HTTP/2 through a proxy',
    server: () => http2Server,
    options: { secure: true, throughProxy: true },
  },
  { name: 'HTTPAdapter that offers HTTP/2 to HTTP/1.1 alone', server: () => server, options: { secure: true } },
]

for (const { name, server: world, options } of http2Worlds) {
  const target = (): ReturnType<typeof httpTarget> => httpTarget(world(), { proxy, ...options })
  adapterSuite({ name, create: () => new HTTPAdapter({ http2: true }), capabilities, runner, target })
}
