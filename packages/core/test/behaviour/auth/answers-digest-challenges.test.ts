import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { DigestAuth, parseChallenges, type Response, Session, UnrewindableBodyError } from '@entreat/core'
import { failureOf, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

/** The parameters of the Authorization headers received for a path. */
function answers(path: string): (Map<string, string> | null)[] {
  return site()
    .server.requests.filter(({ url }) => url.startsWith(path))
    .map((request) => request.header('authorization'))
    .map((value) => (value === null ? null : new Map(parseChallenges([value])[0]?.params)))
}

async function get(path: string, auth = new DigestAuth('user', 'pass')): Promise<Response> {
  await using session = new Session()
  return await session.get(site().url + path, { auth })
}

const ALGORITHMS = ['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess', 'SHA-512-256', 'SHA-512-256-sess']

// Without qop no cnonce is sent, which the key of -sess is made of.
const ANSWERABLE = ALGORITHMS.flatMap((algorithm) =>
  ['auth', 'auth-int', ...(algorithm.endsWith('-sess') ? [] : ['none'])].map((qop) => [algorithm, qop] as const),
)

test.each(ANSWERABLE)('answers %s with qop %s (RFC 7616 section 3.4)', async (algorithm, qop) => {
  const path = `/digest-auth/${qop}/user/pass/${algorithm}`
  await using session = new Session()
  const auth = new DigestAuth('user', 'pass')
  const first = await session.post(site().url + path, { data: 'body', auth })
  const second = await session.post(site().url + path, { data: 'body', auth })
  expect([first.json(), second.json()]).toEqual([
    { authenticated: true, user: 'user' },
    { authenticated: true, user: 'user' },
  ])
})

test.each(ALGORITHMS)(
  'hashes the user name for %s where it is asked to (RFC 7616 section 3.4.4)',
  async (algorithm) => {
    const path = `/digest-auth/auth/user/pass/${algorithm}?userhash=true`
    expect((await get(path)).statusCode).toBe(200)
    const sent = answers(`/digest-auth/auth/user/pass/${algorithm}?userhash`).at(-1)
    expect(sent?.get('userhash')).toBe('true')
    expect(sent?.get('username')).not.toBe('user')
  },
)

test('chooses the strongest algorithm that is offered (RFC 7616 section 3.7)', async () => {
  const path = '/digest-auth/auth/user/pass/MD5,SHA-256,SHA-512-256'
  expect((await get(path)).statusCode).toBe(200)
  expect(answers('/digest-auth/auth/user/pass/MD5,').at(-1)?.get('algorithm')).toBe('SHA-512-256')
})

test.each(['jürgen', 'пользователь', 'us"er\\x', 'user with blanks'])('takes the user name %s', async (name) => {
  const auth = new DigestAuth(name, 'päss')
  const path = `/digest-auth/auth/${encodeURIComponent(name)}/${encodeURIComponent('päss')}/SHA-256`
  expect((await get(path, auth)).statusCode).toBe(200)
})

test('sends two requests with a wrong password, and no more', async () => {
  const path = '/digest-auth/auth/user/right/MD5'
  const response = await get(path, new DigestAuth('user', 'wrong'))
  expect(response.statusCode).toBe(401)
  expect(answers(path)).toHaveLength(2)
})

test('sends two requests with a wrong password the second time too', async () => {
  const path = '/digest-auth/auth/user/twice/MD5'
  const auth = new DigestAuth('user', 'wrong')
  await get(path, auth)
  expect((await get(path, auth)).statusCode).toBe(401)
  expect(answers(path).length).toBeLessThanOrEqual(4)
})

test('answers again when the nonce has gone stale (RFC 7616 section 3.3)', async () => {
  const path = '/digest-auth/auth/user/pass/MD5/1'
  const auth = new DigestAuth('user', 'pass')
  expect((await get(path, auth)).statusCode).toBe(200)
  expect((await get(path, auth)).statusCode).toBe(200)
  expect(answers(path)).toHaveLength(4)
})

test('signs at once where it has a nonce, and counts its uses (RFC 7616 section 3.4)', async () => {
  const path = '/digest-auth/auth/user/counted/MD5'
  const auth = new DigestAuth('user', 'counted')
  for (let count = 0; count < 3; count++) await get(path, auth)
  expect(answers(path).map((sent) => sent?.get('nc'))).toEqual([undefined, '00000001', '00000002', '00000003'])
})

test('serves concurrent requests with one instance, and never repeats a count', async () => {
  const path = '/digest-auth/auth/user/concurrent/SHA-256'
  const auth = new DigestAuth('user', 'concurrent')
  await get(path, auth)
  await using session = new Session({ auth })
  const responses = await Promise.all(Array.from({ length: 20 }, () => session.get(site().url + path)))
  expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(20).fill(200))
  const used = answers(path)
    .filter((sent) => sent !== null)
    .map((sent) => `${sent.get('nonce')} ${sent.get('nc')}`)
  expect(new Set(used).size).toBe(used.length)
})

test('serves concurrent first requests with one instance', async () => {
  const path = '/digest-auth/auth/user/first/SHA-256'
  await using session = new Session({ auth: new DigestAuth('user', 'first') })
  const responses = await Promise.all(Array.from({ length: 10 }, () => session.get(site().url + path)))
  expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(10).fill(200))
})

test('serves origins apart with one instance', async () => {
  const path = '/digest-auth/auth/user/origins/MD5'
  const auth = new DigestAuth('user', 'origins')
  await using session = new Session({ auth })
  await session.get(site().url + path)
  await session.get(site().otherHostUrl + path)
  expect(answers(path).map((sent) => sent?.get('nc'))).toEqual([undefined, '00000001', undefined, '00000001'])
})

test('signs the request target with its query', async () => {
  const path = '/digest-auth/auth/user/query/MD5'
  expect((await get(`${path}?a=b%20c&d`, new DigestAuth('user', 'query'))).statusCode).toBe(200)
  expect(answers(path).at(-1)?.get('uri')).toBe(`${path}?a=b%20c&d`)
})

test('keeps the 401 in history, as it was asked for', async () => {
  const response = await get('/digest-auth/auth/user/history/MD5', new DigestAuth('user', 'history'))
  expect(response.history.map(({ statusCode }) => statusCode)).toEqual([401])
  expect(response.history[0]?.request.headers.get('authorization')).toBeNull()
  expect(response.request.headers.get('authorization')).toMatch(/^Digest /)
  expect(response.history[0]?.json()).toMatchObject({ authenticated: false })
})

const CHALLENGE = 'Digest realm="r", nonce="n", qop="auth"'

test('sends cookies of the 401 with its answer, and keeps them', async () => {
  const url = site().on('/digest-cookie', (request, response) =>
    reply(request.headers.authorization ? 200 : 401, {
      'WWW-Authenticate': CHALLENGE,
      'Set-Cookie': 'fresh=1; Path=/',
    })(request, response),
  )
  await using session = new Session({ auth: new DigestAuth('u', 'p') })
  await session.get(url)
  expect(site().last('/digest-cookie').header('cookie')).toBe('fresh=1')
  expect(session.cookies.get('fresh')).toBe('1')
})

test('uses one connection for both legs', async () => {
  await using session = new Session()
  const before = site().server.connectionCount
  await session.get(`${site().url}/digest-auth/auth/user/one/MD5`, { auth: new DigestAuth('user', 'one') })
  expect(site().server.connectionCount - before).toBe(1)
})

test('streams the last response only', async () => {
  await using session = new Session()
  const url = `${site().url}/digest-auth/auth/user/stream/MD5`
  const response = await session.get(url, { auth: new DigestAuth('user', 'stream'), stream: true })
  expect(response.history[0]?.json()).toMatchObject({ authenticated: false })
  expect(JSON.parse((await response.read()).toString())).toMatchObject({ authenticated: true })
})

test.each([
  ['a 401 without a challenge', 401, {}],
  ['a challenge of another scheme', 401, { 'WWW-Authenticate': 'Basic realm="r"' }],
  ['a challenge without nonce', 401, { 'WWW-Authenticate': 'Digest realm="r"' }],
  ['an algorithm that nobody knows', 401, { 'WWW-Authenticate': 'Digest realm="r", nonce="n", algorithm=ROT13' }],
  ['a challenge on a 200', 200, { 'WWW-Authenticate': CHALLENGE }],
  ['a challenge for proxies', 401, { 'Proxy-Authenticate': CHALLENGE }],
])('does not answer %s', async (what, status, headers) => {
  const path = `/digest-${what.replaceAll(' ', '-')}`
  await using session = new Session()
  const response = await session.get(site().on(path, reply(status, headers)), { auth: new DigestAuth('u', 'p') })
  expect(response.statusCode).toBe(status)
  expect(site().received(path)).toHaveLength(1)
})

test('quotes qop and not nc in its answer, as Requests does', async () => {
  const path = '/digest-quoted'
  site().on(path, (request, response) =>
    reply(request.headers.authorization ? 200 : 401, { 'WWW-Authenticate': CHALLENGE })(request, response),
  )
  await using session = new Session({ auth: new DigestAuth('u', 'p') })
  await session.get(site().url + path)
  expect(site().last(path).header('authorization')).toMatch(/, qop="auth", nc=00000001, cnonce="[^"]+"/)
})

test('answers the challenge it knows among several', async () => {
  const path = '/digest-among'
  const headers = { 'WWW-Authenticate': ['Negotiate', `Basic realm="a, b", ${CHALLENGE}, algorithm=SHA-256`] }
  site().on(path, (request, response) => reply(request.headers.authorization ? 200 : 401, headers)(request, response))
  await using session = new Session({ auth: new DigestAuth('u', 'p') })
  expect((await session.get(site().url + path)).statusCode).toBe(200)
  expect(answers(path).at(-1)?.get('algorithm')).toBe('SHA-256')
})

test('computes the example of RFC 7616 section 3.9.1', async () => {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  const path = '/dir/index.html'
  const challenge =
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
  site().on(path, (request, response) =>
    reply(request.headers.authorization ? 200 : 401, { 'WWW-Authenticate': challenge })(request, response),
  )
  await get(path, new DigestAuth('Mufasa', 'Circle of Life'))
  const sent = answers(path).at(-1)
  const key = '7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232'
  expect(hash('Mufasa:http-auth@example.org:Circle of Life')).toBe(key)
  const expected = hash(`${key}:${sent?.get('nonce')}:00000001:${sent?.get('cnonce')}:auth:${hash(`GET:${path}`)}`)
  expect([sent?.get('response'), sent?.get('opaque'), sent?.get('qop')]).toEqual([
    expected,
    'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
    'auth',
  ])
})

test('refuses to send a one-shot body again, and sends nothing empty', async () => {
  const path = '/digest-auth/auth/user/once/MD5'
  async function* once(): AsyncGenerator<string> {
    yield 'once'
  }
  await using session = new Session({ auth: new DigestAuth('user', 'once') })
  const error = await failureOf(session.post(`${site().url}${path}?token=s3cret`, { data: once() }))
  expect(error).toBeInstanceOf(UnrewindableBodyError)
  expect(String(error)).not.toContain('s3cret')
  expect(
    site()
      .server.requests.filter(({ url }) => url.startsWith(path))
      .map(({ body }) => body.toString()),
  ).not.toContain('')
})

test('opens a factory again for its answer', async () => {
  let opened = 0
  async function* factory(): AsyncGenerator<string> {
    yield `body ${++opened}`
  }
  const path = '/digest-auth/auth/user/factory/MD5'
  await using session = new Session({ auth: new DigestAuth('user', 'factory') })
  expect((await session.post(site().url + path, { data: factory })).statusCode).toBe(200)
  expect(site().received(path).at(-1)?.body.toString()).toBe('body 2')
})

test('answers anew after a redirect', async () => {
  const path = '/digest-auth/auth/user/redirected/MD5'
  const url = site().on('/digest-then-redirect', (request, response) =>
    reply(request.headers.authorization ? 302 : 401, { 'WWW-Authenticate': CHALLENGE, Location: path })(
      request,
      response,
    ),
  )
  await using session = new Session({ auth: new DigestAuth('user', 'redirected') })
  const response = await session.get(url)
  expect(response.statusCode).toBe(200)
  expect(response.history.map(({ statusCode }) => statusCode)).toEqual([401, 302, 401])
})

test('shows no secret when it is printed', async () => {
  const auth = new DigestAuth('user', 's3cret')
  await get('/digest-auth/auth/user/s3cret/MD5', auth)
  expect(inspect(auth, { showHidden: true, depth: 5 }) + JSON.stringify(auth)).not.toContain('s3cret')
})
