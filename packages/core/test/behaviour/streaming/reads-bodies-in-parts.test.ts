import { type Response, Session, StreamConsumedError } from '@entreat/core'
import { seededBytes, TestServer } from '@entreat/testkit'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

const SIZE = 1_000_000
const bytes = Buffer.from(seededBytes(SIZE, 0))
const zipped = gzipSync(bytes)
let server: TestServer
let raw: RawServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start()
  raw = await RawServer.start(({ head, socket }) => {
    const [header, body] = head.includes('/gzip') ? ['Content-Encoding: gzip\r\n', zipped] : ['', bytes]
    if (head.includes('/small')) return reply('ok')
    socket.write(`HTTP/1.1 200 OK\r\n${header}Content-Length: ${body.length}\r\n\r\n`)
    return body
  })
})

afterAll(async () => {
  await Promise.all([server.close(), raw.close()])
})

beforeEach(() => {
  session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 }, timeout: { pool: 2000 } })
})

afterEach(async () => {
  await session.close()
})

function open(path = '/plain'): Promise<Response> {
  return session.get(raw.url + path, { stream: true })
}

async function firstPiece(response: Response, size: number): Promise<Buffer> {
  for await (const piece of response.iterContent(size)) return piece
  throw new Error('no piece came')
}

/** The next request gets through: the connection is free again, or gone. */
async function isFree(): Promise<boolean> {
  return (await within(2000, session.get(`${raw.url}/small`))).text === 'ok'
}

describe.each(['/plain', '/gzip'])('a streamed response (%s)', (path) => {
  it('is read in pieces of the size asked for', async () => {
    const sizes = new Set<number>()
    const pieces: Buffer[] = []
    for await (const piece of (await open(path)).iterContent(30_000)) {
      pieces.push(piece)
      sizes.add(piece.length)
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    expect([...sizes]).toEqual([30_000, SIZE % 30_000])
  })

  it('left early gives the rest to read()', async () => {
    const response = await open(path)
    const first = await firstPiece(response, 1234)
    const rest = await response.read()
    expect(Buffer.concat([first, rest]).equals(bytes)).toBe(true)
    expect(response.content).toBe(rest)
  })

  it('left early goes on in another loop', async () => {
    const response = await open(path)
    const pieces = [await firstPiece(response, 10), await firstPiece(response, 1000)]
    for await (const piece of response.iterContent(100_000)) pieces.push(piece)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  })

  it('frees its connection at the end', async () => {
    await (await open(path)).read()
    expect(await isFree()).toBe(true)
  })

  it('frees its connection when it is closed unread', async () => {
    ;(await open(path)).close()
    expect(await isFree()).toBe(true)
  })

  it('frees its connection when it is closed half read', async () => {
    const response = await open(path)
    await firstPiece(response, 1000)
    response.close()
    expect(await isFree()).toBe(true)
  })

  it('frees its connection at the end of an await using block', async () => {
    {
      await using response = await open(path)
      await firstPiece(response, 1000)
    }
    expect(await isFree()).toBe(true)
  })

  it('cannot be iterated twice', async () => {
    const response = await open(path)
    for await (const _piece of response.iterContent()) void _piece
    const again = async (): Promise<void> => {
      for await (const _piece of response.iterContent()) void _piece
    }
    expect(await failure(again())).toBeInstanceOf(StreamConsumedError)
  })
})

describe('response.raw', () => {
  it('gives the bytes as received, codings on', async () => {
    const received: Buffer[] = []
    for await (const piece of (await open('/gzip')).raw) received.push(piece as Buffer)
    expect(Buffer.concat(received).equals(zipped)).toBe(true)
  })

  it('goes through a pipeline', async () => {
    const { raw: stream } = await open()
    let length = 0
    const sink = new Writable({
      write(piece: Buffer, _encoding, done) {
        length += piece.length
        setImmediate(done)
      },
    })
    await pipeline(stream, sink)
    expect([length, await isFree()]).toEqual([SIZE, true])
  })

  it('frees the connection when it is destroyed', async () => {
    const { raw: stream } = await open()
    stream.once('data', () => stream.destroy())
    await once(stream, 'close')
    expect(await isFree()).toBe(true)
  })

  it('of a buffered response gives what was received', async () => {
    const received: Buffer[] = []
    for await (const piece of (await session.get(`${raw.url}/gzip`)).raw) received.push(piece as Buffer)
    expect(Buffer.concat(received).equals(zipped)).toBe(true)
  })
})

describe('an unread streamed response', () => {
  it('holds its connection', async () => {
    const response = await open()
    const error = await failure(session.get(`${raw.url}/small`, { timeout: { pool: 50 } }))
    response.close()
    expect(error.code).toBe('ERR_POOL_TIMEOUT')
  })

  it('of every kind is gone after session.close()', async () => {
    await using many = new Session({ trustEnv: false })
    await Promise.all(Array.from({ length: 10 }, () => many.get(raw.url, { stream: true })))
    await many.close()
    await raw.gone()
  })

  it('that is redirected away from frees its connection', async () => {
    await using redirecting = await RawServer.start(({ head }) =>
      head.includes('/end')
        ? reply('end')
        : `HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: ${SIZE}\r\n\r\n${'x'.repeat(SIZE)}`,
    )
    const response = await within(3000, session.get(redirecting.url, { stream: true }))
    expect((await response.read()).toString()).toBe('end')
  })
})

describe('a body that a redirect or a refusal leaves', () => {
  it('past limits.drainedBytes costs its connection, not the call', async () => {
    await using endless = await RawServer.start(({ head, socket }) => {
      if (head.includes('/end')) return void socket.write(reply('end'))
      socket.write('HTTP/1.1 302 Found\r\nLocation: /end\r\nTransfer-Encoding: chunked\r\n\r\n')
      const pour = (): void => {
        while (!socket.destroyed && socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`));
      }
      socket.on('drain', pour)
      pour()
    })
    const response = await within(3000, session.get(endless.url, { limits: { drainedBytes: 100_000 } }))
    expect([response.text, endless.connectionCount]).toEqual(['end', 2])
  })
})

describe('limits.decodedBytes', () => {
  it('ends a body that is longer, and frees its connection', async () => {
    const error = await failure(session.get(`${raw.url}/plain`, { limits: { decodedBytes: 100_000 } }))
    expect([error.code, await isFree()]).toEqual(['ERR_LIMIT_EXCEEDED', true])
  })

  it('does not hold for a body that is read in pieces', async () => {
    const response = await session.get(`${raw.url}/plain`, { stream: true, limits: { decodedBytes: 1000 } })
    let length = 0
    for await (const piece of response.iterContent()) length += piece.length
    expect(length).toBe(SIZE)
  })
})
