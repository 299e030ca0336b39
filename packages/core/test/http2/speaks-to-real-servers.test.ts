import type { Session } from '@entreat/core'
import { testCertificates, TestServer } from '@entreat/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { missingHttp2Packages, startNghttpd, startNghttpx, startNginx } from '../../../../lab/http2/http2-servers.ts'
import { failure } from '../behaviour/support/failure.ts'
import { http2Session, times } from '../behaviour/support/http2-session.ts'

const MIB = 1024 * 1024
const missing = missingHttp2Packages()
const certificate = testCertificates().server
const small = Buffer.alloc(1024, 's')
const large = Buffer.alloc(10 * MIB, 'l')
const files = { 'small.txt': small, 'large.bin': large, 'empty.txt': Buffer.alloc(0) }

let session: Session
let sockets: number

beforeEach((context) => {
  if (missing !== null) context.skip(missing)
  sockets = 0
  session = http2Session({}, { onSocket: () => void sockets++ })
})
afterEach(() => session?.close())

const filing = [
  ['nghttpd', () => startNghttpd(certificate, files)],
  ['nginx', () => startNginx(certificate, files)],
] as const

describe.each(filing)('%s', (_name, start) => {
  it('answers a hundred requests at once on one connection', async () => {
    await using server = await start()
    const answers = await times(100, () => session.get(`${server.url}/small.txt`))
    expect(answers.every(({ content }) => content.equals(small))).toBe(true)
    expect(sockets).toBe(1)
  })

  it('sends large, empty and no bodies', async () => {
    await using server = await start()
    expect((await session.get(`${server.url}/large.bin`)).content.equals(large)).toBe(true)
    expect((await session.get(`${server.url}/empty.txt`)).content.length).toBe(0)
    const head = await session.head(`${server.url}/small.txt`)
    expect([head.headers.get('content-length'), head.content.length]).toEqual(['1024', 0])
    expect((await session.get(`${server.url}/nothing`)).statusCode).toBe(404)
    const fresh = head.headers.get('last-modified') as string
    const headers = { 'If-Modified-Since': fresh }
    expect((await session.get(`${server.url}/small.txt`, { headers })).statusCode).toBe(304)
    expect(sockets).toBe(1)
  })

  it('is read slowly by one while it serves others', async () => {
    await using server = await start()
    const slow = await session.get(`${server.url}/large.bin`, { stream: true })
    await slow.iterContent().next()
    await times(20, () => session.get(`${server.url}/small.txt`))
    expect((await slow.read()).length).toBeGreaterThan(9 * MIB)
    expect(sockets).toBe(1)
  })

  it('forgets what is aborted, and goes on', async () => {
    await using server = await start()
    const controller = new AbortController()
    const response = await session.get(`${server.url}/large.bin`, { stream: true, signal: controller.signal })
    controller.abort('enough')
    await expect(response.read()).rejects.toBe('enough')
    expect((await session.get(`${server.url}/small.txt`)).content.length).toBe(1024)
    expect(sockets).toBe(1)
  })
})

describe('nghttpd', () => {
  it('echoes uploads and sends trailers', async () => {
    await using server = await startNghttpd(certificate, files, ['--echo-upload', '--trailer', 'x-sum: abc'])
    const bodies = [Buffer.alloc(MIB, 'u'), Buffer.alloc(0), Buffer.from('x')]
    for (const data of bodies) {
      const response = await session.post(server.url, { data })
      expect([response.content.equals(data), response.trailers.get('x-sum')]).toEqual([true, 'abc'])
    }
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 100; index++) yield await Promise.resolve(Buffer.alloc(10_000, index))
    }
    expect((await session.post(server.url, { data: pieces() })).content.length).toBe(MIB - (MIB % 10_000) - 40_000)
  })

  it('answers early, before the upload has ended', async () => {
    await using server = await startNghttpd(certificate, files, ['--early-response'])
    const response = await session.post(`${server.url}/small.txt`, { data: Buffer.alloc(5 * MIB) })
    expect(response.content.equals(small)).toBe(true)
    expect((await session.get(`${server.url}/small.txt`)).statusCode).toBe(200)
  })

  it('that takes three streams at a time is not sent more', async () => {
    await using server = await startNghttpd(certificate, files, ['-m', '3'])
    await using narrow = http2Session({ limits: { connectionsPerOrigin: 2 } }, { onSocket: () => void sockets++ })
    const answers = await times(50, () => narrow.get(`${server.url}/small.txt`))
    expect(answers.every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect(sockets).toBeLessThanOrEqual(2)
  })

  it('is missed when it has gone', async () => {
    const server = await startNghttpd(certificate, files)
    await session.get(`${server.url}/small.txt`)
    await server[Symbol.asyncDispose]()
    expect((await failure(session.get(`${server.url}/small.txt`))).code).toBe('ERR_CONNECTION')
  })
})

describe('nginx', () => {
  it('closes gracefully after ten requests, and none of a hundred at once fails', async () => {
    await using server = await startNginx(certificate, files, 'keepalive_requests 10;')
    const answers = await times(100, (index) =>
      index % 3 === 0 ? session.request('DELETE', `${server.url}/protocol`) : session.get(`${server.url}/small.txt`),
    )
    expect(answers.filter(({ statusCode }) => statusCode >= 500)).toEqual([])
    for (let index = 0; index < 35; index++) expect((await session.get(`${server.url}/protocol`)).text).toBe('HTTP/2.0')
    expect(sockets).toBeGreaterThanOrEqual(10)
  })

  it('closes idle connections, which nobody notices', async () => {
    await using server = await startNginx(certificate, files, 'keepalive_timeout 1s;')
    const first = await session.get(`${server.url}/connection`)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const second = await session.post(`${server.url}/connection`, { data: 'x' })
    expect([second.statusCode, second.text === first.text]).toEqual([200, false])
  })

  it('is told that it sends too long a head', async () => {
    await using server = await startNginx(certificate, files, `add_header X-Long ${'y'.repeat(3000)};`)
    const error = await failure(session.get(`${server.url}/small.txt`, { limits: { headerBytes: 2000 } }))
    expect(error.code).toBe('ERR_LIMIT_EXCEEDED')
    expect((await session.get(`${server.url}/small.txt`)).headers.get('x-long')?.length).toBe(3000)
  })
})

describe('nghttpx in front of HTTP/1.1', () => {
  it('passes on methods, bodies, cookies and statuses', async () => {
    await using backend = await TestServer.start({ tls: false })
    await using server = await startNghttpx(certificate, Number(new URL(backend.url).port))
    const answers = await times(20, (index) => session.post(`${server.url}/post`, { json: { index } }))
    expect(answers.map((answer) => answer.json<{ json: { index: number } }>().json.index)).toEqual([
      ...Array(20).keys(),
    ])
    await session.get(`${server.url}/cookies/set/a/1`)
    await session.get(`${server.url}/cookies`, { cookies: { b: '2' } })
    expect(backend.requests.at(-1)?.header('cookie')).toBe('a=1; b=2')
    expect((await session.get(`${server.url}/status/418`)).statusCode).toBe(418)
    const uploaded = await session.post(`${server.url}/upload`, { data: large })
    expect(uploaded.json<{ bytes: number }>().bytes).toBe(large.length)
    expect(sockets).toBe(1)
  })

  it('reports a backend that breaks off', async () => {
    await using backend = await TestServer.start({ tls: false })
    await using server = await startNghttpx(certificate, Number(new URL(backend.url).port))
    // It may reset the stream before it has passed on the head.
    for (const path of ['/truncated', '/truncated?chunked=true']) {
      const { code } = await failure(session.get(server.url + path))
      expect(code).toMatch(/^ERR_(?:BODY_TRUNCATED|CONNECTION)$/)
    }
    expect((await session.get(`${server.url}/close`)).statusCode).toBe(502)
  })
})
