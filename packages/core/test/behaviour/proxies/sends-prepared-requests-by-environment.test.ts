import { ProxyError, Request, Session } from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { failure } from '../support/failure.ts'

let server: TestServer
let proxy: TestProxy

beforeAll(async () => {
  server = await TestServer.start({ tls: false })
  proxy = await TestProxy.start()
})

afterAll(async () => {
  await Promise.all([server.close(), proxy.close()])
})

beforeEach(() => {
  proxy.reset()
  for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'])
    vi.stubEnv(name, '')
  vi.stubEnv('http_proxy', proxy.url)
})

afterEach(() => void vi.unstubAllEnvs())

const WAYS = [
  ['by itself', (_: Session, request: Request) => request.prepare()],
  ['by the Session', (session: Session, request: Request) => session.prepareRequest(request)],
] as const

it.each(WAYS)('leads send() of a request prepared %s through the proxy, redirects too', async (_way, prepare) => {
  await using session = new Session()
  const response = await session.send(await prepare(session, new Request('GET', `${server.url}/redirect/2`)))
  expect([response.statusCode, proxy.requests.length]).toEqual([200, 3])
})

it.each(WAYS)('fails send() of a request prepared %s where the proxy is dead', async (_way, prepare) => {
  vi.stubEnv('http_proxy', 'http://127.0.0.1:1')
  await using session = new Session()
  const prepared = await prepare(session, new Request('GET', `${server.url}/get`))
  expect(await failure(session.send(prepared))).toBeInstanceOf(ProxyError)
})

it('names a proxy for a host of its own, and one for all', async () => {
  vi.stubEnv('http_proxy', '')
  vi.stubEnv('all_proxy', proxy.url)
  await using session = new Session()
  expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
  expect(proxy.requests).toHaveLength(1)
})
