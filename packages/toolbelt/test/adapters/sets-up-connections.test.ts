import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import {
  HTTPAdapter,
  type RequestOptions,
  type Response,
  Session,
  SSLError,
  type TransportAdapter,
  UsageError,
} from '@entreat/core'
import { adapterSuite, HTTP_CAPABILITIES, httpTarget, testCertificates, TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  FingerprintAdapter,
  HostHeaderSSLAdapter,
  NetworkAdapter,
  type NetworkAdapterOptions,
  SocketOptionsAdapter,
  SourceAddressAdapter,
  SSLAdapter,
  TCPKeepAliveAdapter,
  X509Adapter,
} from '@entreat/toolbelt/adapters'
import { failure } from '../support/failure.ts'
import { socketNumber } from './socket-number.ts'

const { ca, server: pair, client, untrustedClient } = testCertificates()
let server: TestServer
let proxy: TestProxy
let tlsProxy: TestProxy
beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
  tlsProxy = await TestProxy.start({ tls: true })
})
afterAll(() => Promise.all([server.close(), proxy.close(), tlsProxy.close()]))

/** Every way to reach an origin over TLS. */
const ways: [way: string, proxies: () => Record<string, string>][] = [
  ['directly', () => ({})],
  ['through a proxy', () => ({ all: proxy.url })],
  ['through an https proxy', () => ({ all: tlsProxy.url })],
]

async function fetch(
  adapter: TransportAdapter,
  url: string,
  proxies: Record<string, string> = {},
  options: RequestOptions = {},
): Promise<Response> {
  await using session = new Session({ trustEnv: false, proxies, verify: ca })
  session.mount('http://', adapter)
  session.mount('https://', adapter)
  return await session.get(url, options)
}

const certificate = new X509Certificate(pair.cert)
const sha256 = certificate.fingerprint256
const spki = `sha256/${createHash('sha256')
  .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64')}`
const other = new X509Certificate(client.cert).fingerprint256

describe.each(ways)('%s', (_way, proxies) => {
  test.each([
    ['the SHA-256 with colons', sha256],
    ['without colons, in lower case', sha256.replaceAll(':', '').toLowerCase()],
    ['the key', spki],
  ])('FingerprintAdapter accepts %s', async (_what, fingerprint) => {
    expect((await fetch(new FingerprintAdapter(fingerprint), `${server.httpsUrl}/get`, proxies())).statusCode).toBe(200)
  })

  test('FingerprintAdapter refuses another certificate before a byte is sent, also with verify: false', async () => {
    server.reset()
    for (const verify of [ca, false]) {
      const error = await failure(
        fetch(new FingerprintAdapter([other, spki.replace(/...=$/, 'AAA=')]), `${server.httpsUrl}/get`, proxies(), {
          verify,
        }),
      )
      expect(error).toBeInstanceOf(SSLError)
      expect(error.message).toContain('none of the fingerprints')
    }
    expect(server.requests).toEqual([])
  })

  test('FingerprintAdapter takes the place of the authorities with verify: false', async () => {
    const response = await fetch(new FingerprintAdapter(sha256), `${server.httpsUrl}/get`, proxies(), { verify: false })
    expect(response.statusCode).toBe(200)
  })

  test('SSLAdapter speaks the version that it is told', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { version: spoken } = (await fetch(new SSLAdapter(version), `${server.httpsUrl}/tls`, proxies())).json<{
        version: string
      }>()
      expect(spoken).toBe(version)
    }
  })

  test('HostHeaderSSLAdapter does TLS for the name in the Host header', async () => {
    const { port } = new URL(server.httpsUrl)
    const response = await fetch(new HostHeaderSSLAdapter(), `https://127.0.0.1:${port}/tls`, proxies(), {
      headers: { Host: 'localhost:1' },
    })
    expect(response.json<{ servername: string }>().servername).toBe('localhost')
    expect(
      await failure(
        fetch(new HostHeaderSSLAdapter(), `${server.httpsUrl}/tls`, proxies(), { headers: { Host: 'other.test' } }),
      ),
    ).toBeInstanceOf(SSLError)
  })

  test('X509Adapter shows its certificate', async () => {
    const response = await fetch(new X509Adapter(client), `${server.httpsUrl}/client-certificate`, proxies())
    expect(JSON.stringify(response.json())).toContain('entreat test client')
  })

  test('SourceAddressAdapter connects from its address', async (context) => {
    if (process.platform !== 'linux') context.skip('127.0.0.2 is an address of this machine on Linux alone')
    const { origin } = (
      await fetch(new SourceAddressAdapter('127.0.0.2'), `${server.url.replace('localhost', '127.0.0.1')}/ip`, {})
    ).json<{ origin: string }>()
    expect(origin).toBe('127.0.0.2')
  })
})

describe('fingerprints', () => {
  test.each([
    ['MD5', 'aa'.repeat(16), /MD5 or SHA-1/],
    ['SHA-1', `${'AA:'.repeat(19)}AA`, /MD5 or SHA-1/],
    ['nonsense', 'whale', /is no fingerprint/],
    ['an empty list', [], /at least one/],
  ])('%s is refused', (_what, fingerprints, message) => {
    expect(() => new FingerprintAdapter(fingerprints)).toThrow(UsageError)
    expect(() => new FingerprintAdapter(fingerprints)).toThrow(message)
  })
})

describe('HostHeaderSSLAdapter', () => {
  test('keeps connections for different names apart, and uses the URL where there is no header', async () => {
    const own = await TestServer.start()
    const { port } = new URL(own.httpsUrl)
    await using session = new Session({ trustEnv: false, verify: ca })
    session.mount('https://', new HostHeaderSSLAdapter())
    const names: (string | false | undefined)[] = []
    for (const headers of [{ Host: 'localhost' }, {}, { Host: 'LOCALHOST:99' }, {}]) {
      names.push(
        (await session.get(`https://127.0.0.1:${port}/tls`, { headers })).json<{ servername: string | false }>()
          .servername,
      )
    }
    expect([names.map((name) => name || 'none'), own.connectionCount]).toEqual([
      ['localhost', 'none', 'localhost', 'none'],
      2,
    ])
    await own.close()
  })

  test('is safe for concurrent use', async () => {
    const { port } = new URL(server.httpsUrl)
    await using session = new Session({ trustEnv: false, verify: ca })
    session.mount('https://', new HostHeaderSSLAdapter())
    const right = Array.from({ length: 20 }, () =>
      session.get(`https://127.0.0.1:${port}/tls`, { headers: { Host: 'localhost' } }),
    )
    const wrong = Array.from({ length: 20 }, () =>
      failure(session.get(`https://127.0.0.1:${port}/tls`, { headers: { Host: 'other.test' } })),
    )
    expect((await Promise.all(right)).every(({ ok }) => ok)).toBe(true)
    expect((await Promise.all(wrong)).every((error) => error instanceof SSLError)).toBe(true)
  })
})

describe('X509Adapter', () => {
  const shown = async (adapter: X509Adapter): Promise<string> =>
    JSON.stringify((await fetch(adapter, `${server.httpsUrl}/client-certificate`)).json())
  const der = new X509Certificate(client.cert).raw
  const key = createPrivateKey(client.key)

  test.each([
    ['PEM bytes', { cert: Buffer.from(client.cert), key: Buffer.from(client.key) }],
    ['DER', { cert: der, key: key.export({ type: 'pkcs8', format: 'der' }) }],
    ['a SEC 1 key', { cert: der, key: key.export({ type: 'sec1', format: 'der' }) }],
    [
      'an encrypted key',
      {
        cert: client.cert,
        key: key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 's3cret' }),
        passphrase: 's3cret',
      },
    ],
  ])('takes %s', async (_what, given) => {
    expect(await shown(new X509Adapter(given))).toContain('entreat test client')
  })

  const expired = testCertificates('expired').server
  test.each([
    ['an expired certificate', expired, /expired on/],
    ['a key of another', { cert: client.cert, key: untrustedClient.key }, /does not belong/],
    [
      'a wrong passphrase',
      {
        cert: client.cert,
        key: key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 's3cret' }),
        passphrase: 'other',
      },
      /passphrase is wrong/,
    ],
    ['null', { cert: null, key: client.key }, /must be text or bytes, not null/],
    ['a number', { cert: client.cert, key: 5 }, /must be text or bytes, not number/],
    ['nonsense', { cert: 'whale', key: client.key }, /is no X\.509 certificate/],
    ['an unknown option', { cert: client.cert, key: client.key, passphras: 'x' }, /Did you mean "passphrase"/],
  ])('refuses %s', (_what, given, message) => {
    const make = (): X509Adapter => new X509Adapter(given as never)
    expect(make).toThrow(UsageError)
    expect(make).toThrow(message)
  })
})

describe('sockets', () => {
  const onLinux = process.platform === 'linux'

  test('SourceAddressAdapter takes a port, and a second connection then fails', async () => {
    const local = createServer()
    await new Promise<void>((resolve) => local.listen(0, '127.0.0.1', resolve))
    const { port } = local.address() as AddressInfo
    await new Promise((resolve) => local.close(resolve))
    await using session = new Session({ trustEnv: false })
    session.mount('http://', new SourceAddressAdapter(['127.0.0.1', port]))
    const busy = await session.get(`${server.url}/download/10000000`, { stream: true })
    expect(server.requests.at(-1)?.remotePort).toBe(port)
    const error = await failure(session.get(`${server.url}/get`))
    // Linux says the one where the destination is the same, and the other where it is not.
    expect(['EADDRINUSE', 'EADDRNOTAVAIL']).toContain((error.cause as NodeJS.ErrnoException).code)
    busy.close()
  })

  test.each([5, null, [5], {}])('SourceAddressAdapter refuses %j', (source) => {
    expect(() => new SourceAddressAdapter(source as never)).toThrow()
  })

  test('TCPKeepAliveAdapter sets idle time, interval and count', async (context) => {
    if (!onLinux) context.skip('the numbers of the options are those of Linux')
    const seen: number[] = []
    const adapter = new NetworkAdapter({
      socket: {
        keepAlive: { idleMs: 61_000, intervalMs: 21_000, count: 4 },
        onSocket: (socket) =>
          seen.push(
            ...[
              [1, 9],
              [6, 4],
              [6, 5],
              [6, 6],
            ].map(([level, name]) => socketNumber(socket, level as number, name as number)),
          ),
      },
    })
    await fetch(adapter, `${server.url}/get`)
    expect(seen).toEqual([1, 61, 21, 4])
    await fetch(new TCPKeepAliveAdapter({ idleMs: 5000 }), `${server.url}/get`)
    await fetch(new TCPKeepAliveAdapter(), `${server.url}/get`)
  })

  test.each([{ idleMs: 5 }, { intervalMs: -1 }, { count: 0 }, { count: 1.5 }, { idle: 60 }])(
    'TCPKeepAliveAdapter refuses %j',
    (keepAlive) => {
      expect(() => new TCPKeepAliveAdapter(keepAlive as never)).toThrow(UsageError)
    },
  )

  test.each(ways)('SocketOptionsAdapter sets what it is told %s', async (_way, proxies) => {
    if (!onLinux) return
    // SOL_SOCKET, SO_RCVBUF and SO_PRIORITY.
    const options = [
      [1, 8, 100_000],
      [1, 12, 3],
    ] as const
    const seen: number[] = []
    const reading = new NetworkAdapter({
      socket: { options, onSocket: (socket) => seen.push(socketNumber(socket, 1, 8), socketNumber(socket, 1, 12)) },
    })
    await fetch(reading, `${server.httpsUrl}/get`, proxies())
    // Linux doubles what it is told (socket(7)).
    expect(seen).toEqual([200_000, 3])
    await fetch(new SocketOptionsAdapter(options), `${server.httpsUrl}/get`, proxies())
  })

  test('SocketOptionsAdapter fails with the error of the system', async (context) => {
    if (!onLinux) context.skip('the numbers of the options are those of Linux')
    const error = await failure(fetch(new SocketOptionsAdapter([[1, 9999, 1]]), `${server.url}/get`))
    expect((error.cause as Error).message).toMatch(/setsockopt\(1, 9999\) failed with error 92/)
  })

  test.each([[[[1, 2]]], [[['SOL_SOCKET', 1, 1]]], [[5]]])('SocketOptionsAdapter refuses %j', (options) => {
    expect(() => new SocketOptionsAdapter(options as never)).toThrow(UsageError)
  })

  test('noDelay can be turned off', async (context) => {
    if (!onLinux) context.skip('the numbers of the options are those of Linux')
    const seen: number[] = []
    for (const noDelay of [true, false]) {
      await fetch(
        new NetworkAdapter({ socket: { noDelay, onSocket: (socket) => seen.push(socketNumber(socket, 6, 1)) } }),
        `${server.url}/get`,
      )
    }
    expect(seen).toEqual([1, 0])
  })
})

describe('NetworkAdapter', () => {
  test('takes everything at once', async () => {
    const options: NetworkAdapterOptions = {
      tls: {
        minVersion: 'TLSv1.3',
        ca,
        cert: client.cert,
        key: client.key,
        servername: 'localhost',
        fingerprints: [sha256],
      },
      socket: { localAddress: '127.0.0.1', keepAlive: true, noDelay: true },
      limits: { connectionsPerOrigin: 2 },
    }
    const { port } = new URL(server.httpsUrl)
    const response = await fetch(
      new NetworkAdapter(options),
      `https://127.0.0.1:${port}/client-certificate`,
      { all: proxy.url },
      { verify: true },
    )
    expect(JSON.stringify(response.json())).toContain('entreat test client')
  })

  test.each([
    [{ tls: { minVersion: 'SSLv3' } }, /no TLS version/],
    [{ tls: { minVersio: 'TLSv1.2' } }, /Did you mean "minVersion"/],
    [{ socket: { localAdress: 'x' } }, /Did you mean "localAddress"/],
    [{ socket: { localPort: 70_000 } }, /must be a port/],
    [{ tsl: {} }, /Did you mean "tls"/],
  ])('refuses %j', (options, message) => {
    expect(() => new NetworkAdapter(options as never)).toThrow(UsageError)
    expect(() => new NetworkAdapter(options as never)).toThrow(message)
  })

  test('is an HTTPAdapter', () => {
    expect(new NetworkAdapter()).toBeInstanceOf(HTTPAdapter)
  })
})

adapterSuite({
  name: 'HostHeaderSSLAdapter',
  runner: { describe, test },
  create: () => new HostHeaderSSLAdapter(),
  capabilities: HTTP_CAPABILITIES,
  target: () => httpTarget(server, { secure: true, proxy }),
})
