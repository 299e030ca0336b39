import { ConnectionError, ConnectTimeout, HTTPAdapter, Session, Timeout } from '@entreat/core'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { BlackHole } from '../support/black-hole.ts'
import { failure, within } from '../support/failure.ts'
import { RawServer } from '../support/raw-server.ts'

/** A server that accepts and never says a word. */
function muteServer(): Promise<RawServer> {
  return RawServer.start(() => {}, { onConnection: (socket) => void socket.resume() })
}

describe('timeout.connect', () => {
  it('ends a TLS handshake that gets no answer, on time', async () => {
    await using mute = await muteServer()
    await using session = new Session({ trustEnv: false, timeout: { connect: 200 } })
    const started = performance.now()
    const error = await within(2000, failure(session.get(mute.url.replace('http:', 'https:'))))
    const elapsed = performance.now() - started
    expect(error).toBeInstanceOf(ConnectTimeout)
    expect(elapsed).toBeGreaterThanOrEqual(195)
    expect(elapsed).toBeLessThan(500)
    await mute.gone()
  })

  it('ends the look-up of a name that gets no answer', async () => {
    await using session = new Session({ trustEnv: false, timeout: { connect: 100 } })
    session.mount('http://', new HTTPAdapter({ lookup: () => {} }))
    expect(await within(2000, failure(session.get('http://somewhere.test/')))).toBeInstanceOf(ConnectTimeout)
  })

  it('ends a TCP connection that is never accepted', async () => {
    await using hole = await BlackHole.open()
    await using session = new Session({ trustEnv: false, timeout: { connect: 150 } })
    const error = await within(2000, failure(session.get(`http://127.0.0.1:${hole.port}/`)))
    expect(error).toBeInstanceOf(ConnectTimeout)
  })

  it('ends every request to a host that does not answer, however many wait', async () => {
    await using hole = await BlackHole.open()
    await using session = new Session({ trustEnv: false, timeout: { connect: 150 } })
    const calls = Array.from({ length: 100 }, () => failure(session.get(`http://127.0.0.1:${hole.port}/`)))
    const codes = (await within(3000, Promise.all(calls))).map(({ code }) => code)
    expect(codes.every((code) => code === 'ERR_CONNECT_TIMEOUT')).toBe(true)
  })

  it('ends a proxy that never answers CONNECT', async () => {
    await using mute = await muteServer()
    await using session = new Session({ trustEnv: false, timeout: { connect: 150 }, proxies: { all: mute.url } })
    const error = await within(2000, failure(session.get('https://somewhere.test/')))
    expect(error).toBeInstanceOf(ConnectTimeout)
    await mute.gone()
  })

  it('is told as a ConnectionError and a Timeout, with nothing sent', async () => {
    await using mute = await muteServer()
    await using session = new Session({ trustEnv: false, timeout: { connect: 50 } })
    const error = await failure(session.get(mute.url.replace('http:', 'https:')))
    expect([error instanceof ConnectionError, error instanceof Timeout, error.code]).toEqual([
      true,
      true,
      'ERR_CONNECT_TIMEOUT',
    ])
    expect([error.connectionReused, error.requestBytesSent, error.responseStarted]).toEqual([false, 0, false])
    expect(error.request?.method).toBe('GET')
  })

  it('names the time and the URL', async () => {
    await using mute = await muteServer()
    await using session = new Session({ trustEnv: false })
    const url = mute.url.replace('http://', 'https://user:secret@')
    const { message } = await failure(session.get(`${url}/path`, { timeout: { connect: 60 } }))
    expect(message).toContain('60 ms')
    expect(message).toContain('/path')
    expect(message).not.toContain('secret')
  })

  it('does not count once the connection stands', async () => {
    await using slow = await RawServer.start(({ socket }) => {
      const timer = setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), 150)
      socket.once('close', () => clearTimeout(timer))
    })
    await using session = new Session({ trustEnv: false })
    expect((await session.get(slow.url, { timeout: { connect: 60 } })).statusCode).toBe(200)
  })
})

describe('a connection that is refused', () => {
  it('is a ConnectionError at once, with the cause', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    await using session = new Session({ trustEnv: false })
    const error = await within(1000, failure(session.get(`http://127.0.0.1:${port}/`)))
    expect(error).toBeInstanceOf(ConnectionError)
    expect((error.cause as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
  })

  it('at every address of a name is one ConnectionError that names each', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    await using session = new Session({ trustEnv: false })
    const error = await within(2000, failure(session.get(`http://localhost:${port}/`)))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain('ECONNREFUSED')
  })
})
