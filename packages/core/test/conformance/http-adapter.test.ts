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
let proxy: TestProxy

beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
})

afterAll(async () => {
  await proxy.close()
  await server.close()
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
