import { type Connection, ConnectionError, HTTPAdapter } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { X509Certificate } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { optionsFor, prepared } from '../support/transport-options.ts'

let server: TestServer
let adapter: HTTPAdapter

beforeAll(async () => {
  server = await TestServer.start()
})

afterAll(async () => {
  await server.close()
})

beforeEach(() => {
  adapter = new HTTPAdapter()
})

afterEach(async () => {
  await adapter.close()
})

async function reserve(url: string, poolKey: unknown, options = optionsFor()): Promise<Connection> {
  return adapter.acquire(await prepared(url), options, poolKey)
}

/** Sends a GET on a connection and reads the answer. */
async function get(connection: Connection, url: string, options = optionsFor()): Promise<string> {
  const response = await connection.send(await prepared(url), options)
  return (await response.read()).toString()
}

describe('a reserved connection', () => {
  it('carries every leg on one socket', async () => {
    await using raw = await RawServer.start(({ connection, index }) => reply(`${connection}/${index}`))
    const lease = await reserve(raw.url, 'key')
    expect([await get(lease, raw.url), await get(lease, raw.url)]).toEqual(['1/1', '1/2'])
  })

  it('is given to nobody else while it is reserved', async () => {
    await using raw = await RawServer.start(({ connection }) => reply(String(connection)))
    const lease = await reserve(raw.url, 'key')
    await get(lease, raw.url)
    const other = await reserve(raw.url, 'key')
    const plain = await adapter.send(await prepared(raw.url), optionsFor())
    expect([await get(other, raw.url), (await plain.read()).toString()]).toEqual(['2', '3'])
  })

  it('is the same object for whoever reserves the same socket next', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const lease = await reserve(raw.url, 'key')
    await get(lease, raw.url)
    lease.release()
    expect(await reserve(raw.url, 'key')).toBe(lease)
    expect(raw.connectionCount).toBe(1)
  })

  it('never serves another key once it was released', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const lease = await reserve(raw.url, 'key')
    await get(lease, raw.url)
    lease.release()
    expect(await reserve(raw.url, 'other')).not.toBe(lease)
  })

  it('never serves a request without the key', async () => {
    await using raw = await RawServer.start(({ connection }) => reply(String(connection)))
    const lease = await reserve(raw.url, 'key')
    await get(lease, raw.url)
    lease.release()
    const plain = await adapter.send(await prepared(raw.url), optionsFor())
    expect((await plain.read()).toString()).toBe('2')
  })

  it('tells object keys apart by identity', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const key = {}
    const lease = await reserve(raw.url, key)
    await get(lease, raw.url)
    lease.release()
    expect(await reserve(raw.url, {})).not.toBe(lease)
    expect(await reserve(raw.url, key)).toBe(lease)
  })

  it('tells keys of different types apart', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const lease = await reserve(raw.url, '1')
    await get(lease, raw.url)
    lease.release()
    expect(await reserve(raw.url, 1)).not.toBe(lease)
  })

  it('tells symbols with one description apart', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const lease = await reserve(raw.url, Symbol('key'))
    await get(lease, raw.url)
    lease.release()
    expect(await reserve(raw.url, Symbol('key'))).not.toBe(lease)
  })

  it('released while its body is still arriving is free at the end of that body', async () => {
    let finish = (): void => {}
    await using raw = await RawServer.start(({ socket, index }) => {
      if (index > 1) return reply('ok')
      finish = () => socket.write('rest')
      return 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf'
    })
    const options = optionsFor({ limits: { connectionsPerOrigin: 1 } })
    const lease = await reserve(raw.url, 'key', options)
    const response = await lease.send(await prepared(raw.url), options)
    lease.release()
    const waiting = reserve(raw.url, 'key', options)
    finish()
    expect((await response.read()).toString()).toBe('halfrest')
    expect(await within(1000, waiting)).toBe(lease)
  })

  it('refuses a second request while the first is not answered', async () => {
    await using raw = await RawServer.start(() => {})
    const lease = await reserve(raw.url, 'key')
    const first = failure(lease.send(await prepared(raw.url), optionsFor()))
    const error = await failure(lease.send(await prepared(raw.url), optionsFor()))
    lease.destroy()
    await first
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.requestBytesSent).toBe(0)
  })

  it('that the server closed rejects with a ConnectionError and is not replaced', async () => {
    await using raw = await RawServer.start(({ socket }) => {
      socket.end(reply('ok'))
    })
    const lease = await reserve(raw.url, 'key')
    await get(lease, raw.url)
    await raw.gone()
    const error = await failure(lease.send(await prepared(raw.url), optionsFor()))
    expect(error).toBeInstanceOf(ConnectionError)
    expect([lease.closed, error.requestBytesSent, raw.connectionCount]).toEqual([true, 0, 1])
  })

  it('that the server closed before the first leg rejects with a ConnectionError', async () => {
    await using raw = await RawServer.start(() => {}, { onConnection: (socket) => void socket.resume().end() })
    const lease = await reserve(raw.url, 'key')
    const error = await within(2000, failure(lease.send(await prepared(raw.url), optionsFor())))
    expect(error).toBeInstanceOf(ConnectionError)
    await raw.gone()
  })

  it('is closed when it is destroyed, with the cause', async () => {
    await using raw = await RawServer.start(() => {})
    const lease = await reserve(raw.url, 'key')
    const running = failure(lease.send(await prepared(raw.url), optionsFor()))
    const cause = new Error('the scheme gave up')
    lease.destroy(cause)
    const error = await within(1000, running)
    expect([lease.closed, error.cause]).toEqual([true, cause])
    await raw.gone()
  })

  it('is closed when its leg is aborted', async () => {
    await using raw = await RawServer.start(() => {})
    const lease = await reserve(raw.url, 'key')
    const controller = new AbortController()
    const reason = { why: 'changed my mind' }
    const running = rejection(lease.send(await prepared(raw.url), optionsFor({ signal: controller.signal })))
    controller.abort(reason)
    expect(await within(1000, running)).toBe(reason)
    await raw.gone()
    expect(lease.closed).toBe(true)
  })

  it('has no peer certificate without TLS', async () => {
    expect((await reserve(server.url, 'key')).peerCertificate).toBeUndefined()
  })

  it('has the leaf certificate of the server in DER', async () => {
    const lease = await reserve(server.httpsUrl, 'key', optionsFor({ verify: server.ca }))
    expect(lease.peerCertificate).toEqual(new X509Certificate(server.certificates.server.cert).raw)
  })

  it('has the leaf certificate on every connection, also where TLS could resume a session', async () => {
    const options = optionsFor({ verify: server.ca })
    const leases = [await reserve(server.httpsUrl, 'key', options), await reserve(server.httpsUrl, 'key', options)]
    expect(leases.map(({ peerCertificate }) => peerCertificate?.length)).toEqual([
      new X509Certificate(server.certificates.server.cert).raw.length,
      new X509Certificate(server.certificates.server.cert).raw.length,
    ])
  })

  it('has the leaf certificate even where the adapter was given a TLS session to resume', async () => {
    const options = optionsFor({ verify: server.ca })
    const tickets: Buffer[] = []
    const first = new HTTPAdapter({
      tls: { maxVersion: 'TLSv1.2' },
      verifyPeer: (_certificate, socket) => void tickets.push(socket.getSession() as Buffer),
    })
    await get(await first.acquire(await prepared(server.httpsUrl), options, 'key'), server.httpsUrl, options)
    await first.close()
    const resuming = new HTTPAdapter({ tls: { maxVersion: 'TLSv1.2', session: tickets[0] } })
    const lease = await resuming.acquire(await prepared(server.httpsUrl), options, 'key')
    await resuming.close()
    expect(lease.peerCertificate).toEqual(new X509Certificate(server.certificates.server.cert).raw)
  })

  it('speaks HTTP/1.1 whatever protocols the adapter was told to offer', async () => {
    await using raw = await RawServer.start(() => reply('ok'), {
      tls: { ...server.certificates.server, ALPNProtocols: ['h2', 'http/1.1'] },
    })
    const own = new HTTPAdapter({ tls: { ALPNProtocols: ['h2'] } })
    const options = optionsFor({ verify: server.ca })
    const lease = await own.acquire(await prepared(raw.url), options, 'key')
    expect(await get(lease, raw.url, options)).toBe('ok')
    await own.close()
  })

  it('waits for its turn when the limit is reached', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const options = optionsFor({ limits: { connectionsPerOrigin: 1 } })
    const lease = await reserve(raw.url, 'key', options)
    const waiting = reserve(raw.url, 'key', options)
    await get(lease, raw.url)
    lease.release()
    expect(await within(1000, waiting)).toBe(lease)
  })
})
