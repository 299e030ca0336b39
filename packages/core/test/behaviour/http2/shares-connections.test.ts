import { HTTPAdapter, PoolTimeout, Session, UsageError } from '@entreat/core'
import { type CustomHandler, testCertificates, TestProxy, TestServer, TestSocksProxy } from '@entreat/testkit'
import { MockAgent } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { http2Session, times } from '../support/http2-session.ts'
import { optionsFor, prepared } from '../support/transport-options.ts'
import { FRAME, type RawHttp2Connection, RawHttp2Server } from '../support/raw-http2-server.ts'

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start({ http2: true })
})
afterAll(() => server.close())
beforeEach(() => {
  server.reset()
  session = http2Session()
})
afterEach(() => session.close())

/** Answers a connection's requests once so many are there. */
function holding(count: number): (connection: RawHttp2Connection, stream: number) => void {
  const held: (() => void)[] = []
  return (connection, stream) => {
    held.push(() => connection.answer(stream))
    if (held.length >= count) for (const answer of held.splice(0)) answer()
  }
}

describe('over HTTP/2', () => {
  it('a hundred requests at once open one connection', async () => {
    await using raw = await RawHttp2Server.start({ onRequest: holding(100) })
    const answers = await times(100, () => session.get(raw.url))
    expect(answers.map(({ text }) => text)).toEqual(Array(100).fill('ok'))
    expect(raw.connections).toHaveLength(1)
  })

  it('requests one after another share a connection, as the server sees it', async () => {
    for (let count = 0; count < 5; count++) await session.get(`${server.httpsUrl}/get`)
    expect([server.connectionCount, server.requests.map(({ httpVersion }) => httpVersion)]).toEqual([
      1,
      Array(5).fill('2.0'),
    ])
  })

  it('without the option nothing is offered', async () => {
    await using plain = new Session({ trustEnv: false, verify: server.ca })
    await plain.get(`${server.httpsUrl}/get`)
    expect(server.requests[0]?.httpVersion).toBe('1.1')
  })

  it('plain http stays HTTP/1.1', async () => {
    await session.get(`${server.url}/get`)
    expect(server.requests[0]?.httpVersion).toBe('1.1')
  })

  it('no more streams are open at once than the SETTINGS allow, and further connections take the rest', async () => {
    const most = new Map<number, number>()
    const open = new Map<number, number>()
    await using raw = await RawHttp2Server.start({
      onConnect: (connection) => connection.settings({ 3: 4 }),
      onRequest: (connection, stream) => {
        const now = (open.get(connection.number) ?? 0) + 1
        open.set(connection.number, now)
        most.set(connection.number, Math.max(now, most.get(connection.number) ?? 0))
        setImmediate(() => {
          open.set(connection.number, (open.get(connection.number) as number) - 1)
          connection.answer(stream)
        })
      },
    })
    await session.get(raw.url)
    await times(20, () => session.get(raw.url))
    expect(Math.max(...most.values())).toBe(4)
    expect(raw.connections.length).toBeGreaterThan(1)
  })

  it('connections beyond limits.connectionsPerOrigin are not opened: requests wait, for timeout.pool at most', async () => {
    const held: (() => void)[] = []
    await using raw = await RawHttp2Server.start({
      onConnect: (connection) => connection.settings({ 3: 1 }),
      onRequest: (connection, stream) => void held.push(() => connection.answer(stream)),
    })
    await using narrow = http2Session({ limits: { connectionsPerOrigin: 1 } })
    const known = narrow.get(raw.url)
    await becomes(() => held.length === 1)
    held.shift()?.()
    await known
    const first = narrow.get(raw.url)
    await becomes(() => held.length === 1)
    expect(await failure(narrow.get(raw.url, { timeout: { pool: 50 } }))).toBeInstanceOf(PoolTimeout)
    const second = narrow.get(raw.url)
    held.shift()?.()
    await first
    await becomes(() => held.length === 1)
    held.shift()?.()
    expect((await second).text).toBe('ok')
    expect(raw.connections).toHaveLength(1)
  })

  it('SETTINGS that allow more later let those in who wait', async () => {
    let first: RawHttp2Connection | null = null
    await using raw = await RawHttp2Server.start({
      onConnect: (connection) => {
        first = connection
        connection.settings({ 3: 0 })
      },
      onRequest: (connection, stream) => connection.answer(stream),
    })
    // What goes out before the SETTINGS are there is held back by the engine.
    const answers = times(150, () => session.get(raw.url))
    await becomes(() => first !== null && first.received(FRAME.settings).length > 1)
    const connection = first as unknown as RawHttp2Connection
    expect(connection.received(FRAME.headers).length).toBeLessThanOrEqual(100)
    connection.settings({ 3: 200 })
    expect((await answers).map(({ text }) => text)).toEqual(Array(150).fill('ok'))
    expect(raw.connections).toHaveLength(1)
  })

  it('a server that chooses HTTP/1.1 gets it, at first on one connection, from then on on as many as there are requests', async () => {
    const versions = new Set<string>()
    const held: (() => void)[] = []
    const handler: CustomHandler = (request, response) => {
      versions.add(request.httpVersion)
      if (request.url !== '/held') return false
      held.push(() => response.end('ok'))
      if (held.length === 8) for (const answer of held) answer()
      return true
    }
    await using plain = await TestServer.start({ handler })
    await times(8, () => session.get(`${plain.httpsUrl}/get`))
    await times(8, () => session.get(`${plain.httpsUrl}/held`))
    expect([...versions]).toEqual(['1.1'])
  })

  it('a scheme that binds to a connection gets HTTP/1.1 for itself', async () => {
    const adapter = new HTTPAdapter({ http2: true })
    const request = await prepared(`${server.httpsUrl}/get`)
    const options = optionsFor({ verify: server.ca })
    await (await adapter.send(request, options)).read()
    const connection = await adapter.acquire(request, options, 'key')
    await (await connection.send(request, options)).read()
    expect([connection.protocol, server.requests.map(({ httpVersion }) => httpVersion)]).toEqual([
      'http/1.1',
      ['2.0', '1.1'],
    ])
    connection.release()
    await adapter.close()
  })

  it('connections are not shared across TLS settings', async () => {
    await session.get(`${server.httpsUrl}/get`)
    await session.get(`${server.httpsUrl}/get`, { cert: server.certificates.client })
    await session.get(`${server.httpsUrl}/get`, { verify: false })
    expect(server.connectionCount).toBe(3)
  })

  it('connections are not shared across origins, whatever the certificate covers', async () => {
    const { port } = new URL(server.httpsUrl)
    await session.get(`https://localhost:${port}/get`)
    await session.get(`https://127.0.0.1:${port}/get`)
    expect(server.connectionCount).toBe(2)
  })

  it('tunnels carry it: CONNECT and SOCKS', async () => {
    await using proxy = await TestProxy.start()
    await using socks = await TestSocksProxy.start()
    for (const url of [proxy.url, `socks5://127.0.0.1:${socks.port}`]) {
      await using through = http2Session({ proxies: { https: url } })
      await times(5, () => through.get(`${server.httpsUrl}/get`))
    }
    expect([server.connectionCount, proxy.requests.length]).toEqual([2, 1])
    expect(server.requests.map(({ httpVersion }) => httpVersion)).toEqual(Array(10).fill('2.0'))
  })

  it('onSocket, verifyPeer, servername and lookup hold', async () => {
    const seen: string[] = []
    await using careful = http2Session(
      {},
      {
        onSocket: (socket) => void seen.push(`socket ${socket.bytesWritten}`),
        verifyPeer: (certificate) => void seen.push(String(certificate.subject.CN)),
        lookup: (name, _options, callback) => {
          seen.push(name)
          ;(callback as (error: null, addresses: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }])
        },
        servername: 'localhost',
      },
    )
    await times(3, () => careful.get(`https://somewhere.test:${new URL(server.httpsUrl).port}/get`))
    expect(seen).toEqual(['somewhere.test', 'socket 0', 'localhost'])
  })

  it('an idle connection is closed after limits.idleMs', async () => {
    await using brief = http2Session({ limits: { idleMs: 50 } })
    await brief.get(`${server.httpsUrl}/get`)
    await becomes(() => server.openConnections === 0)
    await brief.get(`${server.httpsUrl}/get`)
    expect(server.connectionCount).toBe(2)
  })

  it('an idle connection makes room for another origin', async () => {
    await using other = await TestServer.start({ http2: true })
    await using narrow = http2Session({ limits: { connections: 1 } })
    for (let round = 0; round < 2; round++)
      for (const { httpsUrl } of [server, other]) await narrow.get(`${httpsUrl}/get`)
    expect([server.connectionCount, other.connectionCount]).toEqual([2, 2])
  })

  it('GOAWAY on an idle connection means a new one', async () => {
    await using raw = await RawHttp2Server.start({ onRequest: (connection, stream) => connection.answer(stream) })
    await session.get(raw.url)
    raw.connections[0]?.goaway(1)
    await becomes(() => raw.open === 0)
    expect((await session.post(raw.url, { data: 'x' })).text).toBe('ok')
    expect(raw.connections).toHaveLength(2)
  })

  it('close() ends what runs, what waits and what is idle, and the adapter goes on', async () => {
    await using raw = await RawHttp2Server.start({
      onConnect: (connection) => connection.settings({ 3: 2 }),
      onRequest: (connection, stream, index) => void (index === 1 && connection.answer(stream)),
    })
    await using narrow = http2Session({ limits: { connectionsPerOrigin: 1 } })
    await narrow.get(raw.url)
    const outcomes = times(5, () => failure(narrow.get(raw.url)))
    await becomes(() => raw.requestCount === 3)
    await within(2000, narrow.close())
    expect((await outcomes).map(({ code }) => code)).toEqual(Array(5).fill('ERR_CLOSED'))
    await becomes(() => raw.open === 0)
    expect((await narrow.get(raw.url)).text).toBe('ok')
  })

  it('what fails for all who wait is each one told of his own request, after one attempt', async () => {
    let attempts = 0
    await using refusing = http2Session({}, { onSocket: () => void attempts++ })
    await using raw = await RawHttp2Server.start({ protocols: ['nothing'] })
    const errors = await times(20, (index) => failure(refusing.get(`${raw.url}/${index}`)))
    expect(errors.map(({ code, request }) => `${code} ${request?.pathUrl}`)).toEqual(
      Array.from({ length: 20 }, (_, index) => `ERR_SSL /${index}`),
    )
    expect(errors[7]?.message).toContain(`GET ${raw.url}/7: `)
    expect(attempts).toBe(1)
  })

  it('those who give up while the connection is opened leave the others alone', async () => {
    await using raw = await RawHttp2Server.start({ onRequest: (connection, stream) => connection.answer(stream) })
    const controller = new AbortController()
    const given = times(10, () => rejection(session.get(raw.url, { signal: controller.signal })))
    const kept = times(10, () => session.get(raw.url))
    setImmediate(() => controller.abort('enough'))
    expect([await given, (await kept).map(({ text }) => text)]).toEqual([
      Array(10).fill('enough'),
      Array(10).fill('ok'),
    ])
  })

  it('the option is a boolean, and not for dispatchers', () => {
    expect(() => new HTTPAdapter({ http2: 'yes' as never })).toThrow(UsageError)
    expect(() => new HTTPAdapter({ http2: true, dispatcher: new MockAgent() })).toThrow(UsageError)
  })
})

/** Waits, in bounded time, until something holds. */
async function becomes(holds: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`it does not become true: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

it('does not keep the process alive when it is idle', async () => {
  const { runChild } = await import('../support/child-process.ts')
  const child = await runChild(
    `const session = new core.Session({ trustEnv: false, verify: input.ca }).mount('https://', new core.HTTPAdapter({ http2: true }))
     report((await session.get(input.url)).statusCode)`,
    { input: { url: `${server.httpsUrl}/get`, ca: testCertificates().ca } },
  )
  expect([child.code, child.reports, child.isKilled]).toEqual([0, [200], false])
})
