import { DigestAuth, type RequestOptions, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

let server: TestServer
let session: Session
/** Answers as soon as it sees a head, and reads no further. */
let earlyAnswer: RawServer

beforeAll(async () => {
  server = await TestServer.start()
  earlyAnswer = await RawServer.start(() => {}, {
    onConnection: (socket) =>
      void socket.once('data', () => {
        socket.pause().write('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge')
      }),
  })
})

afterAll(async () => {
  await Promise.all([server.close(), earlyAnswer.close()])
})

beforeEach(() => {
  session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 }, timeout: { pool: 1000, read: 3000 } })
})

afterEach(async () => {
  await session.close()
})

const free = async (): Promise<number> => (await within(2000, session.get(`${server.url}/get`))).statusCode

async function* pieces(...given: (Uint8Array | string | Error)[]): AsyncGenerator<Uint8Array | string> {
  for (const piece of given) {
    if (piece instanceof Error) throw piece
    yield await Promise.resolve(piece)
  }
}

describe('a body that fails', () => {
  it.each([
    ['at its first piece', []],
    ['after some', ['some', Buffer.alloc(100_000)]],
  ])('%s rejects with its own error, and the Session goes on', async (_when, before) => {
    const own = new RangeError('the disk is on fire')
    const call = session.post(`${server.url}/upload`, { data: pieces(...before, own) })
    expect(await within(2000, rejection(call))).toBe(own)
    expect(await free()).toBe(200)
  })

  it('as a Readable that is destroyed rejects with its own error', async () => {
    const own = new Error('gone')
    const data = new Readable({ read() {} })
    data.push('some')
    const call = rejection(session.post(`${server.url}/upload`, { data }))
    setImmediate(() => data.destroy(own))
    expect(await within(2000, call)).toBe(own)
    expect(await free()).toBe(200)
  })

  it('by a factory that throws rejects with its own error', async () => {
    const own = new Error('no file')
    const data = (): never => {
      throw own
    }
    expect(await within(2000, rejection(session.post(`${server.url}/upload`, { data })))).toBe(own)
    expect(await free()).toBe(200)
  })

  it('never leaves a complete request behind', async () => {
    const seen: string[] = []
    await using raw = await RawServer.start(({ head }) => {
      seen.push(head)
      return reply('ok')
    })
    await rejection(session.post(raw.url, { data: pieces('half', new Error('stop')) }))
    await raw.gone()
    expect(seen).toEqual([])
  })
})

describe('a body without bytes', () => {
  it.each([
    ['no piece', []],
    ['empty pieces', [new Uint8Array(), '', new Uint8Array()]],
  ])('of %s is framed, and the connection goes on', async (_what, given) => {
    await using raw = await RawServer.start(({ body, index }) => reply(`${index}:${body.toString('latin1')}`))
    const first = await within(2000, session.post(raw.url, { data: pieces(...given) }))
    const second = await within(2000, session.get(raw.url))
    expect([first.text, second.text]).toEqual(['1:0\r\n\r\n', '2:'])
    expect(raw.heads[0]?.match(/^(transfer-encoding|content-length):.*$/gim)).toEqual(['transfer-encoding: chunked'])
  })
})

describe('a server that goes away during an upload', () => {
  it.each(['end', 'reset'] as const)('by %s is a ConnectionError that tells the bytes', async (how) => {
    await using raw = await RawServer.start(() => {}, {
      onHead: (_head, socket) => void (how === 'end' ? socket.destroy() : socket.resetAndDestroy()),
    })
    async function* data(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 500; count++) {
        yield Buffer.alloc(64 * 1024)
        await new Promise(setImmediate)
      }
    }
    const error = await within(4000, failure(session.post(raw.url, { data: data() })))
    expect(error.code).toBe('ERR_CONNECTION')
    expect(error.requestBytesSent).toBeGreaterThan(0)
    await raw.gone()
  })

  it('after it has answered gives the answer', async () => {
    await using raw = await RawServer.start(() => {}, {
      onHead: (_head, socket) => void socket.end('HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno'),
    })
    async function* data(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 200; count++) {
        yield Buffer.alloc(16 * 1024)
        await new Promise(setImmediate)
      }
    }
    const response = await within(4000, session.post(raw.url, { data: data() }))
    expect([response.statusCode, response.text]).toEqual([401, 'no'])
    await raw.gone()
  })
})

describe('a final response while the body has nothing to give', () => {
  it('lets go of the stream that the body was read from', async () => {
    await using raw = await RawServer.start(() => {}, {
      onHead: (_head, socket) => void socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge'),
    })
    const data = new Readable({ read() {} })
    data.push('some')
    const closed = once(data, 'close')
    const response = await within(2000, session.post(raw.url, { data }))
    expect(response.statusCode).toBe(413)
    await within(1000, closed)
    await raw.gone()
  })

  it('leaves no timer of timeout.write behind', async () => {
    const child = await runChild(
      `const session = new core.Session({ trustEnv: false })
       async function* data() { for (;;) { yield Buffer.alloc(65536) } }
       const { statusCode } = await session.post(input, { data: data(), timeout: { write: 60_000 } })
       report(statusCode)`,
      { input: `${earlyAnswer.url}/`, limitMs: 8000 },
    )
    expect(child).toMatchObject({ code: 0, reports: [413], isKilled: false })
  })
})

describe('a body where none is usual', () => {
  it.each(['GET', 'DELETE', 'OPTIONS'])('goes out with %s', async (method) => {
    await using raw = await RawServer.start(({ body }) => reply(body.toString()))
    expect((await session.request(method, raw.url, { data: 'unusual' })).text).toBe('unusual')
    expect((await session.get(raw.url)).text).toBe('')
  })
})

describe('the method CONNECT', () => {
  it('is answered or refused, never left hanging', async () => {
    const outcome = session.request('CONNECT', `${server.url}/get`).then(
      () => 'answered',
      (error: unknown) => (error as { code: string }).code,
    )
    expect(await within(2000, outcome)).toMatch(/^(answered|ERR_.*)$/)
    expect(await free()).toBe(200)
  })
})

describe('a host that refuses every connection', () => {
  it('fails each of many waiting requests', async () => {
    const gone = await RawServer.start(() => {})
    await gone.close()
    const calls = Array.from({ length: 50 }, () => failure(session.get(gone.url)))
    const codes = (await within(4000, Promise.all(calls))).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['ERR_CONNECTION']))
  })

  it('by its certificate fails each of many waiting requests', async () => {
    const get = (): Promise<unknown> => session.get(`${server.httpsUrl}/get`, { timeout: { pool: 15_000 } })
    const calls = Array.from({ length: 50 }, () => failure(get()))
    const codes = (await within(15_000, Promise.all(calls))).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['ERR_SSL']))
  })
})

describe('a server that refuses a body before it has read it', () => {
  const bytes = Buffer.alloc(100_000, 'x')

  it.each<[string, () => NonNullable<RequestOptions['data']>]>([
    ['bytes', () => bytes],
    ['a factory', () => () => pieces(bytes)],
  ])('and keeps the connection without reading on, is asked again on another one (%s)', async (_what, data) => {
    const challenge = reply('', 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n', '401 Who')
    await using deaf = await RawServer.start(() => {}, {
      onConnection: (socket, connection) => {
        if (connection === 1) socket.once('data', () => socket.pause().write(challenge))
        else {
          let read = 0
          socket.on('data', ({ length }: Buffer) => {
            read += length
            if (read > bytes.length) socket.write(reply('thanks'))
          })
        }
      },
    })
    const call = session.post(deaf.url, { data: data(), auth: new DigestAuth('ishmael', 'whale') })
    expect((await within(2000, call)).text).toBe('thanks')
    expect(deaf.connectionCount).toBe(2)
  })

  it('is asked on the same one if the body is small', async () => {
    await using session = new Session({ trustEnv: false, auth: new DigestAuth('ishmael', 'whale') })
    server.reset()
    const posted = await session.post(`${server.url}/digest-auth/auth/ishmael/whale`, { data: 'x'.repeat(10_000) })
    expect([posted.history.length, server.connectionCount]).toEqual([1, 1])
  })
})
