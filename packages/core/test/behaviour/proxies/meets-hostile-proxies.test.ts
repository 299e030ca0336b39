import { ConnectTimeout, DigestAuth, ProxyError, SSLError } from '@entreat/core'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

useServerAndSession(() => ({ verify: server.ca, timeout: { connect: 5000, read: 5000 } }))

const GOES_ON = 'HTTP/1.1 100 Continue\r\n\r\n'

/** A proxy that opens the tunnel it is asked for, after it has said something. */
function tunnelling(answer: string): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', (head: Buffer) => {
      const [, port] = /^CONNECT [^ ]+:([0-9]+) /.exec(head.toString('latin1')) ?? []
      const origin = connect(Number(port), '127.0.0.1', () => {
        socket.write(answer, 'latin1')
        origin.pipe(socket).pipe(origin)
      })
      origin.on('error', () => socket.destroy())
      socket.once('close', () => origin.destroy())
    })
  }
}

describe('a tunnel is open', () => {
  // RFC 9110 section 9.3.6: framing headers in a 2xx to CONNECT are ignored.
  it.each([
    ['with Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n'],
    ['with Transfer-Encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['with 204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['in HTTP/1.0', 'HTTP/1.0 200 Connection established\r\n\r\n'],
    ['without a reason', 'HTTP/1.1 200\r\n\r\n'],
    ['and to be closed', 'HTTP/1.1 200 OK\r\nConnection: close\r\nProxy-Connection: close\r\n\r\n'],
    ['after a hundred interim responses', `${GOES_ON.repeat(100)}HTTP/1.1 200 OK\r\n\r\n`],
    ['with many headers', `HTTP/1.1 200 OK\r\n${'X-Proxy: yes\r\n'.repeat(100)}\r\n`],
  ])('%s', async (_how, answer) => {
    await using proxy = await RawServer.start(() => {}, { onConnection: tunnelling(answer) })
    session.proxies = { all: proxy.url }
    for (let at = 0; at < 3; at++) expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
    expect(proxy.connectionCount).toBe(1)
  })
})

describe('the head of a CONNECT', () => {
  it('has what is for the proxy, and nothing that is for the origin', async () => {
    await using proxy = await RawServer.start(() => reply('', '', '403 No'))
    session.proxies = { all: proxy.url }
    session.cookies.set('secret', 'cookie', { url: 'https://origin.test/' })
    const headers = { 'X-Api-Key': 'secret key', Cookie: 'own=secret', 'User-Agent': 'ours' }
    const auth = ['ishmael', 'whale'] as const
    const { json, proxyAuth } = { json: { secret: true }, proxyAuth: ['bob', 'x'] as const }
    await failure(session.post('https://origin.test/path?secret=1', { headers, auth, json, proxyAuth }))
    const credentials = Buffer.from('bob:x').toString('base64')
    expect(proxy.heads[0]?.split('\r\n')).toEqual([
      'CONNECT origin.test:443 HTTP/1.1',
      'Host: origin.test:443',
      'User-Agent: ours',
      `Proxy-Authorization: Basic ${credentials}`,
    ])
  })
})

describe('a proxy that never comes to an end', () => {
  it.each<[string, string, (socket: Socket) => string]>([
    ['interim responses', 'http', () => GOES_ON],
    ['headers of its refusal', 'http', () => 'HTTP/1.1 407 Who\r\nX-More: yes\r\n'],
    ['the body of its refusal', 'http', () => 'HTTP/1.1 407 Who\r\nContent-Length: 10\r\n\r\n'],
    ['the TLS handshake', 'https', () => ''],
  ])('in %s is a ConnectTimeout after one connection', async (_what, scheme, say) => {
    await using proxy = await RawServer.start(() => {}, {
      onConnection: (socket) => void socket.resume().once('data', () => socket.write(say(socket), 'latin1')),
    })
    session.timeout = { connect: 200 }
    session.proxies = { all: proxy.url.replace('http', scheme) }
    expect(await within(3000, failure(session.get(`${server.httpsUrl}/get`)))).toBeInstanceOf(ConnectTimeout)
    await proxy.gone()
    expect(proxy.connectionCount).toBe(1)
  })

  it('in interim responses is given up with the head that they would fill', async () => {
    await using proxy = await RawServer.start(() => {}, {
      onConnection: (socket) => {
        const pour = (): void => {
          while (!socket.destroyed && socket.write(GOES_ON.repeat(100)));
        }
        socket.on('drain', pour).once('data', pour)
      },
    })
    session.timeout = null
    session.proxies = { all: proxy.url }
    const error = await within(5000, failure(session.get(`${server.httpsUrl}/get`)))
    expect(error.message).toContain('limits.headerBytes')
    await proxy.gone()
  })

  it('in the trailers of its refusal is a ProxyError with the response', async () => {
    await using proxy = await RawServer.start(() => {}, {
      onConnection: (socket) => {
        const pour = (): void => {
          while (!socket.destroyed && socket.write('X-Trailer: yes\r\n'.repeat(1000)));
        }
        socket.on('drain', pour).once('data', () => {
          socket.write('HTTP/1.1 407 Who\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n')
          pour()
        })
      },
    })
    session.timeout = null
    session.proxies = { all: proxy.url }
    const error = await within(5000, failure(session.get(`${server.httpsUrl}/get`)))
    expect([error instanceof ProxyError, error.response?.text]).toEqual([true, 'no'])
    await proxy.gone()
  })

  it.each([
    ['before it answers', ''],
    ['after it has opened the tunnel', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['within a refusal', 'HTTP/1.1 407 Who\r\nContent-Length: 10\r\n\r\n'],
  ])('is left %s when the caller gives up', async (_when, answer) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    await using proxy = await RawServer.start(() => {}, {
      onConnection: (socket) => {
        socket.resume().once('data', () => socket.write(answer, () => setImmediate(() => controller.abort(reason))))
      },
    })
    session.timeout = null
    session.proxies = { all: proxy.url }
    const call = rejection(session.get(`${server.httpsUrl}/get`, { signal: controller.signal }))
    expect(await within(3000, call)).toBe(reason)
    await proxy.gone()
  })
})

describe('a proxy in TLS', () => {
  it('that closes within the handshake is one ProxyError after one connection', async () => {
    await using proxy = await RawServer.start(() => {}, {
      onConnection: (socket) => void socket.once('data', () => socket.end()),
    })
    session.proxies = { all: proxy.url.replace('http', 'https') }
    for (const url of [server.url, server.httpsUrl])
      expect(await within(3000, failure(session.get(`${url}/get`)))).toBeInstanceOf(ProxyError)
    expect(proxy.connectionCount).toBe(2)
  })

  it('that speaks none is a ProxyError that says so', async () => {
    await using proxy = await RawServer.start(() => reply('hello'), {
      onConnection: (socket) => void socket.once('data', () => socket.write('HTTP/1.1 400 What\r\n\r\n')),
    })
    session.proxies = { all: proxy.url.replace('http', 'https') }
    const error = await failure(session.get(`${server.httpsUrl}/get`))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.message).toContain('what answers on this port is not TLS')
  })

  it('that opens tunnels to something without TLS is an SSLError that says so', async () => {
    await using proxy = await RawServer.start(() => {}, { onConnection: tunnelling('HTTP/1.1 200 OK\r\n\r\n') })
    session.proxies = { all: proxy.url }
    const error = await failure(session.get(server.url.replace('http:', 'https:')))
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toContain('what answers on this port is not TLS')
  })
})

describe('a proxy that lies to a scheme', () => {
  it.each([
    ['asks for ever', reply('', 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n', '407 Who')],
    [
      'says stale for ever',
      reply('', `Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth", stale=true\r\n`, '407 Who'),
    ],
    ['asks for what nobody knows', reply('', 'Proxy-Authenticate: Digest realm="r", algorithm=X\r\n', '407 Who')],
    ['says nothing about what it wants', reply('', '', '407 Who')],
  ])('and %s gets an answer or two, and is a ProxyError with its response', async (_how, answer) => {
    await using proxy = await RawServer.start(() => answer)
    session.proxies = { all: proxy.url }
    const error = await within(
      3000,
      failure(session.get(`${server.httpsUrl}/get`, { proxyAuth: new DigestAuth('b', 'x') })),
    )
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.statusCode).toBe(407)
    expect(proxy.heads.length).toBeLessThanOrEqual(3)
    expect(proxy.connectionCount).toBe(1)
  })
})

describe('a hundred requests at once', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['closes', (socket) => void socket.resume().end()],
    ['resets', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
  ])('through a proxy that %s are as many ProxyErrors, and no storm', async (_how, onConnection) => {
    await using proxy = await RawServer.start(() => {}, { onConnection })
    session.proxies = { all: proxy.url }
    const calls = Array.from({ length: 100 }, () => failure(session.get(`${server.httpsUrl}/get`)))
    const errors = await within(10_000, Promise.all(calls))
    expect(errors.filter((error) => !(error instanceof ProxyError))).toEqual([])
    expect(proxy.connectionCount).toBeLessThanOrEqual(100)
    await proxy.gone()
  })
})
