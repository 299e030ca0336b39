import { type Cert, ProxyError, Session, SSLError } from '@entreat/core'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type LabNginx,
  type LabSquid,
  type NetworkCertificates,
  NetworkLab,
  networkLabProblem,
  type NginxFace,
  type NginxView,
  passphrase,
} from '../../../../lab/network/network-lab.ts'
import { failure } from '../behaviour/support/failure.ts'

const problem = networkLabProblem('nginx', 'squid', 'tinyproxy', 'stunnel')
let lab: NetworkLab
let nginx: LabNginx
let squid: LabSquid
/** A proxy that wants a client certificate itself. */
let strictProxy: string

beforeAll(async () => {
  if (problem !== null) return
  lab = await NetworkLab.open()
  const tinyproxy = lab.startTinyproxy()
  ;[nginx, squid, strictProxy] = await Promise.all([
    lab.startNginx(),
    lab.startSquid('open'),
    tinyproxy.then(({ url }) => lab.startStunnel(url)),
  ])
})

beforeEach((context) => {
  if (problem !== null) context.skip(problem)
})

afterAll(() => lab?.stop())

async function get(face: NginxFace, cert: Cert | null, proxies: Record<string, string> = {}): Promise<NginxView> {
  await using session = new Session({ trustEnv: false, verify: lab.certificates.ca, proxies })
  if (cert !== null) session.cert = cert
  return (await session.get(nginx.url(face))).raiseForStatus().json<NginxView>()
}

const bytes = (path: string): Buffer => readFileSync(path)
const text = (path: string): string => readFileSync(path, 'utf8')

/** Every shape of the same certificate. */
const shapes: readonly (readonly [name: string, cert: (client: NetworkCertificates['client']) => Cert])[] = [
  ['a path to both', ({ combined }) => combined],
  ['PEM text of both', ({ combined }) => text(combined)],
  ['two paths', ({ cert, key }) => [cert, key]],
  ['two texts', ({ cert, key }) => [text(cert), text(key)]],
  ['bytes', ({ cert, key }) => ({ cert: bytes(cert), key: bytes(key) })],
  ['an encrypted key', ({ cert, encryptedKey: key }) => ({ cert, key, passphrase })],
  ['a key encrypted in the older form', ({ cert, encryptedKeyLegacy: key }) => ({ cert, key, passphrase })],
  ['one file with an encrypted key', ({ encryptedCombined: cert }) => ({ cert, passphrase })],
  ['a PFX file', ({ pfx }) => ({ pfx, passphrase })],
  ['bytes of a PFX file', ({ pfx }) => ({ pfx: bytes(pfx), passphrase })],
]

describe('nginx knows the client', () => {
  it.each(shapes)('by %s', async (_shape, cert) => {
    const view = await get('mutual', cert(lab.certificates.client))
    expect(view).toMatchObject({ verified: 'SUCCESS', client: 'CN=alice' })
  })

  it.each([
    ['a tunnel', () => squid.url],
    ['a tunnel in TLS', () => squid.tlsUrl],
  ])('through %s', async (_route, proxy) => {
    const view = await get('mutual', lab.certificates.client.combined, { https: proxy() })
    expect(view).toMatchObject({ verified: 'SUCCESS', client: 'CN=alice' })
  })

  it('not at all without a certificate, and says so', async () => {
    await using session = new Session({ trustEnv: false, verify: lab.certificates.ca })
    const response = await session.get(nginx.url('mutual'))
    expect([response.statusCode, response.text.includes('No required SSL certificate')]).toEqual([400, true])
  })

  it('by the certificate of each request, never by that of another', async () => {
    const { client, secondClient } = lab.certificates
    const [alice, bob] = [client.combined, [secondClient.cert, secondClient.key] as const]
    await using session = new Session({ trustEnv: false, verify: lab.certificates.ca })
    const views: NginxView[] = []
    for (const cert of [null, alice, bob, null, alice, bob])
      views.push((await session.get(nginx.url('optional'), cert === null ? {} : { cert })).json())
    const names = ['', 'CN=alice', 'CN=bob']
    expect(views.map((view) => view.client)).toEqual([...names, ...names])
    expect(new Set(views.map(({ connection }) => connection)).size).toBe(3)
    expect(views.map(({ requests }) => requests)).toEqual(['1', '1', '1', '2', '2', '2'])
  })
})

describe('a client certificate that cannot be used is an SSLError that says why', () => {
  it.each<[string, (made: NetworkCertificates) => Cert, string]>([
    [
      'a wrong passphrase',
      ({ client }) => ({ cert: client.cert, key: client.encryptedKey, passphrase: 'Wr0ng' }),
      'the key of the client certificate does not open with this passphrase',
    ],
    ['no passphrase', ({ client }) => [client.cert, client.encryptedKey], 'is encrypted: cert needs its passphrase'],
    [
      'a wrong passphrase of a PFX file',
      ({ client }) => ({ pfx: client.pfx, passphrase: 'Wr0ng' }),
      'the client certificate (pfx) does not open with this passphrase',
    ],
    ['no passphrase of a PFX file', ({ client }) => ({ pfx: client.pfx }), 'is encrypted: cert needs its passphrase'],
    [
      'the key of somebody else',
      ({ client, secondClient }) => [client.cert, secondClient.key],
      'the key does not belong to the client certificate',
    ],
    ['a certificate without a key', ({ client }) => client.cert, 'cert holds no usable certificate and key'],
    ['something else', () => [Buffer.from('nonsense'), Buffer.from('nonsense')], 'cert holds no usable'],
    ['something else as PFX', () => ({ pfx: Buffer.from('nonsense') }), 'cert holds no usable certificate and key'],
  ])('for %s', async (_what, cert, message) => {
    for (const proxy of [null, squid.url, squid.tlsUrl]) {
      const proxies: Record<string, string> = proxy === null ? {} : { https: proxy }
      await squid.log.clear()
      const error = await failure(get('mutual', cert(lab.certificates), proxies))
      expect(error).toBeInstanceOf(SSLError)
      expect(error.message).toContain(message)
      expect(`${error.message} ${String(error.stack)}`).not.toContain('Wr0ng')
      expect(await squid.log.requests()).toEqual([])
    }
  })
})

describe('a proxy that wants a client certificate', () => {
  it.each(['plain', 'tls12', 'tls13'] as const)('carries %s for those who have one', async (face) => {
    const view = await get(face, lab.certificates.client.combined, { all: strictProxy })
    expect(view.host).toContain('localhost')
  })

  it.each(['plain', 'tls13'] as const)('is a ProxyError for %s without one, and says so', async (face) => {
    for (const cert of [null, [lab.certificates.strangeClient.cert, lab.certificates.strangeClient.key] as const]) {
      const error = await failure(get(face, cert, { all: strictProxy }))
      expect(error).toBeInstanceOf(ProxyError)
      expect(error.message).toContain('client certificate')
    }
  })
})
