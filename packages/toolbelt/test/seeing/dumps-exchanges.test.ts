import { afterAll, beforeAll, expect, test } from 'vitest'
import { Redaction, Session, UsageError } from '@entreat/core'
import { StubAdapter, TestServer } from '@entreat/testkit'
import { dumpAll, dumpResponse } from '@entreat/toolbelt/dump'

let server: TestServer
const session = new Session({
  trustEnv: false,
  headers: { 'User-Agent': 'test', Accept: null, 'Accept-Encoding': null },
})
beforeAll(async () => void (server = await TestServer.start({ tls: false })))
afterAll(async () => {
  await session.close()
  await server.close()
})

function stubbed(): Session {
  const stub = new StubAdapter().on('*', 'http://stub.test/*', ({ body, headers }) => ({
    statusCode: 201,
    reason: 'Made',
    headers: [
      ['Set-Cookie', 'a=hush; Path=/'],
      ['Set-Cookie', 'b=hush'],
      ['Content-Type', headers.get('content-type') ?? 'text/plain'],
    ],
    body,
  }))
  const headers = { 'User-Agent': 'test', Accept: null, 'Accept-Encoding': null, Connection: null }
  return new Session({ trustEnv: false, headers }).mount('http://', stub)
}

test('writes request and response as they are on the wire, with prefixes', async () => {
  const response = await stubbed().post('http://stub.test/a?b=1', { json: { n: 1 } })
  expect(dumpResponse(response).toString()).toBe(
    [
      '< POST /a?b=1 HTTP/1.1',
      '< Host: stub.test',
      '< User-Agent: test',
      '< Content-Type: application/json',
      '< Content-Length: 7',
      '< ',
      '< {"n":1}',
      '> HTTP/1.1 201 Made',
      '> Set-Cookie: a=***; Path=/',
      '> Set-Cookie: b=***',
      '> Content-Type: application/json',
      '> ',
      '{"n":1}',
      '',
    ].join('\r\n'),
  )
})

test('takes prefixes of the caller, and a Host header of the request', async () => {
  const response = await stubbed().get('http://stub.test/', { headers: { Host: 'virtual.test' } })
  const text = dumpResponse(response, { requestPrefix: '> ', responsePrefix: '' }).toString()
  expect(text).toMatch(/^> GET \/ HTTP\/1\.1\r\n> Host: virtual\.test\r\n/)
  expect(text.match(/virtual\.test/g)).toHaveLength(1)
  expect(text).toContain('\r\nHTTP/1.1 201 Made\r\n')
})

test('shows the whole history in order', async () => {
  const response = await session.get(`${server.url}/redirect/2`)
  const lines = dumpAll(response).toString().split('\r\n')
  expect(
    lines.filter((line) => /^[<>] (?:GET|HTTP)/.test(line)).map((line) => line.replace(/ HTTP\/1.1$/, '')),
  ).toEqual([
    '< GET /redirect/2',
    '> HTTP/1.1 302 Found',
    '< GET /relative-redirect/1',
    '> HTTP/1.1 302 Found',
    '< GET /get',
    '> HTTP/1.1 200 OK',
  ])
})

test('masks credentials by default, what it is told to, or nothing', async () => {
  const sending = { auth: ['ahab', 'hush'] as [string, string], data: { password: 'hush', name: 'whale' } }
  const response = await stubbed().post('http://stub.test/?token=hush', sending)
  expect(dumpResponse(response).toString()).not.toMatch(/hush|YWhhYjpodXNo/)
  const own = new Redaction({ secretValues: ['whale'] })
  expect(dumpResponse(response, { redaction: own }).toString()).not.toMatch(/whale/)
  const open = dumpResponse(response, { redaction: null }).toString()
  expect(open).toContain('Authorization: Basic YWhhYjpodXNo')
  expect(open).toContain('password=hush')
})

test('reads nothing that has not been read, and opens no stream', async () => {
  async function* once(): AsyncGenerator<Uint8Array, void, undefined> {
    yield await Promise.resolve(Buffer.from('streamed'))
  }
  const response = await session.post(`${server.url}/post`, { data: once(), stream: true })
  const text = dumpResponse(response).toString()
  expect(text).toContain('< << Request body is a stream >>')
  expect(text).toContain('<< Response body is not in memory: ERR_CONTENT_NOT_READ >>')
  expect((await response.read()).length).toBeGreaterThan(0)
  expect(dumpResponse(response).toString()).toContain('"streamed"')
})

test('shows bytes as they are, coded content decoded, and no more than it may', async () => {
  const bytes = await session.get(`${server.url}/bytes/300?seed=1`)
  expect(dumpResponse(bytes).includes(bytes.content)).toBe(true)
  const gzip = await session.get(`${server.url}/gzip`)
  expect(dumpResponse(gzip).toString()).toContain('"gzipped": true')
  const short = dumpResponse(bytes, { maxBodyBytes: 10 })
  expect(short.toString('latin1')).toContain('<< 290 bytes more >>')
})

test('refuses what is no response, and unknown options', async () => {
  expect(() => dumpResponse({} as never)).toThrow(UsageError)
  expect(() => dumpAll(null as never)).toThrow()
  const response = await stubbed().get('http://stub.test/')
  expect(() => dumpResponse(response, { prefix: '' } as object)).toThrow(/has no option "prefix"/)
})
