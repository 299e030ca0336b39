import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  BasicAuth,
  BearerAuth,
  type Connection,
  DigestAuth,
  type PreparedRequest,
  type Response,
  Session,
  UsageError,
} from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuthHandler } from '@entreat/toolbelt/auth'
import { failure } from '../support/failure.ts'

const one = new BearerAuth('one')
const two = new BearerAuth('two')

describe('a key', () => {
  test.each<[key: string, url: string, matches: boolean]>([
    ['https://a.com', 'https://a.com/', true],
    ['https://a.com', 'https://a.com:443/x?y', true],
    ['https://a.com:443/', 'https://a.com/', true],
    ['HTTPS://A.com', 'https://a.COM/', true],
    ['https://a.com', 'http://a.com/', false],
    ['https://a.com', 'https://a.com:8443/', false],
    ['https://a.com:8443', 'https://a.com:8443/', true],
    ['https://a.com', 'https://b.a.com/', false],
    ['https://a.com', 'https://a.com.evil.com/', false],
    ['https://*.a.com', 'https://b.a.com/', true],
    ['https://*.a.com', 'https://c.b.a.com/', true],
    ['https://*.a.com', 'https://a.com/', false],
    ['https://*.a.com', 'https://evila.com/', false],
    ['https://a.com/v1', 'https://a.com/v1', true],
    ['https://a.com/v1', 'https://a.com/v1/x', true],
    ['https://a.com/v1/', 'https://a.com/v1', true],
    ['https://a.com/v1', 'https://a.com/v10', false],
    ['https://a.com/v1', 'https://a.com/v1/../admin', false],
    ['https://a.com/v1', 'https://a.com/v1/%2e%2e/admin', false],
    ['https://a.com/v1', 'https://a.com/', false],
    ['https://[::1]:8443', 'https://[::1]:8443/x', true],
    ['https://bücher.example', 'https://xn--bcher-kva.example/', true],
  ])('%s serves %s: %s', (key, url, matches) => {
    expect(new AuthHandler({ [key]: one }).getStrategyFor(url)).toBe(matches ? one : null)
  })

  test.each([
    'a.com',
    'ftp://a.com',
    'https://',
    'https://*',
    'https://*.',
    'https://a.*.com',
    'https://user:s3cret@a.com',
    'https://a.com/?x',
    'https://a.com/#x',
    '',
  ])('%j is none', (key) => {
    const make = (): AuthHandler => new AuthHandler({ [key]: one })
    expect(make).toThrow(UsageError)
    expect(make).not.toThrow(/s3cret/)
  })

  test('that is closer wins', () => {
    const three = new BearerAuth('three')
    const handler = new AuthHandler({
      'https://*.com': one,
      'https://*.a.com': two,
      'https://b.a.com': three,
      'https://b.a.com/v1': one,
    })
    const of = (url: string): unknown => handler.getStrategyFor(url)
    expect([of('https://x.com/'), of('https://x.a.com/'), of('https://b.a.com/'), of('https://b.a.com/v1/x')]).toEqual([
      one,
      two,
      three,
      one,
    ])
  })

  test('can be added, replaced and removed', () => {
    const handler = new AuthHandler()
    expect(handler.getStrategyFor('https://a.com/')).toBeNull()
    handler.addStrategy('https://a.com', one).addStrategy('https://a.com:443/', two)
    expect(handler.getStrategyFor('https://a.com/')).toBe(two)
    handler.removeStrategy('https://A.com').removeStrategy('https://never.com')
    expect(handler.getStrategyFor('https://a.com/')).toBeNull()
  })

  test('takes a pair, a function, and null, which keeps a wider key away', () => {
    const handler = new AuthHandler({
      'https://a.com': ['u', 'p'],
      'https://b.com': () => {},
      'https://*.c.com': one,
      'https://public.c.com': null,
    })
    expect(handler.getStrategyFor('https://a.com/')).toBeInstanceOf(BasicAuth)
    expect(handler.getStrategyFor('https://b.com/')).toBeInstanceOf(AuthBase)
    expect(handler.getStrategyFor('https://public.c.com/')).toBeNull()
    expect(() => new AuthHandler({ 'https://a.com': 5 as never })).toThrow(UsageError)
  })
})

describe('a request', () => {
  let first: TestServer
  let second: TestServer
  beforeAll(async () => {
    first = await TestServer.start()
    second = await TestServer.start({ tls: false })
  })
  afterAll(async () => {
    await first.close()
    await second.close()
  })
  const seen = (server: TestServer): (string | null)[] =>
    server.requests.map((request) => request.header('authorization'))

  test('is signed anew on each hop of a redirect, for where it goes', async () => {
    first.reset()
    second.reset()
    const auth = new AuthHandler({ [first.url]: one, [second.url]: two })
    await using session = new Session({ trustEnv: false, auth })
    await session.get(`${first.url}/redirect-to?url=${second.url}/redirect-to?url=${first.url}/get`)
    expect([seen(first), seen(second)]).toEqual([['Bearer one', 'Bearer one'], ['Bearer two']])
  })

  test('is not signed where there is no key', async () => {
    first.reset()
    second.reset()
    await using session = new Session({ trustEnv: false, auth: new AuthHandler({ [first.url]: one }) })
    await session.get(`${first.url}/redirect-to?url=${second.url}/get`)
    expect([seen(first), seen(second)]).toEqual([['Bearer one'], [null]])
  })

  test('is signed by a scheme that waits for a challenge', async () => {
    await using session = new Session({
      trustEnv: false,
      auth: new AuthHandler({ [first.url]: new DigestAuth('ahab', 'ivory') }),
    })
    expect((await session.get(`${first.url}/digest-auth/auth/ahab/ivory`)).statusCode).toBe(200)
  })

  test.each(['http', 'https'])('through a proxy is signed for the proxy by its URL, over %s', async (scheme) => {
    await using proxy = await TestProxy.start({ credentials: { username: 'u', password: 'p' } })
    const auth = new AuthHandler({ [proxy.url]: ['u', 'p'], [first.url]: one, [first.httpsUrl]: one })
    await using session = new Session({
      trustEnv: false,
      auth,
      proxyAuth: auth,
      proxies: { all: proxy.url },
      verify: first.ca,
    })
    first.reset()
    expect((await session.get(`${scheme === 'http' ? first.url : first.httpsUrl}/get`)).statusCode).toBe(200)
    expect(seen(first)).toEqual(['Bearer one'])
  })

  /** Binds a connection and says for whom. */
  class Binding extends AuthBase {
    readonly #token: string
    override readonly connectionBound = true

    constructor(token: string) {
      super()
      this.#token = token
    }

    override async *authFlow(
      request: PreparedRequest,
      context: AuthContext,
    ): AsyncGenerator<PreparedRequest, void, Response> {
      const connection: Connection = await context.bind()
      context.authorize(request, `${this.#token} ${connection.closed}`)
      yield request
    }
  }

  test('never travels on a connection that another scheme has bound', async () => {
    const auth = new AuthHandler({ [`${first.url}/a`]: new Binding('a'), [`${first.url}/get`]: new Binding('b') })
    await using session = new Session({ trustEnv: false, auth })
    await session.get(`${first.url}/anything`)
    await session.get(`${first.url}/a`)
    expect(await failure(session.get(`${first.url}/get`))).toBeInstanceOf(AuthenticationError)
    auth.removeStrategy(`${first.url}/a`)
    expect(await failure(session.get(`${first.url}/get`))).toBeInstanceOf(AuthenticationError)
  })
})
