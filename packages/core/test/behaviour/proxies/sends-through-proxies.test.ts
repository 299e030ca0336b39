import { AuthBase, BasicAuth, DigestAuth, ProxyError, type PreparedRequest, Session } from '@entreat/core'
import { DigestVerifier, type ProxyAuthenticator, TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

let server: TestServer
let proxy: TestProxy
let secureProxy: TestProxy
let lockedProxy: TestProxy

const credentials = { username: 'bob', password: 'p:@/ss' }
const userinfo = 'bob:p%3A%40%2Fss@'
const basic = `Basic ${Buffer.from('bob:p:@/ss').toString('base64')}`

beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
  secureProxy = await TestProxy.start({ tls: true })
  lockedProxy = await TestProxy.start({ credentials })
})

afterAll(async () => {
  await Promise.all([server, proxy, secureProxy, lockedProxy].map((each) => each.close()))
})

beforeEach(() => {
  for (const each of [server, proxy, secureProxy, lockedProxy]) each.reset()
})

function newSession(proxyUrl: string): Session {
  return new Session({ trustEnv: false, verify: server.ca, proxies: { all: proxyUrl } })
}

/** Asks for Digest, strictly. */
function digestAuthenticator(): ProxyAuthenticator {
  const verifier = new DigestVerifier({
    realm: 'proxy',
    username: 'bob',
    password: 'secret',
    algorithms: ['SHA-256'],
    qops: ['auth'],
  })
  return (request) => {
    const verdict = verifier.verify({ ...request, body: new Uint8Array() })
    return verdict.isAccepted ? null : verdict.challenges
  }
}

/** All values of a header that a server has seen. */
function seen(requests: TestServer['requests'], name: string): unknown[] {
  const lines = requests.flatMap(({ headers }) => headers)
  return lines.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
}

describe('a proxy', () => {
  it('gets the absolute form of an http request', async () => {
    await using session = newSession(proxy.url)
    await session.get(`${server.url}/get?a=1#part`)
    expect(proxy.requests.map(({ method, url }) => [method, url])).toEqual([['GET', `${server.url}/get?a=1`]])
  })

  it('gets a CONNECT with host and port for an https request, and not the request', async () => {
    await using session = newSession(proxy.url)
    await session.get(`${server.httpsUrl}/get`)
    expect(proxy.requests.map(({ method, url }) => [method, url])).toEqual([
      ['CONNECT', server.httpsUrl.replace('https://', '')],
    ])
  })

  it('gets one CONNECT for many requests in turn', async () => {
    await using session = newSession(proxy.url)
    for (let at = 0; at < 5; at++) await session.get(`${server.httpsUrl}/get`)
    expect([proxy.requests.length, proxy.connectionCount, server.connectionCount]).toEqual([1, 1, 1])
  })

  it('that speaks TLS itself carries http', async () => {
    await using session = newSession(secureProxy.url)
    expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
    expect(secureProxy.requests[0]?.url).toBe(`${server.url}/get`)
  })

  it('that speaks TLS itself carries https', async () => {
    await using session = newSession(secureProxy.url)
    const response = await session.post(`${server.httpsUrl}/upload`, { data: Buffer.alloc(3_000_000) })
    expect(response.json()).toMatchObject({ bytes: 3_000_000 })
  })

  it('whose certificate is not trusted is a ProxyError', async () => {
    await using session = newSession(secureProxy.url)
    const error = await failure(session.get(`${server.url}/get`, { verify: true }))
    expect(error).toBeInstanceOf(ProxyError)
    expect(server.requests).toHaveLength(0)
  })

  it('carries a large upload and download through a tunnel', async () => {
    await using session = newSession(proxy.url)
    const uploaded = await session.post(`${server.httpsUrl}/upload`, { data: Buffer.alloc(5_000_000, 'x') })
    const downloaded = await session.get(`${server.httpsUrl}/download/5000000`)
    expect([uploaded.json<{ bytes: number }>().bytes, downloaded.content.length]).toEqual([5_000_000, 5_000_000])
  })

  it('by IPv6 address is named in brackets in CONNECT', async () => {
    await using session = newSession(proxy.url)
    await session.get(`${server.httpsUrl.replace('localhost', '[::1]')}/get`).catch(() => {})
    expect(proxy.requests[0]?.url).toMatch(/^\[::1\]:\d+$/)
  })
})

describe.each([
  ['http', () => server.url],
  ['https', () => server.httpsUrl],
])('credentials for a proxy, to an %s origin', (_scheme, origin) => {
  it('are taken from its URL, percent-decoded', async () => {
    await using session = newSession(lockedProxy.url.replace('//', `//${userinfo}`))
    expect((await session.get(`${origin()}/get`)).statusCode).toBe(200)
    expect(seen(lockedProxy.requests, 'proxy-authorization')).toEqual([basic])
  })

  it('are taken from its URL, with an empty password too', async () => {
    await using session = newSession(proxy.url.replace('//', '//bob:@'))
    expect((await session.get(`${origin()}/get`)).statusCode).toBe(200)
    expect(seen(proxy.requests, 'proxy-authorization')).toEqual([`Basic ${Buffer.from('bob:').toString('base64')}`])
  })

  it('are taken from proxyAuth', async () => {
    await using session = newSession(lockedProxy.url)
    session.proxyAuth = new BasicAuth('bob', 'p:@/ss')
    expect((await session.get(`${origin()}/get`)).statusCode).toBe(200)
  })

  it('are taken from proxyAuth of the request before those in the URL', async () => {
    await using session = newSession(lockedProxy.url.replace('//', '//bob:wrong@'))
    const response = await session.get(`${origin()}/get`, { proxyAuth: ['bob', 'p:@/ss'] })
    expect(response.statusCode).toBe(200)
  })

  it('are taken from a Proxy-Authorization header', async () => {
    await using session = newSession(lockedProxy.url)
    const response = await session.get(`${origin()}/get`, { headers: { 'Proxy-Authorization': basic } })
    expect(response.statusCode).toBe(200)
  })

  it('never reach the origin', async () => {
    await using session = newSession(lockedProxy.url)
    await session.get(`${origin()}/get`, { proxyAuth: ['bob', 'p:@/ss'] })
    await session.get(`${origin()}/get`, { headers: { 'Proxy-Authorization': basic } })
    expect(server.requests).toHaveLength(2)
    expect(seen(server.requests, 'proxy-authorization')).toEqual([])
  })

  it('answer a Digest challenge', async () => {
    const digestProxy = await TestProxy.start({ authenticate: digestAuthenticator() })
    await using session = newSession(digestProxy.url)
    session.proxyAuth = new DigestAuth('bob', 'secret')
    const response = await session.get(`${origin()}/get`)
    await digestProxy.close()
    expect(response.statusCode).toBe(200)
    expect(seen(server.requests, 'proxy-authorization')).toEqual([])
  })

  it('answer a Digest challenge of a proxy that closes after a refusal', async () => {
    const digestProxy = await TestProxy.start({ authenticate: digestAuthenticator(), closesAfterRefusal: true })
    await using session = newSession(digestProxy.url)
    session.proxyAuth = new DigestAuth('bob', 'secret')
    const response = await session.get(`${origin()}/get`)
    await digestProxy.close()
    expect(response.statusCode).toBe(200)
  })
})

describe('a proxy that asks for Digest', () => {
  it('is answered once for whatever is behind it', async () => {
    await using digestProxy = await TestProxy.start({ authenticate: digestAuthenticator() })
    await using session = newSession(digestProxy.url)
    session.proxyAuth = new DigestAuth('bob', 'secret')
    for (const url of [server.url, server.httpsUrl, server.httpsUrl.replace('localhost', '127.0.0.1')])
      expect((await session.get(`${url}/get`)).statusCode).toBe(200)
    const signed = digestProxy.requests.map((request) => request.header('proxy-authorization') !== null)
    expect(signed).toEqual([false, true, true, true])
  })
})

describe('a proxy that refuses the credentials', () => {
  it('is a response for http', async () => {
    await using session = newSession(lockedProxy.url)
    const response = await session.get(`${server.url}/get`)
    expect([response.statusCode, response.headers.get('proxy-authenticate')]).toEqual([407, 'Basic realm="Fake Proxy"'])
  })

  it('is a ProxyError with the response for https', async () => {
    await using session = newSession(lockedProxy.url)
    const error = await failure(session.get(`${server.httpsUrl}/get`, { proxyAuth: ['bob', 'wrong'] }))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.headers.get('proxy-authenticate')).toBe('Basic realm="Fake Proxy"')
    expect(error.message).not.toContain('wrong')
  })

  it('gives each of many waiting requests a ProxyError', async () => {
    await using session = newSession(lockedProxy.url)
    const calls = Array.from({ length: 10 }, () => failure(session.get(`${server.httpsUrl}/get`)))
    const codes = (await Promise.all(calls)).map(({ code, response }) => [code, response?.statusCode])
    expect(codes).toEqual(Array.from({ length: 10 }, () => ['ERR_PROXY', 407]))
  })
})

describe('a proxy scheme that fails', () => {
  class Failing extends AuthBase {
    readonly #error: unknown
    constructor(error: unknown) {
      super()
      this.#error = error
    }
    override apply(_request: PreparedRequest): void {
      throw this.#error
    }
  }

  it.each(['http', 'https'])('passes its own error through for %s', async (scheme) => {
    await using session = newSession(proxy.url)
    const own = new RangeError('no ticket')
    const url = scheme === 'http' ? server.url : server.httpsUrl
    expect(await rejection(session.get(`${url}/get`, { proxyAuth: new Failing(own) }))).toBe(own)
  })
})

describe('a Proxy-Authorization header', () => {
  it('does not go to an origin that is reached directly through NO_PROXY rules', async () => {
    await using session = new Session({ trustEnv: false, proxies: { http: proxy.url } })
    await session.get(`${server.url}/get`, { proxyAuth: ['bob', 'x'], proxies: { http: null } })
    expect(seen(server.requests, 'proxy-authorization')).toEqual([])
  })

  it('reaches an http origin when it was set on the Session and there is no proxy, as with Requests', async () => {
    await using session = new Session({ trustEnv: false })
    session.headers.set('Proxy-Authorization', basic)
    await session.get(`${server.url}/get`)
    expect(seen(server.requests, 'proxy-authorization')).toEqual([basic])
  })

  it('does not enter the tunnel when it was set on the Session', async () => {
    await using session = newSession(lockedProxy.url)
    session.headers.set('Proxy-Authorization', basic)
    await session.get(`${server.httpsUrl}/get`)
    expect(seen(server.requests, 'proxy-authorization')).toEqual([])
  })
})

describe('a 407 in chunks with trailers', () => {
  it('is followed by the next CONNECT on the same connection', async () => {
    await using raw = await RawServer.start(({ index }) =>
      index === 1
        ? 'HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n0\r\nX-Trailer: 1\r\n\r\n'
        : reply('seen', '', '403 No'),
    )
    await using session = newSession(raw.url)
    const error = await failure(session.get('https://somewhere.test/', { proxyAuth: new DigestAuth('bob', 'x') }))
    expect([error.response?.statusCode, raw.connectionCount, raw.heads.length]).toEqual([403, 1, 2])
  })
})
