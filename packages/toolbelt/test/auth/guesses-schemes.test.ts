import { createHash } from 'node:crypto'
import { AuthenticationError, ProxyError, Session, UnrewindableBodyError } from '@entreat/core'
import { authSuite, basicAuthTarget, digestAuthTarget, DigestVerifier, TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GuessAuth, GuessProxyAuth, ProxyDigestAuth } from '@entreat/toolbelt/auth'
import { failure } from '../support/failure.ts'
import { type Answer, useSite } from '../support/site.ts'

const site = useSite()
const BASIC = `Basic ${Buffer.from('ahab:ivory').toString('base64')}`

/** Refuses with these challenges until the credentials begin so. */
function wanting(scheme: string, challenges: string[], status = 401): Answer {
  return async (request, response) => {
    for await (const _ of request);
    if (request.headers.authorization?.startsWith(scheme)) response.end('in')
    else response.writeHead(status, { 'WWW-Authenticate': challenges }).end()
  }
}

const DIGEST = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'

function authorizations(path: string): (string | null)[] {
  return site()
    .received(path)
    .map((request) => request.header('authorization')?.split(' ', 1)[0] ?? null)
}

describe('GuessAuth', () => {
  let session: Session
  beforeAll(() => {
    session = new Session({ trustEnv: false })
  })
  afterAll(() => session.close())

  test('answers Basic, and then sends it at once', async () => {
    const auth = new GuessAuth('ahab', 'ivory')
    const url = site().on('/basic', wanting('Basic', ['Basic realm="r"']))
    expect((await session.get(url, { auth })).text).toBe('in')
    expect((await session.get(url, { auth })).text).toBe('in')
    expect(authorizations('/basic')).toEqual([null, 'Basic', 'Basic'])
    expect(site().received('/basic')[1]?.header('authorization')).toBe(BASIC)
  })

  test.each([
    ['first', [DIGEST, 'Basic realm="r"']],
    ['last', ['Basic realm="r"', DIGEST]],
    ['in the same line', [`Basic realm="r", ${DIGEST}`]],
  ])('prefers Digest, named %s', async (what, challenges) => {
    const auth = new GuessAuth('ahab', 'ivory')
    const path = `/both-${what.replaceAll(' ', '-')}`
    const url = site().on(path, wanting('Digest', challenges))
    expect((await session.get(url, { auth })).text).toBe('in')
    await session.get(url, { auth })
    expect(authorizations(path)).toEqual([null, 'Digest', 'Digest'])
  })

  test('falls back to Basic where it knows no algorithm of Digest', async () => {
    const auth = new GuessAuth('ahab', 'ivory')
    const url = site().on(
      '/unknown',
      wanting('Basic', ['Digest realm="r", nonce="n", algorithm=ROT13', 'Basic realm="r"']),
    )
    expect((await session.get(url, { auth })).text).toBe('in')
  })

  test.each([200, 403, 404, 407])('answers no challenge of a %i', async (status) => {
    const auth = new GuessAuth('ahab', 'ivory')
    const url = site().on(`/status-${status}`, wanting('nothing', ['Basic realm="r"', DIGEST], status))
    expect((await session.get(url, { auth })).statusCode).toBe(status)
    expect(authorizations(`/status-${status}`)).toEqual([null])
  })

  test.each([['Negotiate'], ['Bearer realm="r"'], ['']])('gives back a 401 that asks for %j', async (challenge) => {
    const path = `/other-${createHash('md5').update(challenge).digest('hex')}`
    const url = site().on(path, wanting('nothing', challenge === '' ? [] : [challenge]))
    expect((await session.get(url, { auth: new GuessAuth('ahab', 'ivory') })).statusCode).toBe(401)
    expect(authorizations(path)).toEqual([null])
  })

  test('gives back the second 401, once', async () => {
    const url = site().on('/wrong', wanting('nothing', ['Basic realm="r"']))
    const response = await session.get(url, { auth: new GuessAuth('ahab', 'wrong') })
    expect([response.statusCode, response.history.length, authorizations('/wrong')]).toEqual([401, 1, [null, 'Basic']])
  })

  test('sends the body again, and fails if it cannot', async () => {
    const url = site().on('/body', wanting('Basic', ['Basic realm="r"']))
    await session.post(url, { auth: new GuessAuth('ahab', 'ivory'), data: 'whale' })
    expect(
      site()
        .received('/body')
        .map(({ body }) => body.toString()),
    ).toEqual(['whale', 'whale'])
    const stream = (async function* () {
      yield 'whale'
    })()
    const error = await failure(session.post(url, { auth: new GuessAuth('ahab', 'ivory'), data: stream }))
    expect(error).toBeInstanceOf(UnrewindableBodyError)
  })

  test('moves up from Basic to Digest', async () => {
    const auth = new GuessAuth('ahab', 'ivory')
    await session.get(site().on('/up', wanting('Basic', ['Basic realm="r"'])), { auth })
    site().on('/up', wanting('Digest', [DIGEST]))
    expect((await session.get(`${site().url}/up`, { auth })).text).toBe('in')
    expect(authorizations('/up')).toEqual([null, 'Basic', 'Basic', 'Digest'])
  })

  test('does not move down from Digest to Basic', async () => {
    const auth = new GuessAuth('ahab', 'ivory')
    await session.get(site().on('/down', wanting('Digest', [DIGEST])), { auth })
    site().on('/down', wanting('Basic', ['Basic realm="r"']))
    const error = await failure(session.get(`${site().url}/down`, { auth }))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(authorizations('/down')).not.toContain('Basic')
  })

  test('shows no secret', () => {
    expect(JSON.stringify(new GuessAuth('ahab', 'ivory'))).toBe('{"scheme":"GuessAuth"}')
  })
})

describe('proxies', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.start()
  })
  afterAll(() => server.close())

  function digestProxy(): Promise<TestProxy> {
    const verifier = new DigestVerifier({
      realm: 'p',
      username: 'ahab',
      password: 'ivory',
      algorithms: ['MD5'],
      qops: ['auth'],
    })
    return TestProxy.start({
      authenticate: ({ method, target, authorization }) => {
        const verdict = verifier.verify({ method, target, authorization, body: Buffer.alloc(0) })
        return verdict.isAccepted ? null : verdict.challenges
      },
    })
  }

  test.each(['http', 'https'])(
    'GuessProxyAuth answers proxy and origin, each with its own, over %s',
    async (scheme) => {
      await using proxy = await TestProxy.start({ credentials: { username: 'starbuck', password: 'coffee' } })
      const auth = new GuessProxyAuth('ahab', 'ivory', 'starbuck', 'coffee')
      await using session = new Session({
        trustEnv: false,
        auth,
        proxyAuth: auth,
        proxies: { all: proxy.url },
        verify: server.ca,
      })
      const base = scheme === 'http' ? server.url : server.httpsUrl
      expect((await session.get(`${base}/basic-auth/ahab/ivory`)).statusCode).toBe(200)
      const seen = server.requests.filter(({ url }) => url.endsWith('/basic-auth/ahab/ivory'))
      expect(seen.every((request) => request.header('proxy-authorization') === null)).toBe(true)
    },
  )

  test('GuessProxyAuth sends nothing where it has nothing', async () => {
    await using proxy = await TestProxy.start()
    const auth = new GuessProxyAuth(null, null, 'starbuck', 'coffee')
    await using session = new Session({ trustEnv: false, auth, proxyAuth: auth, proxies: { all: proxy.url } })
    expect((await session.get(`${server.url}/basic-auth/ahab/ivory`)).statusCode).toBe(401)
  })

  test.each(['http', 'https'])('ProxyDigestAuth answers over %s, CONNECT too', async (scheme) => {
    await using proxy = await digestProxy()
    await using session = new Session({
      trustEnv: false,
      proxyAuth: new ProxyDigestAuth('ahab', 'ivory'),
      proxies: { all: proxy.url },
      verify: server.ca,
    })
    const base = scheme === 'http' ? server.url : server.httpsUrl
    for (let turn = 0; turn < 3; turn++) expect((await session.get(`${base}/get`)).statusCode).toBe(200)
  })

  test.each<[string, new (message: string) => Error]>([
    ['http', AuthenticationError],
    ['https', AuthenticationError],
  ])('ProxyDigestAuth says that the proxy refused it over %s', async (scheme, expected) => {
    await using proxy = await digestProxy()
    await using session = new Session({
      trustEnv: false,
      proxyAuth: new ProxyDigestAuth('ahab', 'wrong'),
      proxies: { all: proxy.url },
      verify: server.ca,
    })
    const error = await failure(session.get(`${scheme === 'http' ? server.url : server.httpsUrl}/get`))
    const cause = error instanceof ProxyError ? (error.cause as Error) : error
    expect(cause).toBeInstanceOf(expected)
    expect(String(error)).not.toContain('wrong')
  })

  test('ProxyDigestAuth leaves other schemes alone, and origins', async () => {
    await using proxy = await TestProxy.start({ credentials: { username: 'a', password: 'b' } })
    const auth = new ProxyDigestAuth('ahab', 'ivory')
    await using session = new Session({ trustEnv: false, proxyAuth: auth, auth, proxies: { all: proxy.url } })
    expect((await session.get(`${server.url}/get`)).statusCode).toBe(407)
    await using direct = new Session({ trustEnv: false, auth })
    expect((await direct.get(`${server.url}/digest-auth/auth/ahab/ivory`)).statusCode).toBe(401)
  })
})

const runner = { describe, test }
authSuite({
  name: 'GuessAuth of a server that wants Basic',
  create: () => new GuessAuth('ahab', 'ivory-s3cret'),
  createWith: (...own) => new GuessAuth(...own),
  capabilities: { challenge: true, proxy: true },
  runner,
  target: basicAuthTarget('ahab', 'ivory-s3cret'),
  secrets: ['ivory-s3cret', Buffer.from('ahab:ivory-s3cret').toString('base64')],
})
authSuite({
  name: 'GuessAuth of a server that wants Digest',
  create: () => new GuessAuth('ahab', 'ivory-s3cret'),
  createWith: (...own) => new GuessAuth(...own),
  capabilities: { challenge: true, proxy: true },
  runner,
  target: digestAuthTarget('ahab', 'ivory-s3cret', 'SHA-256'),
  secrets: ['ivory-s3cret'],
})
authSuite({
  name: 'GuessProxyAuth',
  create: () => new GuessProxyAuth('ahab', 'ivory-s3cret', 'ahab', 'ivory-s3cret'),
  createWith: (...own) => new GuessProxyAuth(...own, ...own),
  capabilities: { challenge: true, proxy: true },
  runner,
  target: digestAuthTarget('ahab', 'ivory-s3cret'),
  secrets: ['ivory-s3cret'],
})
