import { CookieJar, type RequestOptions, Retry, Session } from '@entreat/core'
import { seededBytes, TestServer } from '@entreat/testkit'
import { CookieJar as ToughJar, MemoryCookieStore } from 'tough-cookie'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SocketAuth, SocketAuthServer } from '../support/bound-scheme.ts'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

// With one connection allowed, the next request tells whether the one before has let go of it.

// The same bytes every time: some random ones are a valid, empty brotli stream.
const noise = Buffer.concat([Buffer.from('not compressed at all'), seededBytes(2_000_000, 1)])
const bodies = {
  'gzip that is none': ['gzip', noise],
  'gzip that turns bad': ['gzip', Buffer.concat([gzipSync(noise).subarray(0, 300_000), noise])],
  'brotli that is none': ['br', noise],
  'gzip of gzip that is none': ['gzip, gzip', gzipSync(noise)],
  'gzip that ends early': ['gzip', gzipSync(noise).subarray(0, 300_000)],
  'small gzip that ends early': ['gzip', gzipSync(Buffer.from('short')).subarray(0, 12)],
  'brotli that ends early': ['br', brotliCompressSync(noise.subarray(0, 200_000)).subarray(0, 100_000)],
} as const

let server: TestServer
let raw: RawServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start()
  raw = await RawServer.start(({ head, socket }) => {
    const [coding, body] = bodies[decodeURIComponent(head.split(' ')[1]?.slice(1) ?? '') as keyof typeof bodies] ?? []
    if (coding === undefined || body === undefined) return reply('free')
    socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`)
    return body
  })
})

afterAll(async () => {
  await Promise.all([server.close(), raw.close()])
})

beforeEach(() => {
  session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 }, timeout: { pool: 1000 } })
})

afterEach(async () => {
  await session.close()
})

const isFree = async (): Promise<boolean> => (await within(2000, session.get(`${raw.url}/free`))).text === 'free'

describe.each(Object.keys(bodies))('a body in %s', (name) => {
  it('fails a buffered request with a ContentDecodingError, and frees the connection', async () => {
    const error = await within(3000, failure(session.get(`${raw.url}/${encodeURIComponent(name)}`)))
    expect([error.code, await isFree()]).toEqual(['ERR_CONTENT_DECODING', true])
  })

  it('fails a streaming reader with a ContentDecodingError, and frees the connection', async () => {
    const response = await session.get(`${raw.url}/${encodeURIComponent(name)}`, { stream: true })
    const reading = async (): Promise<void> => {
      for await (const _piece of response.iterContent(1000)) void _piece
    }
    const error = await within(3000, failure(reading()))
    expect([error.code, await isFree()]).toEqual(['ERR_CONTENT_DECODING', true])
  })

  it('fails read() after a first piece with a ContentDecodingError, and frees the connection', async () => {
    const response = await session.get(`${raw.url}/${encodeURIComponent(name)}`, { stream: true })
    const reading = async (): Promise<void> => {
      for await (const _piece of response.iterContent(1)) break
      await response.read()
    }
    const error = await within(3000, failure(reading()))
    expect([error.code, await isFree()]).toEqual(['ERR_CONTENT_DECODING', true])
  })
})

describe.each([
  ['gzip', gzipSync('whole'), 0],
  ['br', brotliCompressSync('whole'), 120],
])('bytes after the end of a body in %s', (coding, body, padding) => {
  it('are left out, and the connection is free', async () => {
    await using trailing = await RawServer.start(({ head, socket }) => {
      if (head.includes('/free')) return reply('free')
      socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length + 400_000}\r\n\r\n`)
      return Buffer.concat([body, Buffer.alloc(400_000, padding)])
    })
    const response = await session.get(trailing.url, { stream: true })
    let text = ''
    for await (const piece of response.iterContent()) text += piece.toString()
    const next = await within(2000, session.get(`${trailing.url}/free`))
    expect([text, next.text]).toEqual(['whole', 'free'])
  })
})

describe('a connection is free again after', () => {
  const free = async (): Promise<number> => (await within(3000, session.get(`${server.url}/get`))).statusCode

  it.each<[string, RequestOptions]>([
    ['a Digest challenge', { auth: ['user', 'passwd'] }],
    ['a retried status', { retry: new Retry({ total: 2, statusForcelist: [404, 401], backoffMs: 1 }) }],
  ])('%s', async (_what, options) => {
    await within(
      3000,
      session.get(`${server.url}/digest-auth/auth/user/passwd`, options).catch(() => null),
    )
    expect(await free()).toBe(200)
  })

  it('a bound scheme whose status is retried', async () => {
    await using bound = await SocketAuthServer.start()
    const retry = new Retry({ total: 3, statusForcelist: [401], backoffMs: 1 })
    await within(
      3000,
      session.get(bound.url, { auth: new SocketAuth('u-n-k'), retry }).catch(() => null),
    )
    expect((await within(3000, session.get(`${bound.url}/open`))).text).toBe('open')
  })

  it('toWeb() whose body is cancelled', async () => {
    const response = await session.get(`${server.url}/download/5000000`, { stream: true })
    await response.toWeb().body?.cancel()
    expect(await free()).toBe(200)
  })

  it('toWeb() whose body is read', async () => {
    const response = await session.get(`${server.url}/download/5000000`, { stream: true })
    expect((await response.toWeb().arrayBuffer()).byteLength).toBe(5_000_000)
    expect(await free()).toBe(200)
  })

  it('a response hook that throws on a streamed response', async () => {
    const own = new Error('not this')
    const hooks = {
      response: () => {
        throw own
      },
    }
    expect(await rejection(session.get(`${server.url}/download/5000000`, { stream: true, hooks }))).toBe(own)
    expect(await free()).toBe(200)
  })

  it('a retry hook that throws on a streamed response', async () => {
    const own = new Error('not this')
    const hooks = {
      retry: () => {
        throw own
      },
    }
    const retry = new Retry({ total: 2, statusForcelist: [200] })
    const call = session.get(`${server.url}/download/5000000`, { stream: true, retry, hooks })
    expect(await rejection(call)).toBe(own)
    expect(await free()).toBe(200)
  })

  it('retries that are used up on a streamed response', async () => {
    const retry = new Retry({ total: 1, statusForcelist: [200], backoffMs: 1 })
    const error = await failure(session.get(`${server.url}/download/5000000`, { stream: true, retry }))
    expect([error.code, await free()]).toEqual(['ERR_RETRIES_EXHAUSTED', 200])
  })

  it('a cookie store that fails on a streamed response', async () => {
    const store = new MemoryCookieStore()
    const full = new Error('the store is full')
    // With a callback or without, as tough-cookie's stores take it.
    Reflect.set(store, 'putCookie', (_cookie: unknown, done?: (error: Error) => void) =>
      done === undefined ? Promise.reject(full) : done(full),
    )
    await using setting = await RawServer.start(({ head }) =>
      head.includes('/free') ? reply('free') : 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 1000\r\n\r\nsome',
    )
    session.cookies = new ToughJar(store)
    const error = await within(2000, rejection(session.get(setting.url, { stream: true })))
    expect(error).toBeInstanceOf(Error)
    session.cookies = new CookieJar()
    expect((await within(2000, session.get(`${setting.url}/free`))).text).toBe('free')
  })

  it('too many redirects of a streamed response', async () => {
    const error = await failure(session.get(`${server.url}/redirect/9`, { stream: true, maxRedirects: 3 }))
    expect([error.code, await free()]).toEqual(['ERR_TOO_MANY_REDIRECTS', 200])
  })

  it('a redirect to nowhere', async () => {
    const url = `${server.url}/redirect-to?url=${encodeURIComponent('http://[broken')}`
    await within(3000, failure(session.get(url, { stream: true })))
    expect(await free()).toBe(200)
  })

  it('an abort inside the body', async () => {
    const controller = new AbortController()
    const response = await session.get(`${server.url}/download/5000000`, { stream: true, signal: controller.signal })
    controller.abort()
    await rejection(response.read())
    expect(await free()).toBe(200)
  })

  it('a caller who aborts between the head and the hook', async () => {
    const controller = new AbortController()
    const hooks = { response: () => controller.abort('enough') }
    const call = session.get(`${server.url}/download/5000000`, { stream: true, signal: controller.signal, hooks })
    expect(await rejection(call)).toBe('enough')
    expect(await free()).toBe(200)
  })
})
