import { expect, onTestFinished, test, vi } from 'vitest'
import { CookieJar, CookieStoreError, Session, UsageError } from '@entreat/core'
import { type Answer, reply, useSite } from '../requests/support/servers.ts'

const site = useSite()

/** Answers with Set-Cookie lines. */
function setting(...lines: string[]): Answer {
  return reply(200, { 'Set-Cookie': lines })
}

/** The Cookie header that a request to a URL sends. */
async function cookieTo(
  session: Session,
  url: string,
  options: Parameters<Session['get']>[1] = {},
): Promise<string | null> {
  const response = await session.get(url, options)
  return response.request.headers.get('cookie')
}

test('keeps cookies from one request to the next, in the order they came', async () => {
  await using session = new Session()
  await session.get(site().on('/two-cookies', setting('b=1; Path=/', 'a=2; Path=/')))
  expect(await cookieTo(session, `${site().url}/get`)).toBe('b=1; a=2')
})

test('sends cookies with longer paths first (RFC 6265 section 5.4)', async () => {
  await using session = new Session()
  await session.get(site().on('/paths/x', setting('a=short; Path=/', 'b=long; Path=/paths')))
  site().on('/paths/y', reply(200))
  expect(await cookieTo(session, `${site().url}/paths/y`)).toBe('b=long; a=short')
})

test('does not send a cookie outside its path (RFC 6265 section 5.1.4)', async () => {
  await using session = new Session()
  await session.get(site().on('/foo/set', setting('a=1')))
  for (const path of ['/foobar', '/foo', '/foo/', '/foo/bar']) site().on(path, reply(200))
  expect(await cookieTo(session, `${site().url}/foobar`)).toBeNull()
  expect(await cookieTo(session, `${site().url}/foo`)).toBe('a=1')
  expect(await cookieTo(session, `${site().url}/foo/bar`)).toBe('a=1')
})

test('does not send a cookie to another host', async () => {
  await using session = new Session()
  await session.get(site().on('/host-only', setting('a=1; Path=/')))
  expect(await cookieTo(session, `${site().otherHostUrl}/get`)).toBeNull()
})

test.each([
  ['of a public suffix', 'a=1; Domain=com; Path=/'],
  ['of another host', 'a=1; Domain=example.com; Path=/'],
  ['of part of an IP address', 'a=1; Domain=0.0.1; Path=/'],
  ['with neither name nor value', '=; Path=/'],
  ['that has expired', 'a=1; Max-Age=0; Path=/'],
  ['whose Expires is past', 'a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/'],
  ['of the name __Host- without Secure', '__Host-a=1; Path=/'],
  ['of the name __Secure- without Secure', '__Secure-a=1; Path=/'],
  ['that is Secure and came over http', 'a=1; Secure; Path=/'],
])('refuses a cookie %s (RFC 6265bis section 5.6)', async (what, line) => {
  await using session = new Session()
  await session.get(site().on(`/refused-${what.replaceAll(' ', '-')}`, setting(line)))
  expect(session.cookies.items()).toEqual([])
})

test('counts Max-Age from when the cookie came, however often it was sent since (RFC 6265 section 5.3 step 3)', async () => {
  await using session = new Session()
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const began = Date.now()
  await session.get(site().on('/sets', setting('a=1; Max-Age=60; Path=/')))
  site().on('/in-use', setting('b=1; Path=/'))
  for (const seconds of [1, 30, 59]) {
    vi.setSystemTime(began + seconds * 1000)
    expect(await cookieTo(session, `${site().url}/in-use`)).toContain('a=1')
  }
  vi.setSystemTime(began + 61_000)
  site().on('/over', reply(200))
  expect(await cookieTo(session, `${site().url}/over`)).toBe('b=1')
})

test('keeps cookies with a Max-Age that no Date can hold', async () => {
  await using session = new Session()
  await session.get(site().on('/for-ever', setting(`a=1; Max-Age=${'9'.repeat(30)}; Path=/`)))
  expect(await cookieTo(session, `${site().url}/for-ever-2`)).toBe('a=1')
})

test('lets Max-Age beat Expires (RFC 6265 section 5.3)', async () => {
  await using session = new Session()
  await session.get(site().on('/max-age', setting('a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/')))
  expect(session.cookies.get('a')).toBe('1')
})

test('deletes a cookie that the server lets expire', async () => {
  await using session = new Session()
  await session.get(`${site().url}/cookies/set/a/1`)
  await session.get(`${site().url}/cookies/delete?a`)
  expect(session.cookies.size).toBe(0)
  expect(await cookieTo(session, `${site().url}/get`)).toBeNull()
})

test('sends Secure cookies over https only', async () => {
  const ca = site().server.ca
  await using session = new Session({ verify: ca })
  site().on(
    '/secure',
    setting(
      's=1; Secure; Path=/',
      '__Host-h=2; Secure; Path=/',
      '__Host-d=3; Secure; Domain=localhost; Path=/',
      'p=4; Path=/',
    ),
  )
  await session.get(`${site().server.httpsUrl}/secure`)
  expect(await cookieTo(session, `${site().server.httpsUrl}/get`)).toBe('s=1; __Host-h=2; p=4')
  expect(await cookieTo(session, `${site().otherHostUrl}/get`)).toBe('p=4')
})

test('sends a cookie without a value by its name', async () => {
  await using session = new Session()
  await session.get(site().on('/bare', setting('bare; Path=/')))
  expect(await cookieTo(session, `${site().url}/get`)).toMatch(/^=?bare=?$/)
})

test('keeps quotes and equals signs of a value', async () => {
  await using session = new Session()
  await session.get(site().on('/quoted', setting('q="a b=c"; Path=/')))
  expect(session.cookies.get('q')).toBe('"a b=c"')
})

test('stores the cookies of every hop', async () => {
  await using session = new Session()
  site().on('/hop-2', setting('second=2; Path=/'))
  await session.get(site().on('/hop-1', reply(302, { Location: '/hop-2', 'Set-Cookie': 'first=1; Path=/' })))
  expect(site().last('/hop-2').header('cookie')).toBe('first=1')
  expect(session.cookies.items()).toEqual([
    ['first', '1'],
    ['second', '2'],
  ])
})

test('tells the cookies that one response set', async () => {
  await using session = new Session({ cookies: { old: '1' } })
  const response = await session.get(site().on('/own', setting('new=2; Path=/')))
  expect(response.cookies.items()).toEqual([['new', '2']])
})

// ── cookies of one request ──────────────────────────────────────────────────

test('sends the cookies of a request and keeps none of them', async () => {
  await using session = new Session()
  expect(await cookieTo(session, `${site().url}/get`, { cookies: { a: '1' } })).toBe('a=1')
  expect(session.cookies.size).toBe(0)
  expect(await cookieTo(session, `${site().url}/get`)).toBeNull()
})

test('lets a cookie of the request stand in for that of the session', async () => {
  await using session = new Session({ cookies: { a: 'session', b: '1' } })
  expect(await cookieTo(session, `${site().url}/get`, { cookies: { a: 'request' } })).toBe('a=request; b=1')
  expect(session.cookies.get('a')).toBe('session')
})

test('lets a cookie of the request stand in for one that the server set', async () => {
  await using session = new Session()
  await session.get(`${site().url}/cookies/set/a/server`)
  expect(await cookieTo(session, `${site().url}/get`, { cookies: { a: 'request' } })).toBe('a=request')
})

test('sends the cookies of a request again after a redirect on its host', async () => {
  await using session = new Session()
  await session
    .get(site().on('/again-1', reply(302, { Location: '/again-2' })), { cookies: { a: '1' } })
    .catch(() => null)
  site().on('/again-2', reply(200))
  await session.get(`${site().url}/again-1`, { cookies: { a: '1' } })
  expect(site().last('/again-2').header('cookie')).toBe('a=1')
})

test('does not send the cookies of a request to another host after a redirect', async () => {
  await using session = new Session()
  site().on('/cross-2', reply(200))
  const url = site().on('/cross-1', reply(302, { Location: `${site().otherHostUrl}/cross-2` }))
  await session.get(url, { cookies: { a: '1' } })
  expect(site().last('/cross-1').header('cookie')).toBe('a=1')
  expect(site().last('/cross-2').header('cookie')).toBeNull()
})

test('lets an explicit Cookie header beat the jar', async () => {
  await using session = new Session({ cookies: { a: 'jar' } })
  const options = { headers: { cookie: 'a=header' }, cookies: { b: 'request' } }
  expect(await cookieTo(session, `${site().url}/get`, options)).toBe('a=header')
})

test('drops an explicit Cookie header at the first redirect, on the same origin too', async () => {
  await using session = new Session({ cookies: { a: 'jar' } })
  site().on('/explicit-2', reply(200))
  await session.get(site().on('/explicit-1', reply(302, { Location: '/explicit-2' })), {
    headers: { Cookie: 'a=header' },
  })
  expect(site().last('/explicit-2').header('cookie')).toBe('a=jar')
})

// ── the jar ─────────────────────────────────────────────────────────────────

test('binds cookies given by name to the host of the first request', async () => {
  await using session = new Session({ cookies: { a: '1' } })
  session.cookies.set('b', '2')
  expect(await cookieTo(session, `${site().url}/get`)).toBe('a=1; b=2')
  expect(await cookieTo(session, `${site().otherHostUrl}/get`)).toBeNull()
})

test('binds cookies given by name to the host of baseUrl', async () => {
  await using session = new Session({ baseUrl: site().url })
  session.cookies.set('a', '1')
  expect(await cookieTo(session, `${site().otherHostUrl}/get`)).toBeNull()
  expect(await cookieTo(session, '/get')).toBe('a=1')
})

test('binds cookies given by name after the first request to its host', async () => {
  await using session = new Session()
  await session.get(`${site().url}/get`)
  session.cookies.set('late', '1')
  expect(await cookieTo(session, `${site().otherHostUrl}/get`)).toBeNull()
  expect(await cookieTo(session, `${site().url}/get`)).toBe('late=1')
})

test('binds a cookie to the URL it is given', async () => {
  await using session = new Session()
  session.cookies.set('a', '1', { url: `${site().otherHostUrl}/x` })
  expect(await cookieTo(session, `${site().url}/get`)).toBeNull()
  expect(await cookieTo(session, `${site().otherHostUrl}/get`)).toBe('a=1')
})

test('reads, replaces and deletes cookies by name', () => {
  const jar = new CookieJar()
  jar.set('a', '1', { domain: 'example.com' }).set('b', '2', { domain: 'example.com' })
  jar.set('a', '3', { domain: 'example.com' })
  expect(jar.items()).toEqual([
    ['a', '3'],
    ['b', '2'],
  ])
  expect([jar.get('a'), jar.get('none'), jar.size]).toEqual(['3', undefined, 2])
  jar.set('a', null)
  expect([...jar].map(({ key }) => key)).toEqual(['b'])
  jar.clear()
  expect(jar.size).toBe(0)
})

test('asks which cookie is meant where several have one name', () => {
  const jar = new CookieJar()
  jar.set('a', '1', { domain: 'one.example' }).set('a', '2', { domain: 'two.example' })
  expect(() => jar.get('a')).toThrow(CookieStoreError)
  expect(jar.get('a', { domain: 'two.example' })).toBe('2')
})

test.each([
  ['a value that is a number', (jar: CookieJar) => jar.set('a', 1 as never)],
  ['a name that is a number', (jar: CookieJar) => jar.set(1 as never, 'a')],
  ['a value with a line break', (jar: CookieJar) => jar.set('a', 'b\r\nX: y', { domain: 'example.com' })],
  ['a value with a semicolon', (jar: CookieJar) => jar.set('a', 'b; Domain=evil.example', { domain: 'example.com' })],
  ['a name with an equals sign', (jar: CookieJar) => jar.set('a=b', 'c', { domain: 'example.com' })],
])('refuses %s', (_what, call) => {
  expect(() => call(new CookieJar())).toThrow(UsageError)
})

test('does not send a cookie after it has expired, though its header is remembered', async () => {
  await using session = new Session()
  const expires = new Date(Date.now() + 60_000)
  session.cookies.set('a', '1', { url: site().url, expires })
  expect(await cookieTo(session, `${site().url}/get`)).toBe('a=1')
  session.cookies.set('a', '1', { url: site().url, expires: new Date(Date.now() - 1) })
  expect(await cookieTo(session, `${site().url}/get`)).toBeNull()
})
