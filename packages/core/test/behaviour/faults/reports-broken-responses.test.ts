import { ChunkedEncodingError, ConnectionError, InvalidHeader, LimitExceededError, Session } from '@entreat/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

// Each row is what a server writes before it ends the connection, resets it, or goes on waiting.

type Ending = 'end' | 'reset' | 'stay'
interface Fault {
  readonly bytes: string
  readonly ending: Ending
}

let faults: Map<string, Fault>
let server: RawServer
let session: Session

beforeAll(async () => {
  faults = new Map()
  server = await RawServer.start(({ head, socket }) => {
    const fault = faults.get(head.split(' ')[1] ?? '')
    if (fault === undefined) socket.write(reply('fine'))
    else if (fault.ending === 'end') socket.end(fault.bytes, 'latin1')
    else if (fault.ending === 'stay') socket.write(fault.bytes, 'latin1')
    else if (fault.bytes === '') socket.resetAndDestroy()
    else socket.write(fault.bytes, 'latin1', () => setTimeout(() => socket.resetAndDestroy(), 30))
  })
})

afterAll(async () => {
  await server.close()
})

beforeEach(() => {
  session = new Session({ trustEnv: false, timeout: { read: 1500 } })
})

afterEach(async () => {
  await session.close()
  await server.gone()
})

let count = 0
/** A URL that has this fault. */
function faulty(bytes: string, ending: Ending): string {
  const path = `/fault-${++count}`
  faults.set(path, { bytes, ending })
  return server.url + path
}

const HEAD = 'HTTP/1.1 200 OK\r\n'
const LENGTH = `${HEAD}Content-Length: 10\r\n\r\n`
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

type Row = [what: string, bytes: string, ending: Ending]

const beforeTheHead: Row[] = [
  ['an end before the reply', '', 'end'],
  ['a reset before the reply', '', 'reset'],
  ['an end inside the status line', 'HTTP/1.1 2', 'end'],
  ['an end inside the headers', `${HEAD}X-A: 1\r\nX-B`, 'end'],
  ['a reset inside the headers', `${HEAD}X-A: 1\r\n`, 'reset'],
  ['garbage', '\x00\x01garbage\r\n\r\n', 'stay'],
  ['a status line that is none', 'HTTP/1.1 abc OK\r\n\r\n', 'stay'],
  ['status 99', 'HTTP/1.1 99 Low\r\n\r\n', 'stay'],
  ['status 1000', 'HTTP/1.1 1000 High\r\n\r\n', 'stay'],
  ['a status without a space', 'HTTP/1.1 200OK\r\n\r\n', 'stay'],
  ['HTTP/0.9', '<html>hello</html>', 'end'],
  ['HTTP/3.7', 'HTTP/3.7 200 OK\r\n\r\n', 'stay'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'stay'],
  ['HTTP/0.9 by name', 'HTTP/0.9 200\r\nContent-Length: 2\r\n\r\nok', 'stay'],
  ['ICY', 'ICY 200 OK\r\n\r\n', 'stay'],
  ['lines that end in LF only', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', 'stay'],
  ['a header without colon', `${HEAD}no colon\r\n\r\n`, 'stay'],
  ['a space before the colon', `${HEAD}X-A : 1\r\n\r\n`, 'stay'],
  ['an empty header name', `${HEAD}: 1\r\n\r\n`, 'stay'],
  ['a NUL in a header', `${HEAD}X-A: a\x00b\r\n\r\n`, 'stay'],
  ['a folded header', `${HEAD}X-A: a\r\n b\r\n\r\n`, 'stay'],
  ['an unasked 101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'stay'],
]

const inTheBody: Row[] = [
  ['an end before the length is reached', `${LENGTH}seven b`, 'end'],
  ['a reset before the length is reached', `${LENGTH}seven b`, 'reset'],
  ['an end inside a chunk', `${CHUNKED}a\r\nthree`, 'end'],
  ['a reset inside a chunk', `${CHUNKED}a\r\nthree`, 'reset'],
  ['no last chunk', `${CHUNKED}5\r\nhello\r\n`, 'end'],
  ['a chunk size that is none', `${CHUNKED}xyz\r\nhello\r\n`, 'stay'],
  ['a negative chunk size', `${CHUNKED}-5\r\nhello\r\n`, 'stay'],
  ['a chunk size beyond all numbers', `${CHUNKED}ffffffffffffffffff\r\nhello\r\n`, 'stay'],
  ['no CRLF after a chunk', `${CHUNKED}5\r\nhelloworld`, 'stay'],
  ['a chunk size that ends in LF only', `${CHUNKED}5\nhello\r\n0\r\n\r\n`, 'stay'],
]

describe('a response that breaks off before its body, by', () => {
  it.each(beforeTheHead)('%s, is a ConnectionError with the facts', async (_what, bytes, ending) => {
    const url = faulty(bytes, ending)
    const error = await within(1400, failure(session.post(url, { data: 'x' })))
    expect(error).toBeInstanceOf(ConnectionError)
    expect([error.code, error.connectionReused, error.request?.url]).toEqual(['ERR_CONNECTION', false, url])
    expect(error.cause).toBeInstanceOf(Error)
    expect(error.requestBytesSent).toBeGreaterThan(0)
    expect(typeof error.responseStarted).toBe('boolean')
  })

  it.each(beforeTheHead)('%s, leaves the Session usable', async (_what, bytes, ending) => {
    await within(1400, failure(session.get(faulty(bytes, ending))))
    expect((await session.get(server.url)).text).toBe('fine')
  })
})

describe('responseStarted', () => {
  it('is false when the connection ends before any byte', async () => {
    expect((await failure(session.get(faulty('', 'end')))).responseStarted).toBe(false)
    expect((await failure(session.get(faulty('', 'reset')))).responseStarted).toBe(false)
  })

  it('is true when it ends inside the head', async () => {
    expect((await failure(session.get(faulty(`${HEAD}X-A: 1\r\nX`, 'end')))).responseStarted).toBe(true)
    expect((await failure(session.get(faulty(`${HEAD}X-A: 1\r\nX`, 'reset')))).responseStarted).toBe(true)
  })
})

describe('a response whose body breaks off, by', () => {
  it.each(inTheBody)('%s, is a ChunkedEncodingError that has the response', async (_what, bytes, ending) => {
    const error = await within(1400, failure(session.get(faulty(bytes, ending))))
    expect(error).toBeInstanceOf(ChunkedEncodingError)
    expect([error.code, error.response?.statusCode, error.responseStarted]).toEqual(['ERR_BODY_TRUNCATED', 200, true])
    expect(error.cause).toBeInstanceOf(Error)
  })

  it.each(inTheBody)('%s, gives a streaming reader a ChunkedEncodingError too', async (_what, bytes, ending) => {
    const response = await session.get(faulty(bytes, ending), { stream: true })
    expect(await within(1400, failure(response.read()))).toBeInstanceOf(ChunkedEncodingError)
    expect((await session.get(server.url)).text).toBe('fine')
  })
})

describe('contradicting lengths', () => {
  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n'],
    ['a list of lengths', 'Content-Length: 2, 3\r\n'],
    ['a length beyond all numbers', 'Content-Length: 99999999999999999999\r\n'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n'],
  ])('%s are an InvalidHeader or a ConnectionError, never a body', async (_what, headers) => {
    const error = await within(1400, failure(session.get(faulty(`${HEAD}${headers}\r\nok`, 'stay'))))
    expect(error instanceof InvalidHeader || error instanceof ConnectionError).toBe(true)
    expect((await session.get(server.url)).text).toBe('fine')
  })

  it('two lengths are an InvalidHeader, as with Requests', async () => {
    const headers = 'Content-Length: 16\r\nContent-Length: 32\r\n'
    expect(await failure(session.get(faulty(`${HEAD}${headers}\r\n-- Bad Actor! --`, 'end')))).toBeInstanceOf(
      InvalidHeader,
    )
  })

  it.each(['-2', '+2', 'two', '0x2'])('a Content-Length of %s is a ConnectionError', async (value) => {
    const error = await failure(session.get(faulty(`${HEAD}Content-Length: ${value}\r\n\r\nok`, 'stay')))
    expect(error).toBeInstanceOf(ConnectionError)
  })
})

describe('limits.headerBytes', () => {
  const long = 'x'.repeat(200 * 1024)

  it.each<Row>([
    ['one long header', `${HEAD}X-A: ${long}\r\n\r\n`, 'stay'],
    ['many headers', `${HEAD}${'X-A: 0123456789\r\n'.repeat(20_000)}\r\n`, 'stay'],
    ['an endless header name', HEAD + long, 'stay'],
  ])('stops %s with a LimitExceededError', async (_what, bytes, ending) => {
    const error = await within(1400, failure(session.get(faulty(bytes, ending))))
    expect(error).toBeInstanceOf(LimitExceededError)
  })

  it('lets a head through that fits', async () => {
    const response = await session.get(
      faulty(`${HEAD}X-A: ${'x'.repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`, 'stay'),
    )
    expect(response.headers.get('x-a')).toHaveLength(100_000)
  })

  it('is the number that the caller gives', async () => {
    const url = faulty(`${HEAD}X-A: ${'x'.repeat(3000)}\r\nContent-Length: 0\r\n\r\n`, 'stay')
    const error = await failure(session.get(url, { limits: { headerBytes: 2048 } }))
    expect(error).toBeInstanceOf(LimitExceededError)
  })

  it('holds on a connection that another request opened', async () => {
    await session.get(server.url)
    const url = faulty(`${HEAD}X-A: ${'x'.repeat(3000)}\r\nContent-Length: 0\r\n\r\n`, 'stay')
    const error = await failure(session.get(url, { limits: { headerBytes: 2048 } }))
    expect(error).toBeInstanceOf(LimitExceededError)
  })
})
