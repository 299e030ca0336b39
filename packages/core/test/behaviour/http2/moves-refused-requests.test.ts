import { once } from 'node:events'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { ConnectionError, type Session } from '@entreat/core'
import { testCertificates } from '@entreat/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failure } from '../support/failure.ts'
import { http2Session, times } from '../support/http2-session.ts'
import { CODE, FRAME, type RawHttp2Handler, RawHttp2Server } from '../support/raw-http2-server.ts'

let session: Session
beforeEach(() => {
  session = http2Session()
})
afterEach(() => session.close())

/** An HTTP/2 server as Node has it, with its limits. */
async function startNodeServer(
  onRequest: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createSecureServer({ ...testCertificates().server }, onRequest)
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

type OnRequest = NonNullable<RawHttp2Handler['onRequest']>

/** Accepts so many requests of each connection, and says so by GOAWAY when one more comes. */
function closingAfter(count: number): OnRequest {
  return (connection, stream, index) => {
    if (index <= count) connection.answer(stream)
    else if (index === count + 1) connection.goaway(count * 2 - 1)
    else return
    if (index === count + 1) connection.socket.end()
  }
}

describe('RFC 9113 section 8.7: what a server has not processed is sent again', () => {
  it.each(['GET', 'POST', 'PATCH'])('%s after REFUSED_STREAM', async (method) => {
    await using server = await RawHttp2Server.start({
      onRequest: (c, s, index) => (index === 1 ? c.reset(s, CODE.refusedStream) : c.answer(s)),
    })
    const response = await session.request(method, server.url, method === 'GET' ? {} : { data: 'again' })
    expect([response.text, server.requestCount]).toEqual(['ok', 2])
  })

  it.each(['GET', 'POST'])('%s beyond the last stream of GOAWAY', async (method) => {
    await using server = await RawHttp2Server.start({
      onRequest: (c, s) => (c.number === 1 ? (c.goaway(0), c.socket.end()) : c.answer(s)),
    })
    const response = await session.request(method, server.url, method === 'GET' ? {} : { data: 'again' })
    expect([response.text, server.connections.length]).toEqual(['ok', 2])
  })

  it('also where GOAWAY reports an error', async () => {
    await using server = await RawHttp2Server.start({
      onRequest: (c, s) => (c.number === 1 ? c.goaway(0, CODE.internal) : c.answer(s)),
    })
    expect((await session.post(server.url, { data: 'x' })).text).toBe('ok')
  })

  it('a hundred at once, from a server that closes gracefully after ten: none fails', async () => {
    await using server = await RawHttp2Server.start({ onRequest: closingAfter(10) })
    const answers = await times(100, (index) =>
      index % 2 === 0 ? session.get(server.url) : session.post(server.url, { data: 'x' }),
    )
    expect(answers.map(({ text }) => text)).toEqual(Array(100).fill('ok'))
    expect(server.connections.length).toBeGreaterThanOrEqual(10)
  })

  it('streams up to the last of GOAWAY are answered on their connection', async () => {
    const held: (() => void)[] = []
    await using server = await RawHttp2Server.start({
      onRequest: (connection, stream, index) => {
        if (connection.number > 1) return connection.answer(stream, 'second')
        held.push(() => connection.answer(stream, 'first'))
        if (index < 3) return
        connection.goaway(5)
        setImmediate(() => {
          for (const answer of held) answer()
        })
      },
    })
    const answers = await times(3, () => session.get(server.url))
    const later = await session.get(server.url)
    expect([...answers, later].map(({ text }) => text)).toEqual(['first', 'first', 'first', 'second'])
  })

  it('HTTP_1_1_REQUIRED is obeyed, for this request and those that follow', async () => {
    const heads: string[] = []
    await using server = await RawHttp2Server.start({
      protocols: ['h2', 'http/1.1'],
      onRequest: (connection, stream) => connection.reset(stream, CODE.http11Required),
      onHttp1: (socket) =>
        socket.on('data', (bytes: Buffer) => {
          heads.push(bytes.toString('latin1').split('\r\n')[0] as string)
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold')
        }),
    })
    const answers = [await session.post(server.url, { data: 'x' }), await session.get(`${server.url}/next`)]
    expect([answers.map(({ text }) => text), heads]).toEqual([
      ['old', 'old'],
      ['POST / HTTP/1.1', 'GET /next HTTP/1.1'],
    ])
    expect(server.requestCount).toBe(1)
  })
})

describe('what may have been processed', () => {
  const dying: OnRequest = (connection, stream, index) => {
    if (connection.number > 1 || index === 1) connection.answer(stream)
    else connection.socket.destroy()
  }

  it('is repeated once on a kept connection, if the method is idempotent', async () => {
    await using server = await RawHttp2Server.start({ onRequest: dying })
    await session.get(server.url)
    expect((await session.get(server.url)).text).toBe('ok')
    expect(server.connections).toHaveLength(2)
  })

  it('is not repeated otherwise', async () => {
    await using server = await RawHttp2Server.start({ onRequest: dying })
    await session.get(server.url)
    const error = await failure(session.post(server.url, { data: 'x' }))
    expect(error).toBeInstanceOf(ConnectionError)
    expect([error.connectionReused, error.requestBytesSent, error.responseStarted]).toEqual([true, null, false])
    expect(server.requestCount).toBe(2)
  })

  it('is not repeated on a new connection', async () => {
    await using server = await RawHttp2Server.start({ onRequest: (c) => void c.socket.destroy() })
    expect((await failure(session.get(server.url))).connectionReused).toBe(false)
    expect(server.connections).toHaveLength(1)
  })

  it('is not repeated after an interim response', async () => {
    await using server = await RawHttp2Server.start({
      onRequest: (c, s) => (c.head(s, { ':status': '103' }), c.reset(s, CODE.refusedStream)),
    })
    expect((await failure(session.get(server.url))).responseStarted).toBe(true)
    expect(server.requestCount).toBe(1)
  })
})

describe('a server that asks for calm', () => {
  const calling: OnRequest = (connection, stream, index) =>
    connection.number === 1 && index > 1 ? connection.reset(stream, CODE.enhanceYourCalm) : connection.answer(stream)

  it('gets the same request once more on another connection, if the method is idempotent', async () => {
    await using server = await RawHttp2Server.start({ onRequest: calling })
    await session.get(server.url)
    expect((await session.get(server.url)).text).toBe('ok')
    expect(server.connections).toHaveLength(2)
  })

  it('gets the next one there otherwise', async () => {
    await using server = await RawHttp2Server.start({ onRequest: calling })
    await session.get(server.url)
    expect((await failure(session.post(server.url, { data: 'x' }))).message).toMatch(/ENHANCE_YOUR_CALM/)
    expect((await session.post(server.url, { data: 'x' })).text).toBe('ok')
    expect([server.connections.length, server.requestCount]).toEqual([2, 3])
  })

  it('still answers what else is under way', async () => {
    let answer = (): void => {}
    await using server = await RawHttp2Server.start({
      onRequest: (connection, stream, index) => {
        if (connection.number > 1) return connection.answer(stream, 'second')
        if (index === 1) answer = () => connection.answer(stream, 'first')
        else connection.reset(stream, CODE.enhanceYourCalm)
      },
    })
    const first = session.get(server.url)
    await failure(session.post(server.url, { data: 'x' }))
    expect((await session.get(server.url)).text).toBe('second')
    answer()
    expect((await first).text).toBe('first')
  })

  it("because it is one of Node's, and a long body was given up", async () => {
    await using server = await startNodeServer((request, response) =>
      response.end(request.url === '/long' ? Buffer.alloc(20_000_000) : 'ok'),
    )
    const long = await session.get(`${server.url}/long`, { stream: true })
    long.close()
    expect((await session.get(server.url)).text).toBe('ok')
    expect((await session.post(server.url, { data: 'x' })).text).toBe('ok')
  })
})

describe('a request that is refused', () => {
  const refusing: OnRequest = (connection, stream) => connection.reset(stream, CODE.refusedStream)

  it('is sent twice at most where nothing is answered', async () => {
    await using server = await RawHttp2Server.start({ onRequest: refusing })
    const error = await failure(session.post(server.url, { data: 'x' }))
    expect([error.code, error.requestBytesSent, server.requestCount]).toEqual(['ERR_CONNECTION', 0, 2])
    expect(error.message).toMatch(/REFUSED_STREAM/)
  })

  it('goes no second time with a body that cannot be sent again', async () => {
    await using server = await RawHttp2Server.start({
      onFrame: (c, { type, stream }) => void (type === FRAME.data && c.reset(stream, CODE.refusedStream)),
    })
    const data = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('once'))
    }
    expect((await failure(session.post(server.url, { data: data() }))).code).toBe('ERR_CONNECTION')
    expect(server.requestCount).toBe(1)
  })

  it('is given up with its signal', async () => {
    const controller = new AbortController()
    await using server = await RawHttp2Server.start({
      onRequest: (connection, stream, index) => {
        if (index === 1) return connection.answer(stream)
        controller.abort('enough')
        connection.reset(stream, CODE.refusedStream)
      },
    })
    await session.get(server.url)
    await expect(session.get(server.url, { signal: controller.signal })).rejects.toBe('enough')
  })
})
