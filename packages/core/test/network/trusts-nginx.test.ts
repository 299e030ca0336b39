import { HTTPAdapter, type HTTPAdapterOptions, type RequestOptions, Session, SSLError } from '@entreat/core'
import { readFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type LabNginx,
  type LabSquid,
  NetworkLab,
  networkLabProblem,
  type NginxFace,
  type NginxView,
} from '../../../../lab/network/network-lab.ts'
import { failure } from '../behaviour/support/failure.ts'

const problem = networkLabProblem('nginx', 'squid')
let lab: NetworkLab
let nginx: LabNginx
let squid: LabSquid

beforeAll(async () => {
  if (problem !== null) return
  lab = await NetworkLab.open()
  ;[nginx, squid] = await Promise.all([lab.startNginx(), lab.startSquid('open')])
})

beforeEach((context) => {
  if (problem !== null) context.skip(problem)
})

afterAll(() => lab?.stop())

/** Every way to an origin: TLS is the same on all of them. */
const ROUTES: readonly (readonly [name: string, proxies: () => Record<string, string>])[] = [
  ['directly', () => ({})],
  ['through a tunnel', () => ({ https: squid.url })],
  ['through a tunnel in TLS', () => ({ https: squid.tlsUrl })],
]

async function get(url: string, options: RequestOptions & { adapter?: HTTPAdapterOptions } = {}): Promise<NginxView> {
  const { adapter = {}, ...own } = options
  await using session = new Session({ trustEnv: false, verify: lab.certificates.ca })
  session.mount('https://', new HTTPAdapter(adapter))
  return (await session.get(url, own)).raiseForStatus().json<NginxView>()
}

describe.each(ROUTES)('%s, nginx', (_route, proxies) => {
  it.each(['valid', 'chained', 'tls12', 'tls13', 'nameOnly'] as const)('is trusted as %s', async (face) => {
    expect(await get(nginx.url(face), { proxies: proxies() })).toMatchObject({ sni: 'localhost', verified: 'NONE' })
  })

  const refusals: readonly (readonly [face: NginxFace, code: string | RegExp, message: string])[] = [
    ['expired', 'CERT_HAS_EXPIRED', "certificate has expired: or this machine's clock is wrong"],
    ['notYetValid', 'CERT_NOT_YET_VALID', 'certificate is not yet valid'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'verify can name the certificate itself'],
    ['incomplete', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the server leaves out an intermediate certificate'],
    ['wrongHost', 'ERR_TLS_CERT_ALTNAME_INVALID', 'DNS:wrong.test'],
    ['addressOnly', 'ERR_TLS_CERT_ALTNAME_INVALID', 'does not contain a DNS name'],
    ['commonName', 'ERR_TLS_CERT_ALTNAME_INVALID', 'does not contain a DNS name'],
    ['tls11', /PROTOCOL|SIGALG|INTERNAL/, 'TLS failed'],
  ]

  it.each(refusals)('is an SSLError as %s', async (face, code, message) => {
    const error = await failure(get(nginx.url(face), { proxies: proxies() }))
    expect(error).toBeInstanceOf(SSLError)
    expect([error.code, error.requestBytesSent, error.responseStarted]).toEqual(['ERR_SSL', 0, false])
    expect((error.cause as NodeJS.ErrnoException).code).toMatch(code)
    expect(error.message).toContain(message)
    expect(error.message).toContain(`GET ${nginx.url(face)}`)
    expect(error.message).not.toContain('\n')
  })

  it.each(['expired', 'selfSigned', 'incomplete', 'wrongHost', 'commonName'] as const)(
    'is taken as %s with verify: false',
    async (face) => {
      expect((await get(nginx.url(face), { proxies: proxies(), verify: false })).tls).toBe('TLSv1.3')
    },
  )

  it('is asked for by SNI with servername, whatever its address in the URL', async () => {
    const byAddress = `https://127.0.0.1:${nginx.port('byName')}/`
    expect(await failure(get(byAddress, { proxies: proxies() }))).toBeInstanceOf(SSLError)
    const view = await get(byAddress, { proxies: proxies(), adapter: { servername: 'localhost' } })
    expect(view).toMatchObject({ sni: 'localhost', host: `127.0.0.1:${nginx.port('byName')}` })
  })

  it('is known by its fingerprint, also without verify', async () => {
    const { fingerprint256 } = new X509Certificate(readFileSync(lab.certificates.servers.selfSigned.cert))
    const pinned: HTTPAdapterOptions = {
      verifyPeer: (certificate, _socket, peer) => {
        if (peer === 'origin' && certificate.fingerprint256 !== fingerprint256) throw new Error('another certificate')
      },
    }
    const options = { proxies: proxies(), verify: false, adapter: pinned }
    expect((await get(nginx.url('selfSigned'), options)).tls).toBe('TLSv1.3')
    const error = await failure(get(nginx.url('valid'), options))
    expect([error.message.includes('another certificate'), error.requestBytesSent]).toEqual([true, 0])
  })
})

describe('verify', () => {
  it.each<[string, () => NonNullable<RequestOptions['verify']>]>([
    ['a file', () => lab.certificates.ca],
    ['a directory with hashed names', () => lab.certificates.hashedFolder],
    ['PEM text', () => readFileSync(lab.certificates.ca, 'utf8')],
    ['bytes', () => readFileSync(lab.certificates.ca)],
  ])('is taken as %s', async (_what, verify) => {
    expect((await get(nginx.url('valid'), { verify: verify() })).tls).toBe('TLSv1.3')
  })

  it('with the intermediate authority makes up for a server that leaves it out', async () => {
    const { ca, intermediate } = lab.certificates
    const verify = readFileSync(ca, 'utf8') + readFileSync(intermediate, 'utf8')
    expect((await get(nginx.url('incomplete'), { verify })).tls).toBe('TLSv1.3')
  })

  it('takes a self-signed certificate that it names', async () => {
    const verify = lab.certificates.servers.selfSigned.cert
    expect((await get(nginx.url('selfSigned'), { verify })).tls).toBe('TLSv1.3')
    expect(await failure(get(nginx.url('valid'), { verify }))).toBeInstanceOf(SSLError)
  })

  it('does not take an authority of the same kind and another key', async () => {
    const error = await failure(get(nginx.url('valid'), { verify: lab.certificates.otherCa }))
    expect(error).toBeInstanceOf(SSLError)
  })
})

describe('the name in a certificate', () => {
  const everywhere: LookupFunction = (_host, options, callback) => {
    if (options.all === true) (callback as (e: null, a: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }])
    else callback(null, '127.0.0.1', 4)
  }

  it.each<[host: string, face: NginxFace, fits: boolean]>([
    ['wrong.test', 'wrongHost', true],
    ['WRONG.test', 'wrongHost', true],
    ['wrong.test.', 'wrongHost', true],
    ['one.wild.test', 'wrongHost', true],
    ['wild.test', 'wrongHost', false],
    ['one.two.wild.test', 'wrongHost', false],
    ['notwrong.test', 'wrongHost', false],
    ['127.0.0.1', 'addressOnly', true],
    ['127.0.0.1', 'nameOnly', false],
    ['127.0.0.2', 'addressOnly', false],
    ['localhost', 'addressOnly', false],
  ])('is compared with %s on %s: %s', async (host, face, fits) => {
    const url = `https://${host}:${nginx.port(face)}/`
    // Nobody listens on other addresses than 127.0.0.1: the name is what counts.
    const call = get(url, { adapter: { lookup: everywhere, ...(host === '127.0.0.2' ? { servername: host } : {}) } })
    if (host === '127.0.0.2') return expect(await failure(call)).toMatchObject({ requestBytesSent: 0 })
    if (fits) expect((await call).sni).toBe(/^[0-9.]+$/.test(host) ? '' : host.toLowerCase().replace(/\.$/, ''))
    else expect(await failure(call)).toBeInstanceOf(SSLError)
  })
})

describe('versions of TLS', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('can be held to %s', async (version) => {
    const adapter: HTTPAdapterOptions = { tls: { minVersion: version, maxVersion: version } }
    expect((await get(nginx.url('valid'), { adapter })).tls).toBe(version)
  })

  it.each<[face: NginxFace, tls: NonNullable<HTTPAdapterOptions['tls']>]>([
    ['tls12', { minVersion: 'TLSv1.3' }],
    ['tls13', { maxVersion: 'TLSv1.2' }],
  ])('that do not meet on %s are an SSLError that says so', async (face, tls) => {
    const error = await failure(get(nginx.url(face), { adapter: { tls } }))
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toContain('no TLS version is allowed on both sides')
  })

  it('of long ago can be allowed', async () => {
    const tls = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    expect((await get(nginx.url('tls11'), { adapter: { tls } })).tls).toBe('TLSv1.1')
  })
})

describe('connections', () => {
  it('are not resumed, so that each shows the whole certificate', async () => {
    const seen: number[] = []
    const adapter: HTTPAdapterOptions = { verifyPeer: ({ raw }) => void seen.push(raw.length) }
    await using session = new Session({ trustEnv: false, verify: lab.certificates.ca })
    session.mount('https://', new HTTPAdapter(adapter))
    for (const face of ['tls12', 'tls12', 'tls13', 'tls13'] as const) {
      expect((await session.get(nginx.url(face), { headers: { Connection: 'close' } })).json()).toMatchObject({
        resumed: '.',
        requests: '1',
      })
    }
    expect(seen.length).toBe(4)
    expect(Math.min(...seen)).toBeGreaterThan(300)
  })

  it('that were not verified serve nobody who verifies', async () => {
    await using session = new Session({ trustEnv: false })
    const { ca } = lab.certificates
    const url = nginx.url('wrongHost')
    expect((await session.get(url, { verify: false })).statusCode).toBe(200)
    expect(await failure(session.get(url, { verify: ca }))).toBeInstanceOf(SSLError)
    expect(await failure(session.get(url))).toBeInstanceOf(SSLError)
    expect((await session.get(url, { verify: false })).json<NginxView>().requests).toBe('2')
  })

  it('are kept', async () => {
    await using session = new Session({ trustEnv: false, verify: lab.certificates.ca })
    const views: NginxView[] = []
    for (let at = 0; at < 20; at++) views.push((await session.get(nginx.url('valid'))).json())
    expect(new Set(views.map(({ connection }) => connection)).size).toBe(1)
    expect(views.at(-1)?.requests).toBe('20')
  })
})
