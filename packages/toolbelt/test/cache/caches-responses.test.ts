import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ConnectionError, HTTPAdapter, type RequestOptions, type Response, Session } from '@entreat/core'
import { AppAdapter, StubAdapter, TestServer } from '@entreat/testkit'
import { CacheAdapter, type CacheAdapterOptions, MemoryStore } from '@entreat/toolbelt/cache'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let server: TestServer
let handler: Handler
let now: number
const sessions: Session[] = []

beforeAll(async () => {
  server = await TestServer.start({
    handler: (request, response) => {
      if (request.url?.startsWith('/mine') !== true) return false
      handler(request, response)
      return true
    },
  })
})
beforeEach(() => {
  server.reset()
  now = Date.now()
})
afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())))
afterAll(() => server.close())

function cached(options: CacheAdapterOptions = {}): Session {
  const session = new Session({ trustEnv: false, verify: server.ca })
  const cache = new CacheAdapter(new HTTPAdapter(), { now: () => now, ...options })
  sessions.push(session.mount('http://', cache).mount('https://', cache))
  return session
}

const count = (): number => server.requests.length
const statusOf = (response: Response): string => response.headers.get('cache-status') ?? ''
const get = (session: Session, path = '/mine', options?: RequestOptions): Promise<Response> =>
  session.get(server.url + path, options)

/** Answers 200 with these headers and a body that counts. */
function answers(headers: Record<string, string | string[]>): void {
  let n = 0
  handler = (_, response) => response.writeHead(200, headers).end(`body ${++n}`)
}

describe('freshness', () => {
  test('a fresh response answers without the server, with its age', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached()
    const first = await get(session)
    expect(statusOf(first)).toBe('entreat; fwd=miss')
    now += 20_000
    const second = await get(session)
    expect([second.text, second.headers.get('age'), statusOf(second)]).toEqual(['body 1', '20', 'entreat; hit'])
    expect(second.request).not.toBe(first.request)
    now += 41_000
    expect((await get(session)).text).toBe('body 2')
    expect(count()).toBe(2)
  })

  test.each([
    ['Expires', { Expires: new Date(Date.now() + 3_600_000).toUTCString() }],
    [
      'must-revalidate while it is fresh (RFC 9111 section 5.2.2.2)',
      { 'Cache-Control': 'max-age=60, must-revalidate' },
    ],
    ['immutable', { 'Cache-Control': 'max-age=60, immutable' }],
    ['private, for one user', { 'Cache-Control': 'private, max-age=60' }],
  ])('%s is kept', async (_, headers) => {
    answers(headers)
    const session = cached()
    await get(session)
    expect((await get(session)).text).toBe('body 1')
  })

  test.each([
    'no-store',
    'no-cache',
    'max-age=0',
    'max-age=60, no-store',
    'no-cache="Set-Cookie", max-age=60',
    'no-cache = "x , max-age=60',
    'max-age=abc',
    'max-age=60, max-age=x, no-store="',
    'no-store="x", max-age=60',
  ])('"Cache-Control: %s" is asked for anew', async (value) => {
    answers({ 'Cache-Control': value })
    const session = cached()
    await get(session)
    expect((await get(session)).text).toBe('body 2')
  })

  test('T14 a shared cache keeps nothing private, and nothing that was got with credentials, unless it is public', async () => {
    answers({ 'Cache-Control': 'private, max-age=60' })
    const session = cached({ isShared: true })
    await get(session)
    expect((await get(session)).text).toBe('body 2')
    answers({ 'Cache-Control': 'max-age=60' })
    await get(session, '/mine/auth', { auth: ['ahab', 'ivory'] })
    expect((await get(session, '/mine/auth', { auth: ['ahab', 'ivory'] })).text).toBe('body 2')
    answers({ 'Cache-Control': 'public, max-age=60' })
    await get(session, '/mine/public', { auth: ['ahab', 'ivory'] })
    expect((await get(session, '/mine/public', { auth: ['ahab', 'ivory'] })).text).toBe('body 1')
  })

  test('directives of the request are kept: no-cache, no-store, max-age, only-if-cached', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached()
    const asking = (value: string): RequestOptions => ({ headers: { 'Cache-Control': value } })
    expect((await get(session, '/mine', asking('only-if-cached'))).statusCode).toBe(504)
    expect(count()).toBe(0)
    await get(session, '/mine', asking('no-store'))
    expect((await get(session)).text).toBe('body 2')
    expect((await get(session, '/mine', asking('no-cache'))).text).toBe('body 3')
    now += 30_000
    expect((await get(session, '/mine', asking('only-if-cached'))).text).toBe('body 3')
    expect((await get(session, '/mine', asking('max-age=10'))).text).toBe('body 4')
  })
})

describe('revalidation', () => {
  test('a stale response is revalidated by ETag, its headers renewed, its body kept', async () => {
    let asked: string | undefined
    handler = (request, response) => {
      asked = request.headers['if-none-match']
      const headers = { ETag: '"v1"', 'Cache-Control': 'max-age=10', 'X-Count': String(count()) }
      if (asked === '"v1"') response.writeHead(304, { ...headers, 'Set-Cookie': 'seen=again' }).end()
      else response.writeHead(200, headers).end('the body')
    }
    const session = cached()
    await get(session)
    now += 11_000
    const second = await get(session)
    expect([asked, second.statusCode, second.text]).toEqual(['"v1"', 200, 'the body'])
    expect(second.headers.get('x-count')).toBe('2')
    expect(statusOf(second)).toBe('entreat; hit; fwd=stale; fwd-status=304')
    expect(session.cookies.get('seen')).toBe('again')
    expect(second.request.headers.has('if-none-match')).toBe(false)
    await get(session)
    expect(count()).toBe(2)
  })

  test('by Last-Modified, and a changed response takes the place of the old one', async () => {
    handler = (request, response) => {
      const isKnown = request.headers['if-modified-since'] !== undefined
      response.writeHead(200, { 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT', 'Cache-Control': 'max-age=10' })
      response.end(isKnown ? 'new' : 'old')
    }
    const session = cached()
    await get(session)
    now += 11_000
    expect((await get(session)).text).toBe('new')
    expect((await get(session)).text).toBe('new')
    expect(count()).toBe(2)
  })

  test('stale-while-revalidate answers at once and renews behind it', async () => {
    answers({ 'Cache-Control': 'max-age=10, stale-while-revalidate=100' })
    const session = cached()
    await get(session)
    now += 20_000
    const stale = await get(session)
    expect([stale.text, statusOf(stale)]).toEqual(['body 1', 'entreat; hit; detail=stale'])
    await expect.poll(async () => (await get(session)).text, { timeout: 10_000 }).toBe('body 2')
  })

  test('stale-if-error answers where the server fails, and only there and then', async () => {
    answers({ 'Cache-Control': 'max-age=10, stale-if-error=100' })
    const session = cached()
    await get(session)
    now += 20_000
    handler = (_, response) => response.writeHead(503).end()
    expect((await get(session)).text).toBe('body 1')
    handler = (_, response) => response.destroy()
    expect(statusOf(await get(session))).toContain('stale-if-error')
    handler = (_, response) => response.writeHead(404).end()
    expect((await get(session)).statusCode).toBe(404)
    now += 200_000
    answers({ 'Cache-Control': 'max-age=10, stale-if-error=100, must-revalidate' })
    await get(session, '/mine/strict')
    now += 20_000
    handler = (_, response) => response.destroy()
    await expect(get(session, '/mine/strict')).rejects.toThrow(ConnectionError)
  })

  test('the caller stops: no stale answer in its place', async () => {
    answers({ 'Cache-Control': 'max-age=1, stale-if-error=100' })
    const session = cached()
    await get(session)
    now += 2000
    const controller = new AbortController()
    handler = () => controller.abort(new Error('enough'))
    await expect(get(session, '/mine', { signal: controller.signal })).rejects.toThrow('enough')
  })
})

describe('T14 selection', () => {
  test('Vary keeps variants apart, and * fits nothing', async () => {
    answers({ 'Cache-Control': 'max-age=60', Vary: 'Accept-Language, X-Flag' })
    const session = cached()
    const speaking = (language: string): RequestOptions => ({ headers: { 'Accept-Language': language } })
    const texts = [
      (await get(session, '/mine', speaking('de'))).text,
      (await get(session, '/mine', speaking('en'))).text,
      (await get(session, '/mine', speaking('de'))).text,
      (await get(session, '/mine', speaking('en'))).text,
    ]
    expect(texts).toEqual(['body 1', 'body 2', 'body 1', 'body 2'])
    answers({ 'Cache-Control': 'max-age=60', Vary: '*' })
    await get(session, '/mine/any')
    expect((await get(session, '/mine/any')).text).toBe('body 2')
  })

  test('a response got with credentials serves nobody else', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached()
    await get(session, '/mine', { auth: ['ahab', 'ivory'] })
    expect((await get(session, '/mine', { auth: ['ahab', 'ivory'] })).text).toBe('body 1')
    expect((await get(session, '/mine', { auth: ['ishmael', 'sea'] })).text).toBe('body 2')
    expect((await get(session)).text).toBe('body 3')
    expect((await get(session, '/mine', { auth: ['ahab', 'ivory'] })).text).toBe('body 1')
  })

  test('what was got without verification does not serve who asks for it', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached()
    await session.get(`${server.httpsUrl}/mine`, { verify: false })
    expect((await session.get(`${server.httpsUrl}/mine`)).text).toBe('body 2')
    await expect(session.get(`${server.httpsUrl}/mine`, { verify: true })).rejects.toThrow()
    const cert = server.certificates.client
    expect((await session.get(`${server.httpsUrl}/mine`, { cert })).text).toBe('body 3')
  })

  test('a Host override, a query and a fragment are told apart as they should be', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached()
    await get(session, '/mine?a=1')
    expect((await get(session, '/mine?a=1#part')).text).toBe('body 1')
    expect((await get(session, '/mine?a=2')).text).toBe('body 2')
    expect((await get(session, '/mine?a=1', { headers: { Host: 'other.test' } })).text).toBe('body 3')
  })

  test('conditions and ranges of the caller, and other methods, are not for the cache', async () => {
    answers({ 'Cache-Control': 'max-age=60', ETag: '"v1"' })
    const session = cached()
    await get(session)
    expect(statusOf(await get(session, '/mine', { headers: { Range: 'bytes=0-1' } }))).toBe('entreat; fwd=request')
    expect(statusOf(await get(session, '/mine', { headers: { 'If-None-Match': '"x"' } }))).toBe('entreat; fwd=request')
    expect(statusOf(await session.head(`${server.url}/mine`))).toBe('entreat; fwd=method')
    expect((await get(session)).text).toBe('body 1')
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s makes what it changed stale, and what it names', async (method) => {
    answers({ 'Cache-Control': 'max-age=60', 'Content-Location': '/mine/other' })
    const session = cached()
    await get(session)
    await get(session, '/mine/other')
    await session.request(method, `${server.url}/mine`)
    expect((await get(session)).text).toBe('body 4')
    expect((await get(session, '/mine/other')).text).toBe('body 5')
  })

  test('a change that was refused, or that names another origin, invalidates nothing there', async () => {
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached()
    await get(session)
    handler = (_, response) => response.writeHead(409).end()
    await session.post(`${server.url}/mine`)
    expect((await get(session)).text).toBe('body 1')
    handler = (_, response) => response.writeHead(200, { Location: `${server.httpsUrl}/mine` }).end()
    await session.post(`${server.url}/mine/else`)
    expect((await get(session)).text).toBe('body 1')
  })
})

describe('bodies', () => {
  test('content codings stay on in the store and come off for the reader', async () => {
    const session = cached()
    for (let n = 0; n < 2; n++) {
      const response = await session.get(`${server.url}/codings/gzip?bytes=5000`)
      expect(response.content.equals(Buffer.alloc(5000))).toBe(true)
    }
  })

  test('redirects are cached like anything else', async () => {
    handler = (request, response) => {
      if (request.url === '/mine')
        response.writeHead(301, { Location: '/mine/new', 'Cache-Control': 'max-age=60' }).end()
      else response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end('there')
    }
    const session = cached()
    expect((await get(session)).text).toBe('there')
    const again = await get(session)
    expect([again.text, again.history.length, count()]).toEqual(['there', 1, 2])
  })

  test('what was not read to its end, broke off, or is too long is not kept', async () => {
    const store = new MemoryStore()
    const session = cached({ store, maxBodyBytes: 1000 })
    handler = (_, response) => response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(Buffer.alloc(100_000))
    await get(session)
    expect(store.bytes).toBe(0)
    handler = (_, response) =>
      void response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': 500 }).write('x')
    const unread = await get(session, '/mine', { stream: true })
    unread.close()
    handler = (_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': 500 }).write('x')
      setImmediate(() => response.destroy())
    }
    await expect(get(session)).rejects.toThrow()
    expect(store.bytes).toBe(0)
  })

  test('a cookie is set once, by the response that was received', async () => {
    answers({ 'Cache-Control': 'max-age=60', 'Set-Cookie': 'sid=1' })
    const session = cached()
    await get(session)
    session.cookies.clear()
    const hit = await get(session)
    expect(hit.headers.getSetCookie()).toEqual([])
    expect(session.cookies.get('sid')).toBeUndefined()
  })

  test('1,000 requests at once all get the whole body', async () => {
    handler = (_, response) => response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end('x'.repeat(10_000))
    const session = cached()
    await get(session)
    const bodies = await Promise.all(Array.from({ length: 1000 }, () => get(session)))
    expect(new Set(bodies.map(({ text }) => text.length))).toEqual(new Set([10_000]))
    expect(count()).toBe(1)
  })

  test('wraps any adapter, and closes it', async () => {
    let isClosed = false
    class Closing extends StubAdapter {
      override close(): Promise<void> {
        isClosed = true
        return super.close()
      }
    }
    const stub = new Closing().on(
      'GET',
      'http://stub.test/',
      { text: 'x', headers: { 'Cache-Control': 'max-age=9' } },
      { times: 1 },
    )
    const session = new Session().mount('http://', new CacheAdapter(stub))
    await session.get('http://stub.test/')
    expect((await session.get('http://stub.test/')).text).toBe('x')
    await session.close()
    expect(isClosed).toBe(true)
  })

  test('a store that fails to write costs a request, nothing else', async () => {
    class Full extends MemoryStore {
      override set(): Promise<void> {
        return Promise.reject(new Error('disk full'))
      }
    }
    answers({ 'Cache-Control': 'max-age=60' })
    const session = cached({ store: new Full() })
    await get(session)
    expect((await get(session)).text).toBe('body 2')
  })

  test('an app that is called in process is cached too', async () => {
    let calls = 0
    const app = AppAdapter.fetch(() => {
      calls += 1
      return new globalThis.Response('x', { headers: { 'Cache-Control': 'max-age=60' } })
    })
    const session = new Session().mount('http://', new CacheAdapter(app))
    await session.get('http://app.test/')
    await session.get('http://app.test/')
    expect(calls).toBe(1)
  })
})
