import { expect, test } from 'vitest'
import {
  ChunkedEncodingError,
  ContentNotReadError,
  LimitExceededError,
  ReadTimeout,
  Response,
  Session,
  StreamConsumedError,
  UsageError,
} from '@entreat/core'
import { failureOf, RawServer, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
let paths = 0

/** A URL that answers with some text. */
function serving(body: string | Buffer, headers: Record<string, string> = {}): string {
  return site().on(
    `/body-${++paths}`,
    (_request, response) => void response.writeHead(200, { 'Content-Length': body.length, ...headers }).end(body),
  )
}

/** A URL that answers in chunks, each in a piece of its own. */
function chunked(...pieces: string[]): string {
  return site().on(`/chunked-${++paths}`, async (_request, response) => {
    for (const piece of pieces)
      await new Promise<void>((resolve) => void response.write(piece, () => setImmediate(resolve)))
    response.end()
  })
}

async function all<T>(pieces: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const piece of pieces) list.push(piece)
  return list
}

function texts(pieces: readonly Buffer[]): string[] {
  return pieces.map(String)
}

test('has content, text and JSON at once where it is not streamed', async () => {
  await using session = new Session()
  const response = await session.get(
    serving('{"a":"é"}', { 'Content-Type': 'application/json', 'Content-Length': '10' }),
  )
  expect(response.content).toBeInstanceOf(Buffer)
  expect([response.text, response.json()]).toEqual(['{"a":"é"}', { a: 'é' }])
  expect(await response.json()).toEqual({ a: 'é' })
})

test('says what to call where a streamed body has not been read', async () => {
  await using session = new Session()
  const response = await session.get(serving('x'), { stream: true })
  for (const read of [() => response.content, () => response.text, () => response.json()]) {
    expect(read).toThrow(ContentNotReadError)
    expect(read).toThrow('await response.read()')
  }
  await response.read()
  expect(response.text).toBe('x')
})

test('reads a body once, however often it is asked', async () => {
  await using session = new Session()
  const response = await session.get(serving('abc'), { stream: true })
  const [first, second] = await Promise.all([response.read(), response.read()])
  expect([String(first), String(second), String(await response.read())]).toEqual(['abc', 'abc', 'abc'])
})

test.each([
  [3, ['abc', 'def', 'gh']],
  [1, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']],
  [100, ['abcdefgh']],
])('gives pieces of %i bytes', async (size, expected) => {
  await using session = new Session()
  const url = serving('abcdefgh')
  const streamed = await session.get(url, { stream: true })
  expect(texts(await all(streamed.iterContent(size)))).toEqual(expected)
  const buffered = await session.get(url)
  expect(texts(await all(buffered.iterContent(size)))).toEqual(expected)
  expect(texts(await all(buffered.iterContent(size)))).toEqual(expected)
})

test('gives pieces of a chunked body that do not span its chunks', async () => {
  await using session = new Session()
  const response = await session.get(chunked('abc', 'defgh', 'i'), { stream: true })
  expect(texts(await all(response.iterContent(4)))).toEqual(['abc', 'defg', 'h', 'i'])
})

test('gives a body as it arrives', async () => {
  await using session = new Session()
  const response = await session.get(chunked('abc', 'defgh'), { stream: true })
  expect(texts(await all(response))).toEqual(['abc', 'defgh'])
})

test.each([1.5, Number.NaN, '5', true])('refuses the chunk size %s at once', async (size) => {
  await using session = new Session()
  const response = await session.get(serving('x'))
  expect(() => response.iterContent(size as never)).toThrow(UsageError)
})

test.each([0, -1])('takes the chunk size %s for none: a buffered body comes in one piece', async (size) => {
  await using session = new Session()
  const buffered = await session.get(serving('abcdef'))
  expect(texts(await all(buffered.iterContent(size)))).toEqual(['abcdef'])
  const streamed = await session.get(chunked('abc', 'defgh'), { stream: true })
  expect(texts(await all(streamed.iterContent(size)))).toEqual(['abc', 'defgh'])
})

test('cannot be iterated or read again once it has been', async () => {
  await using session = new Session()
  const response = await session.get(serving('abc'), { stream: true })
  await all(response)
  expect(() => response.iterContent()).toThrow(StreamConsumedError)
  expect(() => response.content).toThrow(StreamConsumedError)
  expect(await failureOf(response.read())).toBeInstanceOf(StreamConsumedError)
  expect(await failureOf(all(response.iterLines()))).toBeInstanceOf(StreamConsumedError)
})

test('leaves the rest readable when a loop is left early', async () => {
  await using session = new Session()
  const response = await session.get(serving('abcdef'), { stream: true })
  for await (const piece of response.iterContent(2)) {
    expect(String(piece)).toBe('ab')
    break
  }
  expect(texts(await all(response.iterContent(3)))).toEqual(['cde', 'f'])
})

test('reads the rest after some of it was iterated', async () => {
  await using session = new Session()
  const response = await session.get(serving('abcdef'), { stream: true })
  for await (const _ of response.iterContent(2)) break
  expect(String(await response.read())).toBe('cdef')
  expect(response.text).toBe('cdef')
})

test('gives nothing once it has been closed', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/drip?duration=60&delay=0`, { stream: true })
  response.close()
  response.close()
  expect([response.text, texts(await all(response)), String(await response.read())]).toEqual(['', [], ''])
})

test('keeps what it has read when it is closed', async () => {
  await using session = new Session()
  const response = await session.get(serving('abc'))
  response.close()
  expect(response.text).toBe('abc')
})

test('decodes text while it arrives, characters cut in two included', async () => {
  await using session = new Session()
  const url = serving(Buffer.from('añb☃'), { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': '7' })
  const response = await session.get(url, { stream: true })
  expect((await all(response.iterContent(1, { decodeUnicode: true }))).join('|')).toBe('a|ñ|b|☃')
})

test('ends text that was cut off with U+FFFD', async () => {
  await using session = new Session()
  const response = await session.get(
    serving(Buffer.from('é').subarray(0, 1), { 'Content-Type': 'text/plain; charset=utf-8' }),
  )
  expect(await all(response.iterContent(null, { decodeUnicode: true }))).toEqual(['\ufffd'])
})

test('gives text for decodeUnicode where there is no encoding', async () => {
  await using session = new Session()
  const response = await session.get(serving('x'))
  expect(await all(response.iterContent(null, { decodeUnicode: true }))).toEqual(['x'])
})

const SOME_LINES = 'one\ntwo\r\nthree\rfour\n\n\rlast'
const AS_LINES = ['one', 'two', 'three', 'four', '', '', 'last']

test.each([null, 1, 2, 3, 5, 100])('gives the same lines for a chunkSize of %s', async (chunkSize) => {
  await using session = new Session()
  const response = await session.get(serving(SOME_LINES), { stream: true })
  expect(await all(response.iterLines({ chunkSize }))).toEqual(AS_LINES)
})

test('gives the same lines however a body is cut', async () => {
  await using session = new Session()
  for (let at = 1; at < SOME_LINES.length; at++) {
    const response = await session.get(chunked(SOME_LINES.slice(0, at), SOME_LINES.slice(at)), { stream: true })
    expect(await all(response.iterLines())).toEqual(AS_LINES)
  }
})

test.each<[delimiter: string | Uint8Array, body: string, lines: string[]]>([
  [';', 'a;b;;c;', ['a', 'b', '', 'c']],
  ['--', 'a--b---c', ['a', 'b', '-c']],
  ['\r\n', 'a\nb\r\nc\rd', ['a\nb', 'c\rd']],
  ['aab', 'aaab1aab', ['a', '1']],
  [new Uint8Array([0]), 'a\0b', ['a', 'b']],
  ['é', 'xéy', ['x', 'y']],
  ['', 'a\nb', ['a', 'b']],
])('cuts lines at %j', async (delimiter, body, lines) => {
  await using session = new Session()
  for (const chunkSize of [null, 1, 2]) {
    const response = await session.get(serving(Buffer.from(body)), { stream: true })
    expect(await all(response.iterLines({ delimiter, chunkSize }))).toEqual(lines)
  }
})

test('gives lines as bytes where it is asked to', async () => {
  await using session = new Session()
  const response = await session.get(serving('a\nb'))
  expect(await all(response.iterLines({ decodeUnicode: false }))).toEqual([Buffer.from('a'), Buffer.from('b')])
})

test.each(['utf-16le', 'utf-16be'])('cuts lines of %s at line breaks, not inside characters', async (encoding) => {
  const text = 'one\nČ\r\nਊ'
  const little = Buffer.from(text, 'utf16le')
  const body = encoding === 'utf-16le' ? little : Buffer.from(little).swap16()
  await using session = new Session()
  const response = await session.get(serving(body, { 'Content-Type': `text/plain; charset=${encoding}` }))
  expect(await all(response.iterLines())).toEqual(['one', 'Č', 'ਊ'])
})

test('gives lines as soon as they are there', async () => {
  await using session = new Session()
  let finish = (): void => {}
  const url = site().on('/live', (_request, response) => {
    response.write('first\nsec')
    finish = () => void response.end('ond\n')
  })
  const lines = (await session.get(url, { stream: true })).iterLines()
  expect(await lines.next()).toEqual({ done: false, value: 'first' })
  finish()
  expect(await lines.next()).toEqual({ done: false, value: 'second' })
})

test('gives the undecoded bytes as raw', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/gzip`, { stream: true })
  const bytes = Buffer.concat(await all(response.raw as AsyncIterable<Buffer>))
  expect([bytes[0], bytes[1], String(bytes.length)]).toEqual([0x1f, 0x8b, response.headers.get('content-length')])
})

test('gives raw of a body that was read, too', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/gzip`)
  const bytes = Buffer.concat(await all(response.raw as AsyncIterable<Buffer>))
  expect([bytes[0], bytes[1]]).toEqual([0x1f, 0x8b])
  expect(response.json()).toMatchObject({ gzipped: true })
})

test('raw fails where the body breaks off', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/truncated`, { stream: true })
  expect(await failureOf(all(response.raw))).toBeInstanceOf(ChunkedEncodingError)
})

test.each(['/truncated', '/truncated?chunked=true'])(
  'refuses a body that ends early: %s (RFC 9112 section 8)',
  async (path) => {
    await using session = new Session()
    expect(await failureOf(session.get(site().url + path))).toBeInstanceOf(ChunkedEncodingError)
    const response = await session.get(site().url + path, { stream: true })
    const error = await failureOf(all(response))
    expect(error).toBeInstanceOf(ChunkedEncodingError)
    expect(error).toMatchObject({ response: { statusCode: 200 }, request: { method: 'GET' } })
  },
)

test('says so where a body stalls', async () => {
  await using session = new Session({ timeout: { read: 50 } })
  expect(await failureOf(session.get(`${site().url}/delay-body/60000`))).toBeInstanceOf(ReadTimeout)
})

test('reads a body without length to the end of its connection (RFC 9112 section 6.3)', async () => {
  await using server = await RawServer.start((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nto the end'))
  await using session = new Session()
  expect((await session.get(server.url)).text).toBe('to the end')
})

test('decides by Transfer-Encoding where there is a Content-Length too (RFC 9112 section 6.3)', async () => {
  const both = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
  await using server = await RawServer.start((socket) => void socket.end(both))
  await using session = new Session()
  const outcome = await session.get(server.url).then(
    ({ text }) => text,
    (error: unknown) => (error as { code: string }).code,
  )
  expect(outcome).toMatch(/^(?:hello|ERR_[A-Z_]+)$/)
})

test.each([0, 10, 1000, 100_000])(
  'reads no more than decodedBytes of a body of 100,001 bytes: %i',
  async (decodedBytes) => {
    await using session = new Session({ limits: { decodedBytes } })
    const url = serving('x'.repeat(100_001))
    expect(await failureOf(session.get(url))).toBeInstanceOf(LimitExceededError)
    const response = await session.get(url, { stream: true })
    expect(await failureOf(response.read())).toBeInstanceOf(LimitExceededError)
  },
)

test.each([0, 10])('reads no more than decodedBytes of a body that came with its head: %i', async (decodedBytes) => {
  await using session = new Session({ limits: { decodedBytes } })
  const error = await failureOf(session.get(serving('x'.repeat(11))))
  expect(error).toBeInstanceOf(LimitExceededError)
  expect(error).toMatchObject({ response: { statusCode: 200 }, message: expect.stringContaining('GET') })
})

test('reads exactly decodedBytes', async () => {
  await using session = new Session({ limits: { decodedBytes: 11 } })
  expect((await session.get(serving('x'.repeat(11)))).content.length).toBe(11)
})

test('does not limit a body that is read piece by piece', async () => {
  await using session = new Session({ limits: { decodedBytes: 10 } })
  const response = await session.get(serving('x'.repeat(1000)), { stream: true })
  expect(Buffer.concat(await all(response)).length).toBe(1000)
})

test.each<[what: string, body: ConstructorParameters<typeof Response>[0]['body'], text: string]>([
  ['text', 'text', 'text'],
  ['bytes', new Uint8Array([104, 105]), 'hi'],
  ['nothing', null, ''],
  ['a web stream', new Blob(['web']).stream() as ReadableStream<Uint8Array>, 'web'],
])('an adapter may give %s as a body', async (_what, body, text) => {
  const { request } = await new Session().get(serving('x'))
  const response = new Response({ request, statusCode: 200, body: body ?? null })
  await response.read()
  expect(response.text).toBe(text)
})

test.each([0, 99, 1000, 200.5, '200', Number.NaN])('an adapter may not give %s as a status', async (statusCode) => {
  const { request } = await new Session().get(serving('x'))
  expect(() => new Response({ request, statusCode: statusCode as never })).toThrow(UsageError)
})
