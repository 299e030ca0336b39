import { expect, test } from 'vitest'
import {
  type Content,
  DigestAuth,
  type Fields,
  type Files,
  type HeadersInit,
  HTTPError,
  InvalidHeader,
  post,
  Request,
  Response,
  Session,
  UsageError,
} from '@entreat/core'
import { failureOf, reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })
const URL_OF_ALL = 'http://example.com/'

test('makes URL and form body of a request', async () => {
  const request = await new Request('POST', 'http://example.com', { data: { life: '42' } }).prepare()
  expect([request.url, String(await request.body?.bytes(100))]).toEqual(['http://example.com/', 'life=42'])
})

test.each<[what: string, data: Fields, body: string]>([
  ['an array of values', { test: ['foo', 'baz'] }, 'test=foo&test=baz'],
  [
    'pairs',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
    'a=b&c=d',
  ],
  [
    'pairs in another order',
    [
      ['c', 'd'],
      ['a', 'b'],
    ],
    'c=d&a=b',
  ],
  [
    'pairs of one name',
    [
      ['a', 'b'],
      ['a', 'c'],
    ],
    'a=b&a=c',
  ],
])('writes a form of %s', async (_what, data, body) => {
  const request = await new Request('POST', URL_OF_ALL, { data }).prepare()
  expect(String(await request.body?.bytes(100))).toBe(body)
})

test.each<[what: string, data: string | Uint8Array, length: string]>([
  ['the bytes of bytes', Buffer.from('a string with a ☃'), '19'],
  ['the bytes of text, not its characters', 'a string with a ☃', '19'],
  ['the bytes of text beyond Latin-1', 'ÿ', '2'],
])('counts %s', async (_what, data, length) => {
  const request = await new Request('POST', URL_OF_ALL, { data }).prepare()
  expect(request.headers.get('content-length')).toBe(length)
})

test('counts the bytes of JSON, which are the body', async () => {
  const request = await new Request('POST', URL_OF_ALL, { json: { a: 'é' } }).prepare()
  const body = await request.body?.bytes(100)
  expect(body).toBeInstanceOf(Uint8Array)
  expect(request.headers.get('content-length')).toBe(String(body?.length))
})

async function* stream(...texts: string[]): AsyncGenerator<string> {
  yield* texts
}

const auth = [['user', 'pass'], new DigestAuth('user', 'pass')] as const

test.each(auth)('keeps the framing of a stream beside credentials', async (scheme) => {
  const prepare = (headers: HeadersInit) =>
    new Request('POST', URL_OF_ALL, { auth: scheme as never, data: stream('x'), headers }).prepare()
  const chunked = await prepare({})
  expect([chunked.headers.has('content-length'), chunked.headers.get('transfer-encoding')]).toEqual([false, 'chunked'])
  const sized = await prepare({ 'Content-Length': '1' })
  expect([sized.headers.get('content-length'), sized.headers.has('transfer-encoding')]).toEqual(['1', false])
})

test.each<[what: string, request: Request]>([
  ['nothing but a URL', new Request('GET', URL_OF_ALL)],
  ['a form', new Request('POST', URL_OF_ALL, { data: 'foo=bar', headers: { 'X-A': '1' } })],
  ['cookies', new Request('GET', URL_OF_ALL, { cookies: { foo: 'bar' } })],
  ['a URL beyond ASCII', new Request('GET', 'http://example.com/straße', { params: { ø: 'ø' } })],
])('copies a prepared request of %s', async (_what, request) => {
  const original = await request.prepare()
  const copy = original.copy()
  expect(copy).not.toBe(original)
  expect([copy.method, copy.url, copy.body, copy.hooks]).toEqual([
    original.method,
    original.url,
    original.body,
    original.hooks,
  ])
  expect([...copy.headers.items()]).toEqual([...original.headers.items()])
})

// ── headers ─────────────────────────────────────────────────────────────────

test.each<[headers: HeadersInit]>([
  [{ foo: 'bar baz qux' }],
  [{ foo: '' }],
  [{ bar: Buffer.from('fbbq') }],
  [{ jkl: '~!@#$%^&*()' }],
  [{ 'X-Number': 3 }],
])('takes the headers %j', async (headers) => {
  await using session = new Session()
  const response = await session.get(`${site().url}/get`, { headers })
  const [name, value] = Object.entries(headers as Record<string, unknown>)[0] as [string, unknown]
  expect(response.request.headers.get(name)).toBe(String(value))
})

test.each([[{ foo: { bar: 'baz' } }], [{ foo: Symbol('x') }], [{ foo: () => {} }]])(
  'refuses a header whose value is no text, and names it',
  async (headers) => {
    const error = await failureOf(new Request('GET', URL_OF_ALL, { headers: headers as never }).prepare())
    expect((error as Error).message).toMatch(/foo/i)
    expect((error as { code: string }).code).toMatch(/^ERR_(?:INVALID_HEADER|USAGE)$/)
  },
)

const BREAKS = ['\n', '\r', '\r\n']
const BROKEN = [
  ...BREAKS.flatMap((line) => [`fo${line}o`, `foo${line}`, `${line}foo`]),
  'foo\r\n bar',
  'foo\n\tbar',
  ' foo',
  '   foo',
  '\tfoo',
]

test.each(BROKEN)('refuses %j as the value or the name of a header, and says neither is sent', async (text) => {
  expect(await failureOf(new Request('GET', URL_OF_ALL, { headers: { foo: text } }).prepare())).toBeInstanceOf(
    InvalidHeader,
  )
  expect(await failureOf(new Request('GET', URL_OF_ALL, { headers: { [text]: 'bar' } }).prepare())).toBeInstanceOf(
    InvalidHeader,
  )
})

test.each(['User-agent', 'user-agent'])('sends the %s that the caller names', async (name) => {
  await using session = new Session()
  await session.get(`${site().url}/get`, { headers: { [name]: 'Mozilla/5.0 (github.com)' } })
  expect(site().last('/get').header('user-agent')).toBe('Mozilla/5.0 (github.com)')
})

test.each([
  ['the Host header of the caller', { Host: 'requests-are-good.example' }],
  ['a Host header of its own', {}],
])('sends %s once with a body in chunks', async (what, headers: HeadersInit) => {
  const path = `/host-${what.length}`
  await post(site().on(path, reply(200)), { data: stream('a', 'b'), headers })
  const hosts = site()
    .last(path)
    .headers.filter(([name]) => /^host$/i.test(name))
    .map(([, value]) => value)
  expect(hosts).toEqual([Object.values(headers)[0] ?? new URL(site().url).host])
})

// ── files ───────────────────────────────────────────────────────────────────

async function bodyOf(options: { data?: Fields; files: Files }): Promise<string> {
  const request = await new Request('POST', URL_OF_ALL, options).prepare()
  expect(request.headers.get('content-type')).toMatch(/^multipart\/form-data; boundary=/)
  return String(await request.body?.bytes(10_000))
}

test.each<[what: string, content: Content]>([
  ['text', 'contents'],
  ['bytes', Buffer.from('contents')],
  ['an ArrayBuffer', new Uint8Array(Buffer.from('contents')).buffer],
])('takes a file of %s', async (_what, content) => {
  expect(await bodyOf({ files: { a: content } })).toContain('\r\n\r\ncontents\r\n')
})

test.each<[what: string, name: unknown, filename: string]>([
  ['a path', '/some/where/test.jpeg', 'test.jpeg'],
  ['bytes', Buffer.from('test.jpeg'), 'field'],
  ['a number', 2, 'field'],
  ['nothing', '', 'field'],
])('takes the filename of an object whose name is %s only from text', async (_what, name, filename) => {
  const content = Object.defineProperty(new Blob(['x']), 'name', { value: name })
  expect(await bodyOf({ files: { field: content } })).toContain(`filename="${filename}"`)
})

test.each<[what: string, data: Fields]>([
  ['a record', { stuff: 'ëlïxr' }],
  ['bytes in a record', { stuff: Buffer.from('ëlïxr') }],
  ['pairs', [['stuff', 'ëlïxr']]],
  ['a name in bytes', [[Buffer.from('stuff'), 'ëlïxr']]],
])('sends fields beyond ASCII, from %s, beside a file', async (_what, data) => {
  const body = await bodyOf({ data, files: { file: ['test_requests.py', Buffer.from('content')] } })
  expect(body).toContain('name="stuff"\r\n\r\nëlïxr\r\n')
  expect(body).toContain('filename="test_requests.py"')
})

test('sends params, fields and a file of different encodings in one request', async () => {
  await using session = new Session()
  const response = await session.post(`${site().url}/post`, {
    params: { p: 'ø' },
    data: { stuff: JSON.stringify({ a: 123 }) },
    files: { file: ['n.bin', Buffer.from([0xff, 0xfe])] },
  })
  expect(response.statusCode).toBe(200)
})

// ── what is refused, and what is empty ──────────────────────────────────────

test('send() refuses a request that was not prepared', async () => {
  await using session = new Session()
  for (const wrong of [new Request('GET', URL_OF_ALL), {}, null, 'http://example.com/']) {
    const error = await failureOf(session.send(wrong as never))
    expect(error).toBeInstanceOf(UsageError)
  }
})

test('an HTTPError has the response it was given, and its message', async () => {
  expect(new HTTPError('message').response).toBeUndefined()
  const request = await new Request('GET', URL_OF_ALL).prepare()
  const response = new Response({ request, statusCode: 500 })
  const error = new HTTPError('message', { response })
  expect([error.response, error.request, error.message]).toEqual([response, request, 'message'])
})

test('a response that never had a body is empty', async () => {
  const response = new Response({ request: await new Request('GET', URL_OF_ALL).prepare(), statusCode: 200 })
  await response.read()
  expect([response.content.length, response.text]).toEqual([0, ''])
})

test('a Session has no hooks of its own', () => {
  const { hooks } = new Session()
  expect(Object.values(hooks).flat()).toEqual([])
})

test('a client certificate is of no concern to http', async () => {
  await using session = new Session()
  expect((await session.get(`${site().url}/get`, { cert: '/nowhere/client.pem' })).statusCode).toBe(200)
})

test('hops can be followed by hand, with bodies half read', async () => {
  await using session = new Session()
  site().on('/by-hand-1', reply(302, { Location: '/by-hand-2' }, 'x'.repeat(1000)))
  site().on('/by-hand-2', reply(302, { Location: '/get' }, 'y'.repeat(1000)))
  const options = { allowRedirects: false, stream: true }
  let response = await session.get(`${site().url}/by-hand-1`, options)
  const seen: string[] = []
  while (response.next !== null) {
    for await (const piece of response.iterContent(10)) {
      seen.push(String(piece))
      break
    }
    response.close()
    response = await session.send(response.next, options)
  }
  expect([seen, response.statusCode, response.request.pathUrl]).toEqual([['xxxxxxxxxx', 'yyyyyyyyyy'], 200, '/get'])
  await response.read()
})
