import { RequestException, type Response, Session } from '@entreat/core'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

// One response in each framing, ended, reset or merely interrupted behind every one of its bytes: what is not whole is never taken for it, and where the
// pieces are cut makes no difference.

interface Framing {
  readonly head: string
  readonly body: Uint8Array
  /** The end of the connection is the end of the body. */
  readonly lasts?: boolean
  readonly isCoded?: boolean
}

const TEXT = 'what was said, and said again'
const HEAD = 'HTTP/1.1 200 Very Good\r\nX-First: a, b\r\nSet-Cookie: a=b\r\n'
const plain = Buffer.from(TEXT)
const zipped = gzipSync(plain)

function chunked(body: Uint8Array): Buffer {
  const half = body.subarray(0, 9)
  const rest = body.subarray(9)
  return Buffer.concat([
    Buffer.from(`9\r\n`),
    half,
    Buffer.from(`\r\n${rest.length.toString(16)};x="y"\r\n`),
    rest,
    Buffer.from('\r\n0\r\nX-Trailer: z\r\n\r\n'),
  ])
}

const FRAMINGS: Readonly<Record<string, Framing>> = {
  'a length': { head: `${HEAD}Content-Length: ${plain.length}\r\n\r\n`, body: plain },
  'a length and Connection: close': {
    head: `${HEAD}Connection: close\r\nContent-Length: ${plain.length}\r\n\r\n`,
    body: plain,
  },
  chunks: { head: `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, body: chunked(plain) },
  'chunks and Connection: close': {
    head: `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
    body: chunked(plain),
  },
  'the end of the connection': { head: `${HEAD}\r\n`, body: plain, lasts: true },
  'the end of the connection, in HTTP/1.0': {
    head: `${HEAD.replace('1.1', '1.0')}\r\n`,
    body: plain,
    lasts: true,
  },
  'a length, in gzip': {
    head: `${HEAD}Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`,
    body: zipped,
    isCoded: true,
  },
  'chunks, in gzip': {
    head: `${HEAD}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`,
    body: chunked(zipped),
    isCoded: true,
  },
  'the end of the connection, in gzip': {
    head: `${HEAD}Content-Encoding: gzip\r\n\r\n`,
    body: zipped,
    lasts: true,
    isCoded: true,
  },
}

function bytesOf({ head, body }: Framing): Buffer {
  return Buffer.concat([Buffer.from(head), body])
}

type Ending = 'end' | 'reset' | 'pause' | 'drip'
const readers = {
  content: (response: Response): Promise<string> => Promise.resolve(response.text),
  async iterContent(response: Response): Promise<string> {
    const pieces: Buffer[] = []
    for await (const piece of response.iterContent()) pieces.push(piece)
    return Buffer.concat(pieces).toString()
  },
}
type Reader = keyof typeof readers

let server: RawServer
let session: Session

beforeAll(async () => {
  server = await RawServer.start(({ head, socket }) => {
    const [name = '', ending, at] = (head.split(' ')[1] ?? '').slice(1).split('/').map(decodeURIComponent)
    const framing = FRAMINGS[name]
    if (framing === undefined) return reply('fine')
    send(socket, framing, ending as Ending, Number(at))
    return undefined
  })
  session = new Session({ trustEnv: false, timeout: 15_000, limits: { connectionsPerOrigin: 32 } })
})

afterAll(async () => {
  await session.close()
  await server.gone()
  await server.close()
})

function send(socket: Socket, framing: Framing, ending: Ending, at: number): void {
  const bytes = bytesOf(framing)
  socket.setNoDelay(true)
  const finish = (): void => {
    if (framing.lasts === true) socket.end()
  }
  if (ending === 'end') return void socket.end(bytes.subarray(0, at))
  if (ending === 'drip') return drip(socket, bytes, finish)
  const later = (act: () => void): void => void setTimeout(act, ending === 'reset' ? 30 : 2)
  socket.write(bytes.subarray(0, at), () =>
    later(() => {
      if (ending === 'reset') return void socket.resetAndDestroy()
      socket.write(bytes.subarray(at), finish)
    }),
  )
}

/** Byte by byte. */
function drip(socket: Socket, bytes: Buffer, finish: () => void): void {
  let at = 0
  const next = (): void => {
    if (at === bytes.length) return finish()
    socket.write(bytes.subarray(at, ++at), () => setImmediate(next))
  }
  next()
}

/** What comes of a call: what was read, or the name of the error. */
async function outcome(name: string, ending: Ending, at: number, reader: Reader): Promise<string> {
  const url = `${server.url}/${encodeURIComponent(name)}/${ending}/${at}`
  try {
    const response = await session.get(url, { stream: reader !== 'content' })
    const text = await readers[reader](response)
    return `${response.statusCode} ${response.reason} ${response.headers.get('x-first')}: ${text}`
  } catch (error) {
    if (!(error instanceof RequestException)) throw error
    return error.name
  }
}

/** What must come of it if only the first `at` bytes arrive. */
function expected({ head, body, lasts, isCoded }: Framing, at: number, ending: Ending): string {
  const whole = `200 Very Good a, b: ${TEXT}`
  const length = at - head.length
  if (ending === 'pause' || ending === 'drip') return whole
  if (length < 0) return 'ConnectionError'
  if (lasts !== true) return length === body.length ? whole : 'ChunkedEncodingError'
  if (ending === 'reset') return 'ChunkedEncodingError'
  if (isCoded !== true) return `200 Very Good a, b: ${TEXT.slice(0, length)}`
  // A coded body of no bytes is an empty body: servers send that.
  if (length === 0) return '200 Very Good a, b: '
  return length === body.length ? whole : 'ContentDecodingError'
}

describe.each(Object.keys(readers) as Reader[])('a response that is read by %s and ends by', (reader) => {
  it.each(
    Object.keys(FRAMINGS).flatMap((name) =>
      (['end', 'reset', 'pause'] as const).map((ending) => [name, ending] as const),
    ),
  )('%s, meeting %s of the connection behind every byte', async (name, ending) => {
    const framing = FRAMINGS[name] as Framing
    const { length } = bytesOf(framing)
    // A reset may overtake bytes; where the framing is complete, the answer has been given.
    const offsets = Array.from({ length: ending === 'reset' ? length : length + 1 }, (_, at) => at)
    const outcomes = await within(18_000, Promise.all(offsets.map((at) => outcome(name, ending, at, reader))))
    expect(outcomes).toEqual(offsets.map((at) => expected(framing, at, ending)))
    expect((await session.get(`${server.url}/fine`)).text).toBe('fine')
  })

  it('each of these, is the same byte by byte', async () => {
    const names = Object.keys(FRAMINGS)
    const outcomes = await within(18_000, Promise.all(names.map((name) => outcome(name, 'drip', 0, reader))))
    expect(outcomes).toEqual(names.map((name) => expected(FRAMINGS[name] as Framing, 0, 'drip')))
  })
})
