import { LimitExceededError, type PreparedRequest, ProxyError, RequestException } from '@entreat/core'
import * as fc from 'fast-check'
import type { Socket } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { resolveLimits } from '../../src/limits.ts'
import { exchangeRaw, type RawReply } from '../../src/transport/raw-exchange.ts'
import { SocketReader } from '../../src/transport/socket-reader.ts'
import { prepared } from '../behaviour/support/transport-options.ts'
import { textOf } from './adversarial.ts'
import { cutAt, FakeSocket } from './fake-socket.ts'

// What a proxy answers CONNECT with is read by our own reader, not by undici's.

let connect: PreparedRequest
const limits = resolveLimits({ headerBytes: 4096, drainedBytes: 4096 })

beforeAll(async () => {
  connect = await prepared('https://somewhere.test/', 'GET')
})

async function exchange(pieces: readonly Uint8Array[], ends = true): Promise<{ reply: RawReply; socket: FakeSocket }> {
  const socket = new FakeSocket(pieces, ends)
  return { reply: await exchangeRaw(socket.asSocket, connect, 'somewhere.test:443', limits), socket }
}

const places = fc.array(fc.nat(), { maxLength: 20 })
const header = fc.tuple(
  fc.stringMatching(/^X-[a-z]{1,8}$/),
  fc.stringMatching(/^(?:[!-~\xa1-\xff][!-~ ]{0,20}[!-~])?$/),
)

function chunksOf(body: Buffer, sizes: readonly number[]): Buffer {
  const pieces = cutAt(body, sizes).flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)};ext="1"\r\n`),
    piece,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...pieces, Buffer.from('0\r\nX-Trailer: 1\r\n\r\n')])
}

describe('exchangeRaw', () => {
  it('reads a refusal back, wherever its pieces are cut, and leaves what follows', async () => {
    const whole = fc.record({
      statusCode: fc.integer({ min: 300, max: 999 }),
      reason: fc.stringMatching(/^[!-~]{0,10}$/),
      headers: fc.array(header, { maxLength: 4 }),
      body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      isChunked: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(whole, places, places, async (told, cuts, sizes) => {
        const { statusCode, reason, headers, body, isChunked } = told
        const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
        const head = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ${statusCode} ${reason}\r\n${lines}${framing}\r\n\r\n`
        const framed = isChunked ? chunksOf(body, sizes) : body
        const bytes = Buffer.concat([Buffer.from(head, 'latin1'), framed, Buffer.from('what follows')])
        const { reply, socket } = await exchange(cutAt(bytes, cuts), false)
        expect([reply.response.statusCode, reply.response.reason]).toEqual([statusCode, reason])
        expect(await socket.rest()).toBe('what follows')
        expect(reply.response.content).toEqual(body)
        for (const [name] of headers) {
          const values = headers.filter(([other]) => other === name).map(([, value]) => value)
          expect(reply.response.headers.getAll(name)).toEqual(values)
        }
        expect(reply.keepsAlive).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('leaves every byte after the head of a tunnel', async () => {
    const bytes = Buffer.from(
      'HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n\x16\x03\x01hello',
      'latin1',
    )
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { reply, socket } = await exchange(cutAt(bytes, [cut]), false)
      expect([reply.response.statusCode, await socket.rest()]).toEqual([200, '\x16\x03\x01hello'])
    }
  })

  it('throws nothing but errors of the library, whatever it is told', async () => {
    const line = fc.oneof(
      textOf('HTP/1.0 2\r\n:x;Content-Lghf'),
      fc.constantFrom(
        'HTTP/1.1 407 No\r\n',
        'HTTP/1.1 200\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Content-Length: 3\r\n',
        'Content-Length: -3\r\n',
        'X: \x00\r\n',
        '\r\n',
        '5\r\nhello\r\n',
        'fffffffffff\r\n',
        '-1\r\n',
        '0\r\n\r\n',
      ),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), places, async (lines, cuts) => {
        const outcome = await exchange(cutAt(Buffer.from(lines.join(''), 'latin1'), cuts)).catch(
          (error: unknown) => error,
        )
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(RequestException)
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    ['a chunk size with a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size after a blank', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['no chunk size', ';ext\r\nhello\r\n0\r\n\r\n'],
    ['no CRLF after a chunk', '5\r\nhelloXX0\r\n\r\n'],
  ])('takes %s for no chunk (RFC 9112 section 7.1)', async (_what, body) => {
    const bytes = Buffer.from(`HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
    await expect(exchange([bytes])).rejects.toBeInstanceOf(ProxyError)
  })

  it('gives up trailers without end', async () => {
    const head = 'HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n'
    const bytes = Buffer.from(head + 'X-A: 1\r\n'.repeat(10_000))
    expect((await exchange([bytes], false)).reply.keepsAlive).toBe(false)
  })
})

describe('SocketReader', () => {
  it('takes time in proportion to the bytes, however small the pieces', async () => {
    const byte = Buffer.from('x')
    const count = 300_000
    const socket = { read: () => byte } as unknown as Socket
    const started = performance.now()
    expect(await new SocketReader(socket).bytes(count)).toHaveLength(count)
    const line = new SocketReader(socket).line(count)
    await expect(line).rejects.toBeInstanceOf(LimitExceededError)
    expect(performance.now() - started).toBeLessThan(6000)
  })
})
