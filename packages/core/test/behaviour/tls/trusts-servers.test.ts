import { HTTPAdapter, type HTTPAdapterOptions, type RequestOptions, Session, SSLError, UsageError } from '@entreat/core'
import { type ServerCertificateKind, testCertificates, TestServer } from '@entreat/testkit'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { failure, rejection, signalOf } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

const { ca, client } = testCertificates()
const servers = new Map<ServerCertificateKind, TestServer>()
let folder: string
let session: Session

beforeAll(async () => {
  for (const kind of ['valid', 'expired', 'wrong-host', 'self-signed'] as const)
    servers.set(kind, await TestServer.start({ certificate: kind }))
  folder = mkdtempSync(join(tmpdir(), 'entreat-tls-'))
  writeFileSync(join(folder, 'ca.pem'), ca)
  writeFileSync(join(folder, 'other.pem'), client.cert)
  mkdirSync(join(folder, 'directory'))
  writeFileSync(join(folder, 'directory', 'one.pem'), client.cert)
  writeFileSync(join(folder, 'directory', 'two.pem'), ca)
  writeFileSync(join(folder, 'directory', 'README'), 'not a certificate')
  mkdirSync(join(folder, 'directory', 'nested'))
  symlinkSync('removed.pem', join(folder, 'directory', 'dangling.pem'))
  mkdirSync(join(folder, 'hashed'))
  writeFileSync(join(folder, 'hashed', 'two.pem'), ca)
  symlinkSync('../other.pem', join(folder, 'hashed', '0123abcd.0'))
  mkdirSync(join(folder, 'empty'))
  session = new Session({ trustEnv: false })
})

afterAll(async () => {
  await session.close()
  await Promise.all([...servers.values()].map((server) => server.close()))
  rmSync(folder, { recursive: true, force: true })
})

function get(kind: ServerCertificateKind, options: RequestOptions): Promise<{ statusCode: number }> {
  return session.get(`${(servers.get(kind) as TestServer).httpsUrl}/get`, options)
}

describe('verify', () => {
  it.each<[string, () => NonNullable<RequestOptions['verify']>]>([
    ['a file', () => join(folder, 'ca.pem')],
    ['a directory', () => join(folder, 'directory')],
    ['PEM text', () => ca],
    ['a Buffer', () => Buffer.from(ca)],
    ['several certificates in one text', () => `${client.cert}\n${ca}`],
    ['false', () => false],
  ])('takes %s', async (_what, verify) => {
    const { statusCode } = await get('valid', { verify: verify() })
    expect(statusCode).toBe(200)
  })

  it('true does not trust an authority that the system does not know', async () => {
    const error = await failure(get('valid', { verify: true }))
    expect(error).toBeInstanceOf(SSLError)
    expect([error.code, error.requestBytesSent, error.responseStarted]).toEqual(['ERR_SSL', 0, false])
    expect((error.cause as NodeJS.ErrnoException).code).toBe('SELF_SIGNED_CERT_IN_CHAIN')
  })

  it('does not trust what another authority has signed', async () => {
    expect(await failure(get('valid', { verify: join(folder, 'other.pem') }))).toBeInstanceOf(SSLError)
  })

  it.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-host', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ] as const)('refuses a certificate that is %s', async (kind, code) => {
    const error = await failure(get(kind, { verify: ca }))
    expect(error).toBeInstanceOf(SSLError)
    expect((error.cause as NodeJS.ErrnoException).code).toBe(code)
  })

  it.each(['expired', 'wrong-host', 'self-signed'] as const)('false takes a certificate that is %s', async (kind) => {
    expect((await get(kind, { verify: false })).statusCode).toBe(200)
  })

  it.each([
    ['a path that does not exist', '/nowhere/ca.pem'],
    ['an empty text', ''],
    ['a number', 1],
  ])('refuses %s before it connects', async (_what, verify) => {
    const server = servers.get('valid') as TestServer
    server.reset()
    const error = await failure(get('valid', { verify: verify as string }))
    expect(error).toBeInstanceOf(UsageError)
    expect(server.connectionCount).toBe(0)
  })

  it.each<[string, () => NonNullable<RequestOptions['verify']>]>([
    ['a file', () => join(folder, 'directory', 'README')],
    ['bytes', () => Buffer.from([0x30, 0x82, 1, 2])],
    ['text', () => '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n'],
    ['a directory', () => join(folder, 'empty')],
  ])('refuses %s without a certificate before it connects', async (_what, verify) => {
    const server = servers.get('valid') as TestServer
    server.reset()
    const error = await failure(get('valid', { verify: verify() }))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain('holds no PEM certificate')
    expect(server.connectionCount).toBe(0)
  })

  it('of a directory with hashed names counts those alone, as for OpenSSL', async () => {
    const error = await failure(get('valid', { verify: join(folder, 'hashed') }))
    expect(error).toBeInstanceOf(SSLError)
    symlinkSync('two.pem', join(folder, 'hashed', '89ef0123.0'))
    expect((await get('valid', { verify: join(folder, 'hashed') })).statusCode).toBe(200)
  })

  it('of a file that changes counts for the next connection', async () => {
    const path = join(folder, 'changing.pem')
    const closing = { verify: path, headers: { Connection: 'close' } }
    writeFileSync(path, ca)
    expect((await get('valid', closing)).statusCode).toBe(200)
    writeFileSync(path, client.cert)
    expect(await failure(get('valid', closing))).toBeInstanceOf(SSLError)
  })

  it('of a path that does not exist does not matter for http', async () => {
    const server = servers.get('valid') as TestServer
    expect((await session.get(`${server.url}/get`, { verify: '/nowhere/ca.pem' })).statusCode).toBe(200)
  })
})

describe('the name that TLS is done for', () => {
  interface Named {
    sni: string | false | null
  }

  /** What SNI a server sees. */
  async function sniFor(urlOf: (port: number) => string, options: RequestOptions = {}): Promise<Named> {
    const seen: Named = { sni: null }
    const { server } = testCertificates()
    await using raw = await RawServer.start(
      ({ socket }) => {
        seen.sni = (socket as unknown as { servername: string | false }).servername
        return reply('ok')
      },
      { tls: server },
    )
    await using own = new Session({ trustEnv: false, verify: ca })
    await own.get(urlOf(raw.port), options)
    return seen
  }

  it('is the host of the URL', async () => {
    expect(await sniFor((port) => `https://localhost:${port}/`)).toEqual({ sni: 'localhost' })
  })

  it('is the host of the URL, whatever the Host header says', async () => {
    const named = await sniFor((port) => `https://localhost:${port}/`, { headers: { Host: 'other.test' } })
    expect(named).toEqual({ sni: 'localhost' })
  })

  it('is not sent for an address', async () => {
    expect(await sniFor((port) => `https://127.0.0.1:${port}/`)).toEqual({ sni: false })
  })

  it('is what the certificate is checked for, whatever the Host header says', async () => {
    const error = await failure(
      session.get(`${(servers.get('wrong-host') as TestServer).httpsUrl}/get`, {
        verify: ca,
        headers: { Host: 'wrong.example' },
      }),
    )
    expect(error).toBeInstanceOf(SSLError)
  })
})

describe('the environment', () => {
  let outcomes: Map<string, unknown>

  const script = `
    for (const { name, env, session, request } of input.cases) {
      Object.assign(process.env, env)
      const own = new core.Session(session)
      report([name, await own.get(input.url, request).then(({ statusCode }) => statusCode, (error) => error.name)])
      await own.close()
      for (const key of Object.keys(env)) delete process.env[key]
    }`

  // One process goes through all cases.
  beforeAll(async () => {
    const own = { REQUESTS_CA_BUNDLE: join(folder, 'ca.pem') }
    const foreign = { REQUESTS_CA_BUNDLE: join(folder, 'other.pem') }
    const cases = [
      { name: 'REQUESTS_CA_BUNDLE', env: own },
      { name: 'CURL_CA_BUNDLE', env: { CURL_CA_BUNDLE: join(folder, 'ca.pem') } },
      { name: 'both', env: { ...own, CURL_CA_BUNDLE: join(folder, 'other.pem') } },
      { name: 'empty', env: { REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: join(folder, 'ca.pem') } },
      { name: 'trustEnv: false', env: own, session: { trustEnv: false } },
      { name: 'session', env: own, session: { verify: join(folder, 'other.pem') } },
      { name: 'request', env: foreign, request: { verify: ca } },
      { name: 'missing', env: { REQUESTS_CA_BUNDLE: '/nowhere/ca.pem' } },
      { name: 'verify: false', env: foreign, session: { verify: false } },
    ]
    const url = `${(servers.get('valid') as TestServer).httpsUrl}/get`
    const { reports } = await runChild(script, { input: { url, cases } })
    outcomes = new Map(reports as [string, unknown][])
  })

  it.each([
    ['names authorities by REQUESTS_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 200],
    ['names authorities by CURL_CA_BUNDLE', 'CURL_CA_BUNDLE', 200],
    ['prefers REQUESTS_CA_BUNDLE', 'both', 200],
    ['takes an empty variable for none', 'empty', 200],
    ['is not read with trustEnv: false', 'trustEnv: false', 'SSLError'],
    ['is weaker than verify of the Session', 'session', 'SSLError'],
    ['is weaker than verify of the request', 'request', 200],
    ['that names a bundle that is not there is a UsageError', 'missing', 'UsageError'],
    ['does not turn verification on that the Session has turned off', 'verify: false', 200],
  ])('%s', (_what, name, outcome) => {
    expect(outcomes.get(name)).toBe(outcome)
  })
})

describe('a TLS version that the server does not speak', () => {
  it('is an SSLError', async () => {
    await using old = await TestServer.start({ tlsOptions: { maxVersion: 'TLSv1.2' } })
    await using own = new Session({ trustEnv: false, verify: ca })
    own.mount('https://', new HTTPAdapter({ tls: { minVersion: 'TLSv1.3' } }))
    expect(await failure(own.get(`${old.httpsUrl}/get`))).toBeInstanceOf(SSLError)
  })
})

describe('a server that asks for another handshake', () => {
  /** Renegotiates when a request comes, and tells how that went. */
  async function renegotiate(options: HTTPAdapterOptions): Promise<string | undefined> {
    const told = signalOf<string | undefined>()
    const { server } = testCertificates()
    await using raw = await RawServer.start(
      ({ socket }) => {
        socket.once('error', ({ code }: NodeJS.ErrnoException) => told.fire(code))
        ;(socket as TLSSocket).renegotiate({ rejectUnauthorized: false }, () => told.fire('done'))
      },
      { tls: { ...server, maxVersion: 'TLSv1.2' } },
    )
    const controller = new AbortController()
    await using own = new Session({ trustEnv: false, verify: ca })
    own.mount('https://', new HTTPAdapter(options))
    const call = rejection(own.get(raw.url, { signal: controller.signal }))
    const outcome = await told.promise
    controller.abort('enough')
    await call
    return outcome
  }

  it('gets none: its certificate would not be checked again', async () => {
    expect(await renegotiate({})).toBe('ERR_SSL_NO_RENEGOTIATION')
  })

  it('gets it where secureOptions say so', async () => {
    expect(await renegotiate({ tls: { secureOptions: 0 } })).toBe('done')
  })
})

describe('a server that does not speak TLS', () => {
  it('is an SSLError', async () => {
    const { url } = servers.get('valid') as TestServer
    expect(await failure(session.get(url.replace('http:', 'https:')))).toBeInstanceOf(SSLError)
  })
})

describe('a server that speaks HTTP/2 alone', () => {
  it('is refused with an error that says so', async () => {
    await using server = await RawServer.start(() => reply('ok'), {
      tls: { ...testCertificates().server, ALPNProtocols: ['h2'] },
    })
    const error = await failure(session.get(server.url, { verify: ca }))
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toContain('the server does not speak HTTP/1.1')
  })
})
