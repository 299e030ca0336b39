import { ConnectTimeout, LimitExceededError, ProxyError, SSLError } from '@entreat/core'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { RawServer } from '../support/raw-server.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

useServerAndSession(() => ({ verify: server.ca, timeout: { connect: 1000 } }))

/** A proxy that does one thing to every connection, and the error that this leads to. */
async function through(onConnection: (socket: Socket) => void): Promise<{
  error: Awaited<ReturnType<typeof failure>>
  connections: number
}> {
  await using proxy = await RawServer.start(() => {}, { onConnection })
  const call = failure(session.get(`${server.httpsUrl}/get`, { proxies: { all: proxy.url } }))
  const error = await within(3000, call)
  await proxy.gone()
  return { error, connections: proxy.connectionCount }
}

/** Answers the first bytes of a connection. */
const answering =
  (answer: string, then: 'end' | 'stay' = 'stay') =>
  (socket: Socket): void => {
    socket.once('data', () => {
      if (then === 'end') socket.end(answer, 'latin1')
      else socket.write(answer, 'latin1')
    })
    socket.resume()
  }

describe('a proxy for an https request', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['closes on accept', (socket) => void socket.resume().end()],
    ['resets on accept', (socket) => socket.resetAndDestroy()],
    ['closes on CONNECT', answering('', 'end')],
    ['resets on CONNECT', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
    ['answers garbage', answering('\x16\x03\x01\x00garbage\r\n\r\n')],
    ['answers in HTTP/2', answering('HTTP/2 200 OK\r\n\r\n')],
    ['closes in the middle of its status line', answering('HTTP/1.1 2', 'end')],
    ['closes in the middle of its head', answering('HTTP/1.1 200 OK\r\nX-A: 1\r\n', 'end')],
    ['answers with a malformed head', answering('HTTP/1.1 200 OK\r\nno colon here\r\n\r\n')],
  ])('that %s is one ProxyError after one connection', async (_what, onConnection) => {
    const { error, connections } = await through(onConnection)
    expect(error).toBeInstanceOf(ProxyError)
    expect(connections).toBe(1)
    expect([error.code, error.connectionReused, error.requestBytesSent, error.responseStarted]).toEqual([
      'ERR_PROXY',
      false,
      0,
      false,
    ])
  })

  it('that never answers is a ConnectTimeout', async () => {
    session.timeout = { connect: 150 }
    const { error, connections } = await through((socket) => void socket.resume())
    expect([error instanceof ConnectTimeout, connections]).toEqual([true, 1])
  })

  it('that stops in the middle of its head is a ConnectTimeout', async () => {
    session.timeout = { connect: 150 }
    const { error } = await through(answering('HTTP/1.1 200 OK\r\nX-A'))
    expect(error).toBeInstanceOf(ConnectTimeout)
  })

  it.each([
    ['502 with a length', 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 8\r\n\r\nupstream', 502],
    ['503 until it closes', 'HTTP/1.1 503 Unavailable\r\n\r\nupstream', 503],
    ['407 in chunks', 'HTTP/1.1 407 Who\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nupstream\r\n0\r\n\r\n', 407],
    ['302', 'HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nContent-Length: 8\r\n\r\nupstream', 302],
    ['407 after a 100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 407 Who\r\nContent-Length: 8\r\n\r\nupstream', 407],
    ['403 in HTTP/1.0', 'HTTP/1.0 403 No\r\n\r\nupstream', 403],
  ])('that refuses with %s is a ProxyError with its response', async (_what, answer, status) => {
    const { error, connections } = await through(answering(answer, 'end'))
    expect(error).toBeInstanceOf(ProxyError)
    expect([error.response?.statusCode, error.response?.text, connections]).toEqual([status, 'upstream', 1])
  })

  it('that refuses with a body that never ends is a ProxyError all the same', async () => {
    const { error } = await through((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 502 Bad Gateway\r\n\r\n')
        const pour = (): void => {
          while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024)));
        }
        socket.on('drain', pour)
        pour()
      })
    })
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.statusCode).toBe(502)
  })

  it('that sends a head without end is stopped by limits.headerBytes', async () => {
    session.limits = { headerBytes: 8192 }
    const { error } = await through((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const pour = (): void => {
          while (!socket.destroyed && socket.write(`X-Padding: ${'x'.repeat(1000)}\r\n`));
        }
        socket.on('drain', pour)
        pour()
      })
    })
    expect([error, error.cause].some((each) => each instanceof LimitExceededError)).toBe(true)
  })

  it('that opens the tunnel and speaks first is an SSLError', async () => {
    const { error, connections } = await through(answering('HTTP/1.1 200 OK\r\n\r\nnot TLS at all, but plain text'))
    expect(error).toBeInstanceOf(SSLError)
    expect(connections).toBe(1)
  })

  it('that opens the tunnel and closes it is a ConnectionError', async () => {
    const { error, connections } = await through(answering('HTTP/1.1 200 OK\r\n\r\n', 'end'))
    expect([error.code === 'ERR_CONNECTION' || error.code === 'ERR_SSL', connections]).toEqual([true, 1])
  })

  it('that opens the tunnel and says no more is a ConnectTimeout', async () => {
    session.timeout = { connect: 150 }
    const { error } = await through(answering('HTTP/1.1 200 OK\r\n\r\n'))
    expect(error).toBeInstanceOf(ConnectTimeout)
  })

  it('that cannot be reached is a ProxyError with the cause', async () => {
    const gone = await RawServer.start(() => {})
    await gone.close()
    const error = await failure(session.get(`${server.httpsUrl}/get`, { proxies: { all: gone.url } }))
    expect(error).toBeInstanceOf(ProxyError)
    expect((error.cause as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
  })

  it('whose tunnel ends inside a response leaves the Session usable', async () => {
    await using origin = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nsome', { tls: true })
    const { connect } = await import('node:net')
    let cut = (): void => {}
    await using proxy = await RawServer.start(() => {}, {
      onConnection: (socket) => {
        cut = () => void socket.destroy()
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n')
          const upstream = connect(origin.port, '127.0.0.1')
          upstream.pipe(socket).pipe(upstream)
          upstream.on('error', () => {})
        })
      },
    })
    const response = await session.get(`${origin.url}/`, { proxies: { all: proxy.url }, stream: true })
    cut()
    const error = await within(3000, failure(response.read()))
    expect(error.code).toBe('ERR_BODY_TRUNCATED')
    expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
  })
})

describe('a proxy for an http request', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['closes on accept', (socket) => void socket.resume().end()],
    ['resets on the request', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
    ['closes on the request', answering('', 'end')],
    ['answers garbage', answering('garbage\r\n\r\n')],
  ])('that %s is one ProxyError after one connection', async (_what, onConnection) => {
    await using proxy = await RawServer.start(() => {}, { onConnection })
    const call = failure(session.get(`${server.url}/get`, { proxies: { all: proxy.url } }))
    expect(await within(3000, call)).toBeInstanceOf(ProxyError)
    await proxy.gone()
    expect(proxy.connectionCount).toBe(1)
  })

  it('that cannot be reached is a ProxyError', async () => {
    const gone = await RawServer.start(() => {})
    await gone.close()
    const error = await failure(session.get(`${server.url}/get`, { proxies: { all: gone.url } }))
    expect(error).toBeInstanceOf(ProxyError)
  })
})
