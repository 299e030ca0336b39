import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest'
import { LimitExceededError, Session, TotalTimeout } from '@entreat/core'
import { type CustomHandler, TestServer } from '@entreat/testkit'
import {
  AuthorizationResponseError,
  InsecureTransportError,
  MemoryTokenStore,
  OAuth1Flow,
  type OAuth1FlowOptions,
  OAuth1Token,
  type OAuth1TokenData,
  OAuth1TokenError,
  StateMismatchError,
  TokenStoreError,
} from '../../src/index.ts'
import { missingPackages, PythonProvider } from './support/python.ts'
import { headerParameters } from './support/signed-request.ts'

const missing = await missingPackages()

describe('with a provider over oauthlib', () => {
  let provider: PythonProvider
  let session: Session

  beforeAll(async () => {
    if (missing !== null) return
    provider = await PythonProvider.start()
    session = new Session({ trustEnv: false })
  })

  afterAll(async () => {
    await session?.close()
    await provider?.[Symbol.asyncDispose]()
  })

  function flow(ctx: TestContext, more: Partial<OAuth1FlowOptions> = {}): OAuth1Flow {
    if (missing !== null) ctx.skip(missing)
    return new OAuth1Flow({
      ...PythonProvider.client,
      requestTokenUrl: `${provider.url}/request-token`,
      authorizeUrl: `${provider.url}/authorize?lang=en`,
      accessTokenUrl: `${provider.url}/access-token`,
      callback: 'http://127.0.0.1:1/back?app=1',
      session,
      ...more,
    })
  }

  /** What the user's browser does: it is sent back at once. */
  async function authorize(url: string): Promise<string> {
    const response = await session.get(url, { allowRedirects: false })
    expect(response.statusCode).toBe(302)
    return response.headers.get('location') as string
  }

  const methods = ['HMAC-SHA1', 'HMAC-SHA256', 'HMAC-SHA512', 'PLAINTEXT'] as const

  test.for(methods)('goes through them, with %s', async (signatureMethod, ctx) => {
    const three = flow(ctx, { signatureMethod })
    const temporary = await three.requestToken({ realm: ['photos'] })
    const url = three.authorizationUrl(temporary, { force_login: 'true' })
    expect(url).toMatch(/\/authorize\?lang=en&oauth_token=[^&]+&force_login=true$/)
    const cameBackTo = await authorize(url)
    expect(cameBackTo).toMatch(/^http:\/\/127\.0\.0\.1:1\/back\?app=1&oauth_token=[^&]+&oauth_verifier=/)
    const access = await three.accessToken(cameBackTo, temporary)
    expect(access.extra).toEqual({ screen_name: 'ann' })
    const answer = await session.get(`${provider.url}/resource?x=1`, { auth: three.auth(access) })
    expect([answer.statusCode, answer.text]).toEqual([200, 'hello=there'])
    const refused = await session.get(`${provider.url}/resource`, { auth: three.auth(temporary) })
    expect(refused.statusCode).toBe(401)
  })

  test('each leg may happen in another process, with what a store kept', async (ctx) => {
    const store = new MemoryTokenStore<OAuth1TokenData>()
    await store.save('pending', (await flow(ctx).requestToken()).toData())
    const pending = OAuth1Token.fromData((await store.load('pending')) as OAuth1TokenData)
    const query = (await authorize(flow(ctx).authorizationUrl(pending))).split('?')[1]
    const access = await flow(ctx).accessToken(`/back?${query}`, pending)
    await store.save('user', access.toData(), { previous: null })
    const auth = flow(ctx).auth(OAuth1Token.fromData((await store.load('user')) as OAuth1TokenData))
    expect((await session.get(`${provider.url}/resource`, { auth })).statusCode).toBe(200)
  })

  test('a code that the user types in does as well', async (ctx) => {
    const three = flow(ctx)
    const temporary = await three.requestToken()
    const url = new URL(await authorize(three.authorizationUrl(temporary)))
    const access = await three.accessToken({ verifier: url.searchParams.get('oauth_verifier') as string }, temporary)
    expect(access.token).not.toBe(temporary.token)
  })

  test('temporary credentials serve once', async (ctx) => {
    const three = flow(ctx)
    const temporary = await three.requestToken()
    const cameBackTo = await authorize(three.authorizationUrl(temporary))
    await three.accessToken(cameBackTo, temporary)
    await expect(three.accessToken(cameBackTo, temporary)).rejects.toThrow(OAuth1TokenError)
  })

  test('a wrong verifier or secret is refused by the server, and shown without secrets', async (ctx) => {
    const three = flow(ctx)
    const temporary = await three.requestToken()
    const wrong = three.accessToken({ verifier: 'verifier-canary' }, temporary)
    await expect(wrong).rejects.toThrow(/^POST http:\/\/127.0.0.1:[0-9]+\/access-token \(40[0-9]\): it refuses/)
    const other = flow(ctx, { clientSecret: 'secret-canary' })
    for (const failing of [wrong, other.requestToken()]) {
      const error: unknown = await failing.catch((error: unknown) => error)
      expect(error).toBeInstanceOf(OAuth1TokenError)
      expect([inspect(error, { depth: 10 }), JSON.stringify(error), String(error)].join()).not.toMatch(/canary/)
      expect((error as OAuth1TokenError).response?.statusCode).toBeGreaterThanOrEqual(400)
    }
  })

  test('a user who says no is an error that says so', async (ctx) => {
    const three = flow(ctx)
    const temporary = await three.requestToken()
    const cameBackTo = await authorize(three.authorizationUrl(temporary, { deny: 'yes' }))
    await expect(three.accessToken(cameBackTo, temporary)).rejects.toMatchObject({
      name: 'AuthorizationResponseError',
      error: 'access_denied',
    })
  })
})

describe('with a provider that is not what it should be', () => {
  let server: TestServer
  let session: Session
  let answer: { status: number; headers?: Record<string, string>; body?: string }

  const handler: CustomHandler = async (request, response) => {
    for await (const _ of request) continue
    response.writeHead(answer.status, answer.headers ?? {}).end(answer.body ?? '')
    return true
  }

  beforeEach(async () => {
    server = await TestServer.start({ tls: false, handler })
    session = new Session({ trustEnv: false })
    return async () => {
      await session.close()
      await server.close()
    }
  })

  function flow(more: Partial<OAuth1FlowOptions> = {}): OAuth1Flow {
    const { url } = server
    return new OAuth1Flow({
      clientKey: 'ck',
      clientSecret: 'cs',
      requestTokenUrl: `${url}/request`,
      authorizeUrl: `${url}/authorize`,
      accessTokenUrl: new URL('/access', url),
      session,
      ...more,
    })
  }

  test.each<[string, typeof answer, RegExp]>([
    [
      'a refusal with a problem in the body',
      { status: 401, body: 'oauth_problem=timestamp_refused' },
      /\(401\): it refuses: timestamp_refused$/,
    ],
    [
      'a refusal with a problem in the header',
      { status: 401, headers: { 'WWW-Authenticate': 'OAuth oauth_problem="consumer_key_unknown"' } },
      /it refuses: consumer_key_unknown$/,
    ],
    ['a refusal without a word', { status: 503, body: '<html>' }, /\(503\): it refuses$/],
    [
      'a problem with control characters',
      { status: 400, body: 'oauth_problem=a%0Ab%1B[31m' },
      /it refuses: a b \[31m$/,
    ],
    [
      'a redirect',
      { status: 302, headers: { Location: 'https://evil.test/' } },
      /\(302\): it redirects, and credentials do not follow$/,
    ],
    [
      'a page',
      { status: 200, body: '<html>hello</html>' },
      /\(200\): its answer holds no oauth_token and oauth_token_secret$/,
    ],
    ['nothing', { status: 200 }, /its answer holds no/],
    ['a token without its secret', { status: 200, body: 'oauth_token=canary' }, /its answer holds no/],
    [
      'an unconfirmed callback',
      { status: 200, body: 'oauth_token=canary&oauth_token_secret=canary' },
      /does not confirm the callback/,
    ],
    [
      'a callback confirmed by "false"',
      { status: 200, body: 'oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=false' },
      /does not confirm the callback/,
    ],
  ])('%s is an error that says so', async (_, given, message) => {
    answer = given
    const failing = flow().requestToken()
    await expect(failing).rejects.toThrow(OAuth1TokenError)
    await expect(failing).rejects.toThrow(message)
    const error: unknown = await failing.catch((error: unknown) => error)
    expect(inspect(error, { depth: 10 })).not.toContain('canary')
    expect(server.requests).toHaveLength(1)
  })

  test('an OAuth 1.0 server may leave the callback unconfirmed, if allowed', async () => {
    answer = { status: 200, body: 'oauth_token=t&oauth_token_secret=&user=a%20b&user=c&__proto__=x' }
    const token = await flow({ allowUnconfirmedCallback: true }).requestToken({ data: { scope: 'read' } })
    expect([token.token, token.tokenSecret, JSON.stringify(token.toData().extra)]).toEqual([
      't',
      '',
      '{"user":"a b","__proto__":"x"}',
    ])
    expect(headerParameters(server.requests[0]!).get('oauth_callback')).toBe('oob')
    expect(server.requests[0]?.body.toString()).toBe('scope=read')
  })

  test('a token request is sent once, whatever the Session repeats', async () => {
    answer = { status: 503 }
    session.retry = 3
    session.auth = ['user', 'session-canary']
    await expect(flow().requestToken()).rejects.toThrow(OAuth1TokenError)
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]?.header('authorization')).not.toContain('Basic')
  })

  test('an answer without end is given up, in bytes and in time', async () => {
    answer = { status: 200, body: `oauth_token=${'x'.repeat(2_000_000)}` }
    await expect(flow().requestToken()).rejects.toThrow(LimitExceededError)
    server.reset()
    const silent = await TestServer.start({ tls: false, handler: () => true })
    const waiting = flow({ requestTokenUrl: silent.url, timeout: 50 }).requestToken()
    await expect(waiting).rejects.toThrow(TotalTimeout)
    await silent.close()
  })

  test('a caller can give up', async () => {
    answer = { status: 200 }
    const reason = new Error('enough')
    await expect(flow().requestToken({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('OAuth1Flow', () => {
  const options = {
    clientKey: 'ck',
    requestTokenUrl: 'https://example.com/request',
    authorizeUrl: 'https://example.com/authorize',
    accessTokenUrl: 'https://example.com/access',
  }
  const pending = new OAuth1Token({ token: 'token-1', tokenSecret: 'secret-canary' })

  test.each([
    ['https://app.test/back?oauth_token=token-2&oauth_verifier=v', StateMismatchError],
    ['https://app.test/back?oauth_token=token-1x&oauth_verifier=v', StateMismatchError],
    ['https://app.test/back', StateMismatchError],
    ['', StateMismatchError],
    ['https://app.test/back?oauth_token=token-1', AuthorizationResponseError],
    ['https://app.test/back?oauth_token=token-1&oauth_verifier=', AuthorizationResponseError],
    ['https://app.test/back?oauth_problem=user_refused', AuthorizationResponseError],
    ['https://app.test/back?denied=token-1', AuthorizationResponseError],
  ])('does not take %s for the callback', async (callback, type) => {
    const failing = new OAuth1Flow(options).accessToken(callback, pending)
    await expect(failing).rejects.toThrow(type)
    await expect(failing).rejects.toSatisfy((error) => !inspect(error).includes('canary'))
  })

  test('refuses endpoints over plain http, which would show the tokens (RFC 5849 section 2)', () => {
    for (const name of ['requestTokenUrl', 'authorizeUrl', 'accessTokenUrl'] as const) {
      const insecure = { ...options, [name]: 'http://example.com/x' }
      expect(() => new OAuth1Flow(insecure)).toThrow(InsecureTransportError)
      expect(() => new OAuth1Flow({ ...insecure, allowInsecure: true })).not.toThrow()
    }
  })

  test('says at once what is wrong with its options', () => {
    expect(() => new OAuth1Flow({ ...options, acessTokenUrl: 'x' } as never)).toThrow('Did you mean "accessTokenUrl"?')
    expect(() => new OAuth1Flow({ ...options, token: 'x' } as never)).toThrow(/has no option "token"/)
    expect(() => new OAuth1Flow({ ...options, authorizeUrl: '/authorize' })).toThrow(
      /authorizeUrl must be an absolute URL/,
    )
    expect(() => new OAuth1Flow({ ...options, signatureMethod: 'RSA-SHA1' })).toThrow(/needs a privateKey/)
    expect(() => new OAuth1Flow({ ...options, timeout: 0 })).toThrow(/timeout must be/)
    expect(() => new OAuth1Flow(undefined as never)).toThrow(/absolute URL/)
  })
})

describe('OAuth1Token', () => {
  test('shows nothing of itself but to toData()', () => {
    const data = { token: 'canary-1', tokenSecret: 'canary-2', extra: { name: 'canary-3' } }
    const token = new OAuth1Token(data)
    expect([inspect(token, { depth: 10 }), JSON.stringify(token), String(token)].join()).not.toContain('canary')
    expect(JSON.parse(JSON.stringify(token.toData()))).toEqual(data)
    expect(OAuth1Token.fromData(token.toData()).extra).toEqual({ name: 'canary-3' })
  })

  test('is not made of anything else', () => {
    for (const bad of [
      null,
      {},
      { token: 'a' },
      { token: 'a', tokenSecret: 1 },
      Object.create({ token: 'a', tokenSecret: 'b' }),
    ]) {
      expect(() => OAuth1Token.fromData(bad as never)).toThrow(TokenStoreError)
    }
  })
})
