import { DigestAuth, HTTPAdapter, type RequestOptions, Session } from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { Agent, type Dispatcher, interceptors, MockAgent, ProxyAgent, RetryAgent } from 'undici'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { failure } from '../support/failure.ts'

let server: TestServer
let proxy: TestProxy

beforeAll(async () => {
  server = await TestServer.start({
    // Answers that may be kept, and that say which they are.
    handler(request, response) {
      if (request.url !== '/kept') return false
      response.setHeader('Cache-Control', 'max-age=60')
      response.end(String(server.requests.length))
      return true
    },
  })
  proxy = await TestProxy.start()
})

afterAll(async () => {
  await Promise.all([server.close(), proxy.close()])
})

beforeEach(() => {
  server.reset()
  proxy.reset()
})

/** Runs a test with a Session above a dispatcher, and closes both. */
async function withDispatcher(dispatcher: Dispatcher, use: (session: Session) => Promise<void>): Promise<void> {
  const session = new Session({ trustEnv: false })
  const adapter = new HTTPAdapter({ dispatcher })
  try {
    await use(session.mount('http://', adapter).mount('https://', adapter))
  } finally {
    await session.close()
    await dispatcher.close()
  }
}

it('interceptors.cache() answers the second request, through session.fetch as well', async () => {
  await withDispatcher(new Agent().compose(interceptors.cache()), async (session) => {
    const first = await session.get(`${server.url}/kept`)
    const second = await session.get(`${server.url}/kept`)
    const third = await session.fetch(`${server.url}/kept`)
    expect([first.text, second.text, await third.text()]).toEqual(['1', '1', '1'])
    expect(server.requests).toHaveLength(1)
  })
})

it('interceptors.cache() keeps requests with other headers apart, as Vary says', async () => {
  await withDispatcher(new Agent().compose(interceptors.cache()), async (session) => {
    const url = `${server.url}/response-headers?Cache-Control=max-age%3D60&Vary=X-Own`
    for (const own of ['1', '2', '1']) await session.get(url, { headers: { 'X-Own': own } })
    expect(server.requests.map((request) => request.header('x-own'))).toEqual(['1', '2'])
  })
})

it.each<[string, () => Dispatcher]>([
  ['interceptors.retry()', () => new Agent().compose(interceptors.retry({ minTimeout: 1, timeoutFactor: 1 }))],
  ['a RetryAgent', () => new RetryAgent(new Agent(), { minTimeout: 1, timeoutFactor: 1 })],
])('%s tries again below the Session, which sees one answer', async (name, create) => {
  await withDispatcher(create(), async (session) => {
    const response = await session.get(`${server.url}/flaky/${encodeURIComponent(name)}/2`)
    expect([response.statusCode, response.history.length, server.requests.length]).toEqual([200, 0, 3])
  })
})

it('interceptors.dns() resolves names', async () => {
  const names: string[] = []
  const dns = interceptors.dns({
    lookup: (origin, _options, callback) => {
      names.push(origin.hostname)
      callback(null, [{ address: '127.0.0.1', family: 4, ttl: 1000 }])
    },
  })
  await withDispatcher(new Agent().compose(dns), async (session) => {
    const { port } = new URL(server.url)
    for (let count = 0; count < 2; count++) {
      expect((await session.get(`http://service.test:${port}/get`)).statusCode).toBe(200)
    }
    expect(names).toEqual(['service.test'])
    expect(server.requests[1]?.header('host')).toBe(`service.test:${port}`)
  })
})

it('a ProxyAgent carries requests, its credentials, and interceptors on top', async () => {
  const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: true }).compose(interceptors.cache())
  await withDispatcher(agent, async (session) => {
    await session.get(`${server.url}/kept`)
    await session.get(`${server.url}/kept`)
    expect([server.requests.length, proxy.requests.length]).toEqual([1, 1])
  })
})

it('a ProxyAgent that cannot connect is a ConnectionError', async () => {
  await withDispatcher(new ProxyAgent('http://127.0.0.1:1'), async (session) => {
    expect((await failure(session.get(`${server.url}/get`))).code).toBe('ERR_CONNECTION')
  })
})

it("cookies, redirects and Digest are the Session's, whatever is below", async () => {
  await withDispatcher(new Agent().compose(interceptors.retry(), interceptors.dns()), async (session) => {
    session.auth = new DigestAuth('ishmael', 'whale')
    await session.get(`${server.url}/cookies/set/a/1`)
    const response = await session.get(`${server.url}/digest-auth/auth/ishmael/whale`)
    expect([session.cookies.get('a'), response.statusCode, response.history.length]).toEqual(['1', 200, 1])
    expect(server.requests.map((request) => request.header('cookie'))).toEqual([null, 'a=1', 'a=1', 'a=1'])
  })
})

it('a MockAgent mocks several answers, takes errors, and tells what was not asked for', async () => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  const origin = agent.get('https://api.test')
  const isExpected = (body: unknown): boolean => String(body) === '{"a":1}'
  origin.intercept({ path: '/items', method: 'POST', body: isExpected }).reply(201, { id: 7 })
  origin.intercept({ path: '/items/7' }).replyWithError(new Error('pulled out'))
  origin.intercept({ path: '/never' }).reply(200, '')
  await withDispatcher(agent, async (session) => {
    const options: RequestOptions = { json: { a: 1 } }
    expect((await session.post('https://api.test/items', options)).json()).toEqual({ id: 7 })
    const error = await session.fetch('https://api.test/items/7').catch((thrown: unknown) => thrown)
    expect((error as Error).cause).toMatchObject({ code: 'ERR_CONNECTION', cause: { message: 'pulled out' } })
    expect(agent.pendingInterceptors().map(({ path }) => path)).toEqual(['/never'])
  })
})
