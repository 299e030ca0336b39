import { type Cert, Session, SSLError, UsageError } from '@entreat/core'
import { testCertificates, TestProxy, TestServer } from '@entreat/testkit'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { CLIENT_PFX, CLIENT_PFX_PASSPHRASE } from './client-certificate.ts'

const { ca, client, untrustedClient } = testCertificates()
let server: TestServer
let strict: TestServer
let strictOld: TestServer
let folder: string

const path = (name: string): string => join(folder, name)

beforeAll(async () => {
  server = await TestServer.start()
  strict = await TestServer.start({ clientCertificate: 'required' })
  strictOld = await TestServer.start({ clientCertificate: 'required', tlsOptions: { maxVersion: 'TLSv1.2' } })
  folder = mkdtempSync(join(tmpdir(), 'entreat-client-certificate-'))
  writeFileSync(path('cert.pem'), client.cert)
  writeFileSync(path('key.pem'), client.key)
  writeFileSync(path('both.pem'), client.cert + client.key)
  const locked = createPrivateKey(client.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'open',
  })
  writeFileSync(path('locked.pem'), locked)
  writeFileSync(path('client.p12'), CLIENT_PFX)
})

afterAll(async () => {
  await Promise.all([server.close(), strict.close(), strictOld.close()])
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(() => {
  server.reset()
})

/** The name on the client certificate that the server sees. */
async function shown(cert: Cert): Promise<string | null> {
  await using session = new Session({ trustEnv: false, verify: ca, cert })
  const seen = (await session.get(`${server.httpsUrl}/client-certificate`)).json<{ subject: { CN: string } } | null>()
  return seen?.subject.CN ?? null
}

describe('cert', () => {
  it.each<[string, () => Cert]>([
    ['a path to both', () => path('both.pem')],
    ['[cert, key] as paths', () => [path('cert.pem'), path('key.pem')]],
    ['[cert, key] as bytes', () => [Buffer.from(client.cert), Buffer.from(client.key)]],
    ['[cert, key] as text', () => [client.cert, client.key]],
    ['{ cert, key } as paths', () => ({ cert: path('cert.pem'), key: path('key.pem') })],
    ['{ cert } with both', () => ({ cert: path('both.pem') })],
    ['{ cert, key, passphrase }', () => ({ cert: path('cert.pem'), key: path('locked.pem'), passphrase: 'open' })],
    ['PEM text of both', () => client.cert + client.key],
  ])('is taken as %s', async (_what, cert) => {
    expect(await shown(cert())).toBe('entreat test client')
  })

  it('is taken as { pfx, passphrase }', async () => {
    expect(await shown({ pfx: CLIENT_PFX, passphrase: CLIENT_PFX_PASSPHRASE })).toBe('entreat test client')
    expect(await shown({ pfx: path('client.p12'), passphrase: CLIENT_PFX_PASSPHRASE })).toBe('entreat test client')
  })

  it('as { pfx } with a wrong passphrase is an SSLError', async () => {
    await using session = new Session({ trustEnv: false, verify: ca })
    const cert = { pfx: CLIENT_PFX, passphrase: 'shut' }
    expect(await failure(session.get(`${server.httpsUrl}/get`, { cert }))).toBeInstanceOf(SSLError)
  })

  it.each<[string, () => Cert]>([
    ['a path that does not exist', () => '/nowhere/client.pem'],
    ['a key that does not exist', () => [path('cert.pem'), '/nowhere/key.pem']],
  ])('refuses %s before it connects', async (_what, cert) => {
    await using session = new Session({ trustEnv: false, verify: ca })
    const error = await failure(session.get(`${server.httpsUrl}/get`, { cert: cert() }))
    expect(error).toBeInstanceOf(UsageError)
    expect(server.connectionCount).toBe(0)
  })

  it.each<[string, () => Cert]>([
    ['a key that does not fit', () => [client.cert, untrustedClient.key]],
    ['a locked key without its passphrase', () => [client.cert, path('locked.pem')]],
    ['a wrong passphrase', () => ({ cert: client.cert, key: path('locked.pem'), passphrase: 'shut' })],
    ['bytes that are no certificate', () => [Buffer.from('nonsense'), Buffer.from('nonsense')]],
  ])('with %s is an SSLError', async (_what, cert) => {
    await using session = new Session({ trustEnv: false, verify: ca })
    const error = await failure(session.get(`${server.httpsUrl}/get`, { cert: cert() }))
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).not.toContain('shut')
  })

  it.each<[string, unknown]>([
    ['a number', 1],
    ['bytes alone', Buffer.from(client.cert + client.key)],
    ['a list of one', [client.cert]],
    ['a list of three', [client.cert, client.key, 'open']],
    ['a list with a number', [client.cert, 1]],
    ['an empty object', {}],
    ['a key alone', { key: client.key }],
    ['a certificate and a PFX', { cert: client.cert, key: client.key, pfx: CLIENT_PFX }],
    ['a number as certificate', { cert: 1 }],
    ['a number as passphrase', { cert: client.cert, key: client.key, passphrase: 1 }],
    ['a misspelt name', { crt: client.cert, key: client.key }],
  ])('refuses %s before it connects', async (_what, cert) => {
    await using session = new Session({ trustEnv: false, verify: ca })
    const error = await failure(session.get(`${server.httpsUrl}/get`, { cert: cert as Cert }))
    expect(error).toBeInstanceOf(UsageError)
    expect(server.connectionCount).toBe(0)
  })

  it('names the option that a misspelt one may stand for', async () => {
    await using session = new Session({ trustEnv: false, verify: ca })
    const cert = { crt: client.cert, key: client.key } as unknown as Cert
    expect((await failure(session.get(`${server.httpsUrl}/get`, { cert }))).message).toContain('Did you mean "cert"?')
  })

  it('that cannot be used is refused before an https proxy is asked', async () => {
    await using proxy = await TestProxy.start({ tls: true })
    await using session = new Session({ trustEnv: false, verify: ca, proxies: { all: proxy.url } })
    const cert = { cert: client.cert, key: path('locked.pem'), passphrase: 'shut' }
    for (const url of [server.url, server.httpsUrl])
      expect(await failure(session.get(`${url}/get`, { cert }))).toBeInstanceOf(SSLError)
    expect(proxy.connectionCount).toBe(0)
  })

  it('takes passphrase: undefined for none', async () => {
    const cert: object = { cert: client.cert, key: client.key, passphrase: undefined }
    expect(await shown(cert as Cert)).toBe('entreat test client')
  })
})

describe.each([
  ['TLS 1.3', () => strict],
  ['TLS 1.2', () => strictOld],
])('a server that wants a client certificate, over %s', (_version, which) => {
  it('is satisfied with one of its authority', async () => {
    await using session = new Session({ trustEnv: false, verify: ca, cert: [client.cert, client.key] })
    expect((await session.get(`${which().httpsUrl}/get`)).statusCode).toBe(200)
  })

  it('refuses a client without one by an SSLError, and is not asked again', async () => {
    which().reset()
    await using session = new Session({ trustEnv: false, verify: ca })
    const error = await within(3000, failure(session.get(`${which().httpsUrl}/get`)))
    expect(error).toBeInstanceOf(SSLError)
    expect(which().connectionCount).toBe(1)
  })

  it('refuses a client without one by an SSLError, for a POST with a body too', async () => {
    await using session = new Session({ trustEnv: false, verify: ca })
    const error = await within(3000, failure(session.post(`${which().httpsUrl}/post`, { data: 'x'.repeat(100_000) })))
    expect(error).toBeInstanceOf(SSLError)
  })
})

describe('a server that knows another authority than that of the client certificate', () => {
  it('refuses it by an SSLError that speaks of the client certificate', async () => {
    const cert = [untrustedClient.cert, untrustedClient.key] as const
    await using session = new Session({ trustEnv: false, verify: ca, cert })
    const error = await within(3000, failure(session.get(`${strict.httpsUrl}/get`)))
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toContain('client certificate')
  })
})
