import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HTTPAdapter, type RequestOptions, type Response, Session } from '@entreat/core'
import { FakeClock, TestServer } from '@entreat/testkit'
import { CacheAdapter, type CacheAdapterOptions, type CacheStore, MemoryStore } from '@entreat/toolbelt/cache'

import { canonicalCacheControl } from '../../src/cache/cache-control.ts'

// T14: what a cache gives to the wrong reader, or for the wrong request. Two Sessions are two users of one store.

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let server: TestServer
let handler: Handler
let clock: FakeClock
const sessions: Session[] = []

beforeAll(async () => {
  server = await TestServer.start({ handler: (...args) => (handler(...args), true) })
})
beforeEach(() => {
  server.reset()
  clock = new FakeClock()
})
afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())))
afterAll(() => server.close())

function user(store: CacheStore, options: CacheAdapterOptions = {}): Session {
  const session = new Session({ trustEnv: false, verify: server.ca, clock })
  const cache = new CacheAdapter(new HTTPAdapter(), { store, now: () => clock.now(), ...options })
  sessions.push(session.mount('http://', cache).mount('https://', cache))
  return session
}

const get = (session: Session, path = '/', options?: RequestOptions): Promise<Response> =>
  session.get(server.url + path, options)

/** Answers with these headers and a body that counts. */
function answers(headers: Record<string, string | string[]>, statusCode = 200): void {
  let count = 0
  handler = (request, response) => {
    request.resume()
    response.writeHead(statusCode, headers).end(`body ${++count}`)
  }
}

describe('T14 one user is never given what another was', () => {
  test.each([true, false])('with an Authorization of their own, shared or not: %s', async (isShared) => {
    answers({ 'Cache-Control': 'max-age=60' })
    const store = new MemoryStore()
    const [ahab, ishmael] = [user(store, { isShared }), user(store, { isShared })]
    const as = (token: string): RequestOptions => ({ headers: { Authorization: `Bearer ${token}` } })
    expect((await get(ahab, '/', as('a'))).text).toBe('body 1')
    expect((await get(ishmael, '/', as('b'))).text).toBe('body 2')
    expect((await get(ishmael)).text).toBe('body 3')
  })

  test('what was got without credentials is not given to who has some', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session, '/', { auth: ['ahab', 'ivory'] })).text).toBe('body 2')
  })

  test('with cookies, where the response varies by them', async () => {
    answers({ 'Cache-Control': 'max-age=60', Vary: 'Cookie' })
    const store = new MemoryStore()
    const [ahab, ishmael] = [user(store), user(store)]
    ahab.cookies.set('session', 'a', { domain: '127.0.0.1' })
    ishmael.cookies.set('session', 'b', { domain: '127.0.0.1' })
    expect((await get(ahab)).text).toBe('body 1')
    expect((await get(ishmael)).text).toBe('body 2')
    expect((await get(ahab)).text).toBe('body 1')
  })

  test.each([
    'private, max-age=60',
    'max-age=60, private="Set-Cookie"',
    'PRIVATE, max-age=60',
    'max-age=60, private = x',
  ])('by a shared cache that was told "%s"', async (value) => {
    answers({ 'Cache-Control': value })
    const store = new MemoryStore()
    await get(user(store, { isShared: true }))
    expect((await get(user(store, { isShared: true }))).text).toBe('body 2')
  })

  test('a cookie that a kept response set goes to the user who was given it, and to nobody after', async () => {
    answers({ 'Cache-Control': 'max-age=60', 'Set-Cookie': 'session=ahab' })
    const store = new MemoryStore()
    const [ahab, ishmael] = [user(store), user(store)]
    await get(ahab)
    const kept = await get(ishmael)
    expect([kept.text, kept.headers.get('set-cookie'), ishmael.cookies.size]).toEqual(['body 1', null, 0])
  })
})

describe('T14 a response serves only the request that it is for', () => {
  test('Vary in several lines and in any case, and a header that is absent is a value too', async () => {
    answers({ 'Cache-Control': 'max-age=60', Vary: ['X-One', 'x-TWO'] })
    const session = user(new MemoryStore())
    const texts: string[] = []
    for (const headers of [{}, { 'X-One': '1' }, { 'X-Two': '1' }, {}, { 'x-one': '1' }, { 'X-TWO': '1' }])
      texts.push((await get(session, '/', { headers })).text)
    expect(texts).toEqual(['body 1', 'body 2', 'body 3', 'body 1', 'body 2', 'body 3'])
  })

  test('a * in any line of Vary fits nothing', async () => {
    answers({ 'Cache-Control': 'max-age=60', Vary: ['Accept', '*'] })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session)).text).toBe('body 2')
  })

  test.each([
    ['another case of the path', '/a', '/A'],
    ['a slash that is coded', '/a/b', '/a%2Fb'],
    ['a question mark that is coded', '/a?b', '/a%3Fb'],
    ['an order of the query', '/a?b=1&c=2', '/a?c=2&b=1'],
    ['a second slash', '/a', '//a'],
    ['a semicolon', '/a?b=1', '/a?b=1;x'],
  ])('%s is another resource', async (_, first, second) => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = user(new MemoryStore())
    await get(session, first)
    expect((await get(session, second)).text).toBe('body 2')
  })

  test('another scheme, port or name of the host is another resource', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = user(new MemoryStore())
    await get(session)
    expect((await session.get(`${server.httpsUrl}/`)).text).toBe('body 2')
    expect((await session.get(`${server.url.replace('127.0.0.1', 'localhost')}/`)).text).toBe('body 3')
  })

  test('a GET with a body is neither kept nor answered', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = user(new MemoryStore())
    expect((await get(session, '/', { data: 'poison' })).text).toBe('body 1')
    expect((await get(session)).text).toBe('body 2')
    expect((await get(session, '/', { data: 'poison' })).text).toBe('body 3')
  })

  test.each(['HEAD', 'OPTIONS', 'POST', 'PROPFIND', 'QUERY'])(
    'what %s is answered with is no answer to GET',
    async (method) => {
      answers({ 'Cache-Control': 'max-age=60' })
      const session = user(new MemoryStore())
      await session.request(method, `${server.url}/`)
      expect((await get(session)).text).toBe('body 2')
    },
  )

  test('a part is never given for the whole, whether it was asked for or not', async () => {
    answers({ 'Cache-Control': 'max-age=60', 'Content-Range': 'bytes 0-5/100' }, 206)
    const session = user(new MemoryStore())
    await get(session, '/', { headers: { Range: 'bytes=0-5' } })
    expect((await get(session)).text).toBe('body 2')
    expect((await get(session)).text).toBe('body 3')
  })

  test.each([302, 307, 400, 401, 403, 407, 429, 500, 503])(
    '%d is not kept unless the server says so',
    async (statusCode) => {
      answers({ 'Last-Modified': 'Mon, 01 Jan 2001 00:00:00 GMT' }, statusCode)
      const session = user(new MemoryStore())
      await get(session)
      expect((await get(session)).text).toBe('body 2')
    },
  )
})

describe('T14 what cannot be understood is asked for anew', () => {
  test.each([
    'max-age=-1',
    'max-age=1e9',
    'max-age=60 no-store',
    'max-age="60',
    'max-age=60, max-age=0',
    'max-age=0, max-age=60',
    'MAX-AGE=60, NO-STORE',
    'no-store=, max-age=60',
    'max-age=60;no-store',
    'max-age =60, no-cache',
    'max-age=60, No-Store',
    'max-age=60, NO-CACHE="x, y"',
    'max-age=60, no-store="',
  ])('"Cache-Control: %s"', async (value) => {
    answers({ 'Cache-Control': value })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session)).text).toBe('body 2')
  })

  test.each([
    'MAX-AGE=60',
    'max-age="60"',
    ', ,max-age=60,,',
    'max-age=60, max-age=60',
    'max-age=60, max-age-extra=0, ext="a, no-store, \\" b"',
    'public,max-age=60',
  ])('"Cache-Control: %s" is understood, and kept', async (value) => {
    answers({ 'Cache-Control': value })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session)).text).toBe('body 1')
  })

  test('a request that says it in upper case is heard', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session, '/', { headers: { 'Cache-Control': 'NO-CACHE' } })).text).toBe('body 2')
  })

  test('a megabyte of directives is read in time that grows with its length', () => {
    for (const piece of ['a,', ' ', ',', 'a=', 'a="', '"', '\\"', 'a=" ,', 'max-age=1,']) {
      const value = piece.repeat(1_000_000 / piece.length)
      const started = performance.now()
      canonicalCacheControl(value)
      canonicalCacheControl(`x="${value}`)
      expect(performance.now() - started, JSON.stringify(piece)).toBeLessThan(5000)
    }
  })

  test('directives in several lines hold together', async () => {
    answers({ 'Cache-Control': ['max-age=60', 'no-store'] })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session)).text).toBe('body 2')
  })

  test.each(['0', '-1', 'never', 'Thu, 99 Zed 9999 00:00:00 GMT'])('"Expires: %s"', async (value) => {
    answers({ Expires: value })
    const session = user(new MemoryStore())
    await get(session)
    expect((await get(session)).text).toBe('body 2')
  })

  test('names of Object.prototype among the directives and in Vary are names like others', async () => {
    answers({ 'Cache-Control': 'max-age=60, __proto__=no-store, constructor', Vary: '__proto__, toString' })
    const session = user(new MemoryStore())
    const texts = [(await get(session)).text, (await get(session)).text]
    expect(texts[0]).toBe('body 1')
    expect((Object.prototype as Record<string, unknown>)['no-store']).toBeUndefined()
  })
})

describe('T14 a change makes what was kept stale', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL'])('%s, for each variant of the resource', async (method) => {
    answers({ 'Cache-Control': 'max-age=60', Vary: 'Accept-Language' })
    const session = user(new MemoryStore())
    const inLanguage = (language: string): RequestOptions => ({ headers: { 'Accept-Language': language } })
    await get(session, '/', inLanguage('de'))
    await get(session, '/', inLanguage('en'))
    await session.request(method, `${server.url}/`)
    expect((await get(session, '/', inLanguage('de'))).text).toBe('body 4')
    expect((await get(session, '/', inLanguage('en'))).text).toBe('body 5')
  })

  test('a change by one user is seen by another', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const store = new MemoryStore()
    const [ahab, ishmael] = [user(store), user(store)]
    await get(ishmael)
    await ahab.put(`${server.url}/`, { auth: ['ahab', 'ivory'] })
    expect((await get(ishmael)).text).toBe('body 3')
  })
})
