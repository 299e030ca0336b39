import { InvalidHeader, Request, type Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure } from '../support/failure.ts'
import { http2Session } from '../support/http2-session.ts'
import { RawHttp2Server } from '../support/raw-http2-server.ts'

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start({ http2: true })
})
afterAll(() => server.close())
beforeEach(() => {
  server.reset()
  session = http2Session({ headers: { 'User-Agent': null, Accept: null, 'Accept-Encoding': null } })
})
afterEach(() => session.close())

/** The lines of the last request, without those that say what is asked of whom. */
function sent(): readonly (readonly [string, string])[] {
  return server.requests.at(-1)?.headers ?? []
}

describe('a request head over HTTP/2', () => {
  it('has the host in :authority, and names in lower case (RFC 9113 section 8.2)', async () => {
    await session.get(`${server.httpsUrl}/get?a=1`, { headers: { 'X-Some-Name': 'Value' } })
    const { host } = new URL(server.httpsUrl)
    expect([server.requests[0]?.url, sent()]).toEqual([
      '/get?a=1',
      [
        ['host', host],
        ['x-some-name', 'Value'],
      ],
    ])
  })

  it('has a Host header as :authority', async () => {
    await session.get(`${server.httpsUrl}/get`, { headers: { Host: 'other.test' } })
    expect(sent()).toEqual([['host', 'other.test']])
  })

  it('leaves out what speaks of one connection (RFC 9113 section 8.2.2)', async () => {
    const headers = { Connection: 'keep-alive', 'Keep-Alive': 'timeout=5', Upgrade: 'h2c', 'Proxy-Connection': 'close' }
    await session.get(`${server.httpsUrl}/get`, { headers })
    expect(sent().map(([name]) => name)).toEqual(['host'])
  })

  it('says TE: trailers and nothing else', async () => {
    await session.get(`${server.httpsUrl}/get`, { headers: { TE: 'trailers' } })
    expect(sent()[1]).toEqual(['te', 'trailers'])
    expect(await failure(session.get(`${server.httpsUrl}/get`, { headers: { TE: 'gzip' } }))).toBeInstanceOf(
      InvalidHeader,
    )
  })

  it('refuses other connection options, and the connection goes on', async () => {
    const error = await failure(session.get(`${server.httpsUrl}/get`, { headers: { Connection: 'upgrade' } }))
    expect([error.code, error.requestBytesSent]).toEqual(['ERR_INVALID_HEADER', 0])
    await session.get(`${server.httpsUrl}/get`)
    expect(server.connectionCount).toBe(1)
  })

  it('refuses a second line of what may have one only', async () => {
    const headers = [
      ['Referer', 'a'],
      ['Referer', 'b'],
    ] as const
    expect((await failure(session.get(`${server.httpsUrl}/get`, { headers }))).code).toBe('ERR_INVALID_HEADER')
  })

  it('has several lines of one name, in order', async () => {
    const headers = [
      ['X-Many', 'one'],
      ['X-Other', '1'],
      ['x-many', 'two'],
    ] as const
    await session.get(`${server.httpsUrl}/get`, { headers })
    expect(server.requests[0]?.header('x-many')).toBe('one, two')
  })

  it('has a field for each cookie (RFC 9113 section 8.2.3)', async () => {
    await session.get(`${server.httpsUrl}/get`, { headers: { Cookie: 'a=1; b=2; c="x; y"' } })
    expect(sent().filter(([name]) => name === 'cookie')).toHaveLength(4)
    expect(server.requests[0]?.header('cookie')).toBe('a=1; b=2; c="x; y"')
  })

  it('carries bytes beyond ASCII as they are, both ways', async () => {
    await using raw = await RawHttp2Server.start({
      onRequest: (c, s) => c.answer(s, 'ok', { 'x-back': 'gr\xfc\xdfe' }),
    })
    const response = await session.get(raw.url, { headers: { 'X-There': 'gr\xfc\xdfe' } })
    expect(response.headers.get('x-back')).toBe('gr\xfc\xdfe')
    await session.get(`${server.httpsUrl}/get`, { headers: { 'X-There': 'gr\xfc\xdfe' } })
    expect(server.requests[0]?.header('x-there')).toBe('gr\xfc\xdfe')
  })

  it('says the length of a body that is known, and nothing of one that is not', async () => {
    const data = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('some'))
    }
    await session.post(`${server.httpsUrl}/post`, { data: 'four' })
    await session.post(`${server.httpsUrl}/post`, { data: data() })
    await session.post(`${server.httpsUrl}/post`)
    await session.get(`${server.httpsUrl}/get`)
    const lengths = server.requests.map((request) => request.header('content-length'))
    expect(lengths).toEqual(['4', null, '0', null])
    expect(server.requests.every((request) => request.header('transfer-encoding') === null)).toBe(true)
  })

  it.each([
    ['shorter', 'abc'],
    ['longer', 'abcdefgh'],
  ])('refuses a body %s than its Content-Length', async (_name, text) => {
    const data = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from(text))
    }
    const headers = { 'Content-Length': '5' }
    expect((await failure(session.post(`${server.httpsUrl}/post`, { data: data(), headers }))).code).toBe(
      'ERR_INVALID_HEADER',
    )
    await session.get(`${server.httpsUrl}/get`)
    expect(server.connectionCount).toBe(1)
  })

  it('is the same object afterwards (rule 4.2.2)', async () => {
    const request = await new Request('POST', `${server.httpsUrl}/post`, {
      data: 'x',
      headers: { Connection: 'close' },
    }).prepare()
    const before = [...request.headers.items()]
    await session.send(request)
    expect([...request.headers.items()]).toEqual(before)
  })
})

describe('a response head over HTTP/2', () => {
  it('has no pseudo fields, each Set-Cookie by itself, and no reason', async () => {
    await using raw = await RawHttp2Server.start({
      onRequest: (c, s) => c.answer(s, 'ok', { 'set-cookie': 'a=1', 'x-y': '1' }),
    })
    const { headers, reason, statusCode } = await session.get(raw.url)
    expect([statusCode, reason, [...headers.keys()]]).toEqual([200, '', ['set-cookie', 'x-y']])
    const cookies = await session.get(`${server.httpsUrl}/cookies/set/a/1`)
    expect(cookies.json()).toMatchObject({ cookies: { a: '1' } })
  })

  it('comes after any number of interim responses', async () => {
    await using raw = await RawHttp2Server.start({
      onRequest: (c, s) => {
        for (const status of ['100', '103', '103']) c.head(s, { ':status': status, link: '</a>' })
        c.answer(s)
      },
    })
    const { statusCode, headers } = await session.get(raw.url)
    expect([statusCode, headers.has('link')]).toEqual([200, false])
  })

  it.each(['204', '304', '200'])('%s without a body', async (status) => {
    await using raw = await RawHttp2Server.start({
      onRequest: (c, s) =>
        c.head(s, { ':status': status, 'content-length': status === '304' ? '100' : '0' }, { end: true }),
    })
    const response = await session.get(raw.url)
    expect([response.statusCode, response.content.length]).toEqual([Number(status), 0])
  })

  it('to HEAD has a length and no body', async () => {
    const response = await session.head(`${server.httpsUrl}/get`)
    expect([Number(response.headers.get('content-length')) > 0, response.content.length]).toEqual([true, 0])
  })
})
