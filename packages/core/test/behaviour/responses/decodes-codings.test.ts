import * as zlib from 'node:zlib'
import { expect, test } from 'vitest'
import { ContentDecodingError, LimitExceededError, Session } from '@entreat/core'
import { failureOf, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
const hasZstd = 'zstdDecompressSync' in zlib
let paths = 0

/** A URL that answers with bytes in a coding, whether that is true or not. */
function coded(coding: string, body: Buffer): string {
  const headers = { 'Content-Encoding': coding, 'Content-Length': body.length }
  return site().on(`/coded-${++paths}`, (_request, response) => void response.writeHead(200, headers).end(body))
}

async function streamed(url: string, limits = {}): Promise<Buffer> {
  await using session = new Session({ limits })
  const pieces: Buffer[] = []
  for await (const piece of await session.get(url, { stream: true })) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function buffered(url: string, limits = {}): Promise<Buffer> {
  await using session = new Session({ limits })
  return (await session.get(url)).content
}

async function read(url: string, limits = {}): Promise<Buffer> {
  await using session = new Session({ limits })
  const response = await session.get(url, { stream: true })
  return await response.read()
}

const WAYS = [
  ['streamed', streamed],
  ['buffered', buffered],
  ['read()', read],
] as const

const CODINGS = [
  'gzip',
  'deflate',
  'deflate-raw',
  'br',
  ...(hasZstd ? ['zstd'] : []),
  'identity',
  'gzip,br',
  'br,deflate,gzip',
]

test.each(WAYS.flatMap(([way, get]) => CODINGS.map((codings) => [codings, way, get] as const)))(
  'decodes %s, %s',
  async (codings, _way, get) => {
    const json = JSON.parse((await get(`${site().url}/codings/${codings}`)).toString()) as object
    expect(json).toMatchObject({ coded: true })
    expect((await get(`${site().url}/codings/${codings}?bytes=1000000`)).equals(Buffer.alloc(1_000_000))).toBe(true)
  },
)

test('asks for what it can decode', async () => {
  await using session = new Session()
  const accepted = session.headers.get('accept-encoding')
  expect(accepted).toBe(hasZstd ? 'gzip, deflate, br, zstd' : 'gzip, deflate, br')
})

test('knows codings by any case, and x-gzip (RFC 9110 section 8.4.1)', async () => {
  const body = zlib.gzipSync('hi')
  for (const name of ['GZIP', 'x-gzip', ' gzip ', 'identity, gzip'])
    expect(String(await buffered(coded(name, body)))).toBe('hi')
})

test('leaves Content-Encoding and Content-Length as they came', async () => {
  await using session = new Session()
  const response = await session.get(coded('gzip', zlib.gzipSync('hi')))
  expect(response.headers.get('content-encoding')).toBe('gzip')
  expect(Number(response.headers.get('content-length'))).toBe(zlib.gzipSync('hi').length)
})

test('reads members of gzip as one body', async () => {
  const body = Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two')])
  for (const [, get] of WAYS) expect(String(await get(coded('gzip', body)))).toBe('one two')
})

test.each(WAYS)('ignores what follows the last member of gzip, as Requests does, %s', async (_way, get) => {
  for (const text of ['short', '0123456789abcdef'.repeat(50_000)]) {
    const level = text.length > 100 ? 0 : 6
    const body = Buffer.concat([zlib.gzipSync(text, { level }), Buffer.from('garbage')])
    expect(String(await get(coded('gzip', body)))).toBe(text)
  }
})

test('takes an empty body for one in any coding', async () => {
  for (const [, get] of WAYS) expect((await get(coded('gzip, br', Buffer.alloc(0)))).length).toBe(0)
})

test('hands over a body in a coding that it does not know', async () => {
  for (const [, get] of WAYS) expect(String(await get(coded('rot13', Buffer.from('uv'))))).toBe('uv')
})

test.each(WAYS)('refuses more codings than limits.codings, %s', async (_way, get) => {
  const five = 'gzip, gzip, gzip, gzip, gzip'
  let body = Buffer.from('hi')
  for (let layer = 0; layer < 5; layer++) body = zlib.gzipSync(body)
  expect(String(await get(coded(five, body)))).toBe('hi')
  const error = await failureOf(get(coded(`${five}, gzip`, zlib.gzipSync(body))))
  expect(error).toBeInstanceOf(ContentDecodingError)
  expect(error).toMatchObject({ response: { statusCode: 200 } })
  expect(await failureOf(get(coded('gzip, gzip', zlib.gzipSync(zlib.gzipSync('hi'))), { codings: 1 }))).toBeInstanceOf(
    ContentDecodingError,
  )
})

test.each(WAYS)('refuses a chain of codings of which it does not know one, %s', async (_way, get) => {
  expect(await failureOf(get(coded('rot13, gzip', zlib.gzipSync('x'))))).toBeInstanceOf(ContentDecodingError)
})

const BROKEN: readonly [what: string, coding: string, body: () => Buffer][] = [
  ['is no gzip', 'gzip', () => Buffer.from('plain text')],
  ['is no deflate', 'deflate', () => Buffer.from('plain text')],
  ['is no br', 'br', () => Buffer.from('plain text, and a good deal of it')],
  ['is cut off in gzip', 'gzip', () => zlib.gzipSync(Buffer.from('abcdefgh'.repeat(50))).subarray(0, 30)],
  ['is cut off in deflate', 'deflate', () => zlib.deflateSync(Buffer.from('abcdefgh'.repeat(50))).subarray(0, 12)],
  ['is cut off in br', 'br', () => zlib.brotliCompressSync(Buffer.from('abcdefgh'.repeat(50))).subarray(0, 8)],
  ['has a wrong checksum', 'gzip', () => Buffer.concat([zlib.gzipSync('hello').subarray(0, -8), Buffer.alloc(8, 1)])],
  [
    'is cut off after 64 KiB',
    'gzip',
    () => zlib.gzipSync(Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251))).subarray(0, -9),
  ],
]

test.each(WAYS.flatMap(([way, get]) => BROKEN.map(([what, coding, body]) => [what, way, coding, body, get] as const)))(
  'refuses a body that %s, %s',
  async (_what, _way, coding, body, get) => {
    const error = await failureOf(get(coded(coding, body())))
    expect(error).toBeInstanceOf(ContentDecodingError)
    expect(error).toMatchObject({ response: { statusCode: 200 }, request: { method: 'GET' } })
  },
)

const BOMBS: readonly [what: string, coding: string, body: () => Buffer][] = [
  ['gzip', 'gzip', () => zlib.gzipSync(Buffer.alloc(5_000_000))],
  ['br', 'br', () => zlib.brotliCompressSync(Buffer.alloc(5_000_000))],
  ['deflate', 'deflate', () => zlib.deflateSync(Buffer.alloc(5_000_000))],
  ['two layers', 'gzip, gzip', () => zlib.gzipSync(zlib.gzipSync(Buffer.alloc(50_000_000)))],
  ['more than 64 KiB received', 'gzip', () => zlib.gzipSync(Buffer.alloc(100_000_000))],
]

test.each(BOMBS)('stops a bomb at limits.decodedBytes: %s', async (_what, coding, body) => {
  const url = coded(coding, body())
  for (const get of [buffered, read]) {
    expect(await failureOf(get(url, { decodedBytes: 1_000_000 }))).toBeInstanceOf(LimitExceededError)
  }
})

test('stops a bomb at limits.decodedBytes 0', async () => {
  expect(await failureOf(buffered(coded('gzip', zlib.gzipSync('x')), { decodedBytes: 0 }))).toBeInstanceOf(
    LimitExceededError,
  )
})

test('decodes without any cap for Infinity', async () => {
  expect((await buffered(coded('gzip', zlib.gzipSync(Buffer.alloc(100_000))), { decodedBytes: Infinity })).length).toBe(
    100_000,
  )
})

test('fails with the transport error, not a decoding one, where a coded body breaks off', async () => {
  const body = zlib.gzipSync(Buffer.alloc(1000))
  const url = site().on('/coded-truncated', (request, response) => {
    response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': body.length })
    response.write(body.subarray(0, 15), () => request.socket.destroy())
  })
  expect(await failureOf(streamed(url))).toMatchObject({ code: 'ERR_BODY_TRUNCATED' })
  expect(await failureOf(buffered(url))).toMatchObject({ code: 'ERR_BODY_TRUNCATED' })
})

test('reads HEAD with Content-Encoding as empty', async () => {
  await using session = new Session()
  expect((await session.head(`${site().url}/gzip`)).text).toBe('')
})
