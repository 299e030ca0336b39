import { BasicAuth, ProxyError, Session } from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { describe, expect, it } from 'vitest'
import { BoundSocketAuth, SocketAuth, SocketAuthServer } from '../support/bound-scheme.ts'
import { failure, rejection, within } from '../support/failure.ts'

/** Lets in who has said hello and proof on this connection. */
function socketProxy(): Promise<TestProxy> {
  const greeted = new Set<number>()
  const known = new Set<number>()
  return TestProxy.start({
    authenticate: ({ authorization = '', connection }) => {
      if (authorization.startsWith('Socket hello')) greeted.add(connection)
      else if (authorization.startsWith('Socket proof') && greeted.has(connection)) known.add(connection)
      return known.has(connection) ? null : ['Socket nonce="1"']
    },
  })
}

/** Asks without credentials first, and binds itself only when it is refused. */
class LateSocketAuth extends SocketAuth {
  override async *authFlow(
    ...[request, context]: Parameters<SocketAuth['authFlow']>
  ): ReturnType<SocketAuth['authFlow']> {
    const answer = yield request.copy()
    if (answer.statusCode === 401) yield* super.authFlow(request, context)
  }
}

describe.each([
  ['context.bind()', SocketAuth],
  ['connectionBound', BoundSocketAuth],
] as const)('a scheme that binds itself to a connection by %s', (_how, Scheme) => {
  it('costs one round trip a request and one more a connection, in turn', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false, auth: new Scheme() })
    for (let at = 0; at < 20; at++) expect((await session.get(server.url)).text).toBe('user sent 0')
    expect([server.connectionCount, server.gate.requestCount]).toEqual([1, 21])
  })

  it('costs one round trip a request and one more a connection, at 64 at once', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false, auth: new Scheme(), limits: { connectionsPerOrigin: 8 } })
    const calls = Array.from({ length: 64 }, async () => (await session.get(server.url)).text)
    const texts = await within(5000, Promise.all(calls))
    expect(new Set(texts)).toEqual(new Set(['user sent 0']))
    expect(server.connectionCount).toBeLessThanOrEqual(8)
    expect(server.gate.requestCount).toBe(64 + server.connectionCount)
  })

  it('sends a body once it is let in', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false, auth: new Scheme() })
    const response = await session.post(server.url, { data: 'twelve bytes' })
    expect([response.text, response.history.map(({ statusCode }) => statusCode)]).toEqual(['user sent 12', [401]])
  })

  it('gives its connection back before a redirect is followed', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({
      trustEnv: false,
      auth: new Scheme(),
      limits: { connectionsPerOrigin: 1 },
      timeout: { pool: 1000 },
    })
    expect((await within(3000, session.get(`${server.url}/redirect`))).text).toBe('user sent 0')
    expect([server.connectionCount, server.gate.requestCount]).toEqual([1, 3])
  })

  it('holds its connection until a streamed body ends', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false, auth: new Scheme() })
    const first = await session.get(server.url, { stream: true })
    await session.get(server.url)
    await first.read()
    await session.get(server.url)
    expect(server.connectionCount).toBe(2)
  })

  it('goes through a proxy for plain http', async () => {
    await using server = await SocketAuthServer.start()
    await using proxy = await TestProxy.start()
    await using session = new Session({ trustEnv: false, auth: new Scheme(), proxies: { all: proxy.url } })
    for (let at = 0; at < 5; at++) expect((await session.get(server.url)).text).toBe('user sent 0')
    expect([proxy.connectionCount, server.gate.requestCount]).toEqual([1, 6])
  })
})

describe('a connection bound to a credential', () => {
  it('never carries a request without it', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false })
    await session.get(server.url, { auth: new SocketAuth() })
    expect((await session.get(server.url)).statusCode).toBe(401)
    expect((await session.get(server.url, { auth: new BasicAuth('user', 'x') })).statusCode).toBe(401)
  })

  it('never carries a request with another', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false })
    const [first, second] = [new SocketAuth('first'), new SocketAuth('second')]
    for (const auth of [first, second, first, second]) await session.get(server.url, { auth })
    expect(server.users).toEqual(['first', 'second', 'first', 'second'])
    expect(server.connectionCount).toBe(2)
  })

  it('is taken from the idle ones where there are any', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false })
    await session.get(`${server.url}/open`)
    await session.get(server.url, { auth: new SocketAuth() })
    expect(server.connectionCount).toBe(1)
  })

  it('is destroyed when the scheme fails', async () => {
    await using server = await TestServer.start({ tls: false })
    await using session = new Session({ trustEnv: false })
    class Failing extends SocketAuth {
      override async *authFlow(
        ...[request, context]: Parameters<SocketAuth['authFlow']>
      ): ReturnType<SocketAuth['authFlow']> {
        await context.bind()
        yield request
        throw new Error('not the server I know')
      }
    }
    const error = await rejection(session.get(`${server.url}/get`, { auth: new Failing() }))
    expect((error as Error).message).toBe('not the server I know')
    await expect.poll(() => server.openConnections).toBe(0)
  })

  it('is replaced, authenticated anew, when the server closes it as it is used again', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false, auth: new SocketAuth() })
    await session.get(server.url)
    server.dropNext = true
    expect((await within(2000, session.get(server.url))).text).toBe('user sent 0')
    expect(server.connectionCount).toBe(2)
  })

  it('serves the next request on a new connection when the server closed it', async () => {
    await using server = await SocketAuthServer.start()
    await using session = new Session({ trustEnv: false, auth: new SocketAuth() })
    await session.get(server.url)
    await server.dropConnections()
    expect((await session.get(server.url)).text).toBe('user sent 0')
    expect(server.connectionCount).toBe(2)
  })
})

describe('a proxy that authenticates sockets', () => {
  it('is authenticated once a connection for plain http', async () => {
    await using server = await TestServer.start({ tls: false })
    await using proxy = await socketProxy()
    await using session = new Session({ trustEnv: false, proxies: { all: proxy.url }, proxyAuth: new SocketAuth() })
    for (let at = 0; at < 5; at++) expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
    expect([proxy.connectionCount, proxy.requests.length]).toEqual([1, 6])
  })

  it('is authenticated on the socket that becomes the tunnel', async () => {
    await using server = await TestServer.start()
    await using proxy = await socketProxy()
    const proxyAuth = new SocketAuth()
    await using session = new Session({ trustEnv: false, verify: server.ca, proxies: { all: proxy.url }, proxyAuth })
    for (let at = 0; at < 3; at++)
      expect((await within(3000, session.get(`${server.httpsUrl}/get`))).statusCode).toBe(200)
    expect([proxy.connectionCount, proxy.requests.map(({ method }) => method)]).toEqual([1, ['CONNECT', 'CONNECT']])
  })

  it('that refuses the proof is a ProxyError with its answer', async () => {
    await using server = await TestServer.start()
    await using proxy = await TestProxy.start({ authenticate: () => ['Socket nonce="1"'] })
    const proxyAuth = new SocketAuth()
    await using session = new Session({ trustEnv: false, verify: server.ca, proxies: { all: proxy.url }, proxyAuth })
    const error = await within(3000, failure(session.get(`${server.httpsUrl}/get`)))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.statusCode).toBe(407)
  })

  it('that closes between the legs is a ProxyError, and is not dialled again', async () => {
    await using server = await TestServer.start()
    await using proxy = await TestProxy.start({
      authenticate: () => ['Socket nonce="1"'],
      closesAfterRefusal: true,
    })
    const proxyAuth = new SocketAuth()
    await using session = new Session({ trustEnv: false, verify: server.ca, proxies: { all: proxy.url }, proxyAuth })
    const error = await within(3000, failure(session.get(`${server.httpsUrl}/get`)))
    expect([error.code, proxy.connectionCount]).toEqual(['ERR_PROXY', 1])
  })

  it('that closes after a refusal gives a scheme that binds itself anew another connection', async () => {
    class Patient extends SocketAuth {
      override async *authFlow(
        ...[request, context]: Parameters<SocketAuth['authFlow']>
      ): ReturnType<SocketAuth['authFlow']> {
        const first = await context.bind()
        yield request
        const second = await context.bind()
        expect([first.closed, second.closed]).toEqual([true, false])
        yield request
      }
    }
    let refused = false
    await using server = await TestServer.start()
    await using proxy = await TestProxy.start({
      authenticate: () => {
        if (refused) return null
        refused = true
        return ['Socket']
      },
      closesAfterRefusal: true,
    })
    const settings = { trustEnv: false, verify: server.ca, proxies: { all: proxy.url } }
    await using session = new Session({ ...settings, proxyAuth: new Patient() })
    expect((await within(3000, session.get(`${server.httpsUrl}/get`))).statusCode).toBe(200)
    expect(proxy.connectionCount).toBe(2)
  })

  it('and an origin that does the same are both satisfied on one connection', async () => {
    await using server = await SocketAuthServer.start()
    await using proxy = await socketProxy()
    const settings = { trustEnv: false, proxies: { all: proxy.url } }
    await using session = new Session({ ...settings, auth: new SocketAuth('origin'), proxyAuth: new SocketAuth() })
    for (let at = 0; at < 3; at++) expect((await within(3000, session.get(server.url))).text).toBe('origin sent 0')
    expect(proxy.connectionCount).toBe(1)
  })
})

describe('a connection to a forwarding proxy', () => {
  it('that one origin has authenticated is not used for another', async () => {
    await using first = await SocketAuthServer.start()
    await using second = await SocketAuthServer.start()
    await using proxy = await TestProxy.start()
    await using session = new Session({ trustEnv: false, auth: new SocketAuth(), proxies: { all: proxy.url } })
    for (const { url } of [first, second, first, second]) expect((await session.get(url)).text).toBe('user sent 0')
    expect([first.gate.requestCount, second.gate.requestCount, proxy.connectionCount]).toEqual([3, 3, 2])
  })

  it('that the proxy has authenticated serves every origin', async () => {
    await using first = await TestServer.start({ tls: false })
    await using second = await TestServer.start({ tls: false })
    await using proxy = await socketProxy()
    await using session = new Session({ trustEnv: false, proxies: { all: proxy.url }, proxyAuth: new SocketAuth() })
    for (const { url } of [first, second, first])
      expect((await within(3000, session.get(`${url}/get`))).statusCode).toBe(200)
    expect([proxy.connectionCount, proxy.requests.length]).toEqual([1, 4])
  })

  it('that an origin has authenticated too is not used without its credential', async () => {
    await using server = await SocketAuthServer.start()
    await using proxy = await socketProxy()
    const auth = new LateSocketAuth()
    await using session = new Session({ trustEnv: false, proxies: { all: proxy.url }, proxyAuth: new SocketAuth() })
    expect((await within(3000, session.get(server.url, { auth }))).text).toBe('user sent 0')
    expect((await within(3000, session.get(server.url))).statusCode).toBe(401)
  })
})
