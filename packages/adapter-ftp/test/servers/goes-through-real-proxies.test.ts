import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ftpSession, type FTPSession, type FTPSessionOptions } from '@entreat/adapter-ftp'
import { DigestAuth, HTTPError, ProxyError } from '@entreat/core'
import { seededBytes, testCertificates } from '@entreat/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type LabSquid,
  NetworkLab,
  networkLabProblem,
  proxyPassword,
  proxyUser,
} from '../../../../lab/network/network-lab.ts'
import { missingPackages, type RealProxy, startDante, startMicrosocks } from '../../../../lab/network/socks-servers.ts'
import { credentials, Lab, missing, type Proftpd, type Started } from '../support/lab.ts'

const problem = missing ?? networkLabProblem('squid') ?? missingPackages()
const login = [proxyUser, proxyPassword] as const
const TLS_1_2 = { maxVersion: 'TLSv1.2' } as const
let ftp: Lab
let network: NetworkLab
let vsftpd: Started
let pureftpd: Started
let proftpd: Proftpd
let open: LabSquid
let digest: LabSquid
let dante: RealProxy
let microsocks: RealProxy
const sessions: FTPSession[] = []

beforeAll(async () => {
  if (problem !== null) return
  ftp = new Lab()
  network = await NetworkLab.open()
  ;[vsftpd, pureftpd, proftpd] = await Promise.all([ftp.vsftpd(), ftp.pureftpd(), ftp.proftpd()])
  ;[open, digest] = await Promise.all([network.startSquid('open'), network.startSquid('digest')])
  ;[dante, microsocks] = await Promise.all([startDante(), startMicrosocks(login)])
})

beforeEach(async (context) => {
  if (problem !== null) return context.skip(problem)
  await Promise.all([open.log.clear(), digest.log.clear()])
})

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

afterAll(async () => {
  await Promise.all([
    ftp?.close(),
    network?.stop(),
    dante?.[Symbol.asyncDispose](),
    microsocks?.[Symbol.asyncDispose](),
  ])
})

function through(proxy: string, options: FTPSessionOptions = {}): FTPSession {
  const authorities = testCertificates().ca + readFileSync(network.certificates.ca, 'utf8')
  const session = ftpSession({
    trustEnv: false,
    auth: credentials,
    verify: authorities,
    proxies: { all: proxy },
    timeout: 10_000,
    ...options,
  })
  sessions.push(session)
  return session
}

const bytes = Buffer.from(seededBytes(500_000, 7))
let files = 0

/** Down, up, a list, and something that is not there. */
async function carriesFiles(session: FTPSession, server: string): Promise<void> {
  const name = `through-proxy-${++files}.bin`
  expect((await session.get(`${server}/small.txt`)).text).toBe('hello ftp\n')
  expect(await session.nlst(`${server}/`)).toContain('small.txt')
  expect((await session.stor(`${server}/${name}`, bytes)).ok).toBe(true)
  expect((await session.get(`${server}/${name}`)).content.equals(bytes)).toBe(true)
  expect((await session.get(`${server}/missing`)).statusCode).toBe(404)
}

describe.each<[string, () => string, FTPSessionOptions]>([
  ['Squid, by CONNECT', () => open.url, {}],
  ['Squid in TLS, by CONNECT', () => open.tlsUrl, {}],
  ['Squid with Digest, by CONNECT', () => digest.url, { proxyAuth: new DigestAuth(...login) }],
  ['Squid with Digest in TLS, by CONNECT', () => digest.tlsUrl, { proxyAuth: new DigestAuth(...login) }],
  ['dante by SOCKS4', () => `socks4://127.0.0.1:${dante.port}`, {}],
  ['dante by SOCKS5', () => `socks5h://127.0.0.1:${dante.port}`, {}],
  ['microsocks with a password', () => microsocksUrl(), {}],
])('%s', (_name, proxy, options) => {
  test.each<[string, () => string, FTPSessionOptions]>([
    ['vsftpd', () => `ftp://127.0.0.1:${vsftpd.port}`, {}],
    ['Pure-FTPd', () => `ftp://127.0.0.1:${pureftpd.port}`, {}],
    ['ProFTPD', () => `ftp://127.0.0.1:${proftpd.port}`, {}],
    ['vsftpd with AUTH TLS 1.2', () => `ftp://127.0.0.1:${vsftpd.port}`, { ftp: { explicitTls: true, tls: TLS_1_2 } }],
    ['vsftpd with AUTH TLS 1.3', () => `ftp://127.0.0.1:${vsftpd.port}`, { ftp: { explicitTls: true } }],
    ['ProFTPD with implicit TLS 1.2', () => `ftps://127.0.0.1:${proftpd.implicitPort}`, { ftp: { tls: TLS_1_2 } }],
    ['ProFTPD with implicit TLS 1.3', () => `ftps://127.0.0.1:${proftpd.implicitPort}`, {}],
    [
      'Pure-FTPd with AUTH TLS 1.2',
      () => `ftp://127.0.0.1:${pureftpd.port}`,
      { ftp: { explicitTls: true, tls: TLS_1_2 } },
    ],
    ['Pure-FTPd with AUTH TLS 1.3', () => `ftp://127.0.0.1:${pureftpd.port}`, { ftp: { explicitTls: true } }],
  ])('carries files of %s', async (_server, url, ftpOptions) => {
    await carriesFiles(through(proxy(), { ...options, ...ftpOptions }), url())
  })

  test('carries eight transfers at once', async () => {
    const session = through(proxy(), options)
    const url = `ftp://127.0.0.1:${vsftpd.port}/small.txt`
    const texts = await Promise.all(Array.from({ length: 8 }, async () => (await session.get(url)).text))
    expect(new Set(texts)).toEqual(new Set(['hello ftp\n']))
  })
})

function microsocksUrl(): string {
  const userinfo = login.map(encodeURIComponent).join(':')
  return `socks5://${userinfo}@127.0.0.1:${microsocks.port}`
}

// These close both of their connections when one side has ended. What the server has said and nobody has read, such as session tickets, resets its
// connection then, and the rest of an upload is lost: its end may not be a FIN.
describe.each<[string, () => string]>([
  ['Squid', () => open.url],
  ['microsocks', () => microsocksUrl()],
])('an upload in TLS 1.3 through %s', (_name, proxy) => {
  const explicitTls = { ftp: { explicitTls: true } }

  describe.each<[string, () => string]>([
    ['vsftpd', () => `ftp://127.0.0.1:${vsftpd.port}`],
    ['ProFTPD', () => `ftp://127.0.0.1:${proftpd.port}`],
    ['Pure-FTPd', () => `ftp://127.0.0.1:${pureftpd.port}`],
  ])('to %s', (server, url) => {
    test('may be as large as 50 MB', async () => {
      const large = Buffer.from(seededBytes(50_000_000, 11))
      const name = `large-${++files}.bin`
      expect((await through(proxy(), explicitTls).stor(`${url()}/${name}`, large)).ok).toBe(true)
      expect(readFileSync(join(ftp.home, name)).equals(large)).toBe(true)
    })

    test('may be empty, small, or in many pieces, one after the other', async () => {
      const session = through(proxy(), explicitTls)
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += 7001) yield bytes.subarray(at, at + 7001)
      }
      for (const body of [Buffer.alloc(0), Buffer.from('a'), bytes.subarray(0, 16_385), bytes]) {
        const name = `sized-${++files}.bin`
        await session.stor(`${url()}/${name}`, body)
        await session.appe(`${url()}/${name}`, pieces())
        expect(readFileSync(join(ftp.home, name)).equals(Buffer.concat([body, bytes]))).toBe(true)
      }
    })

    test('that is aborted rejects with the reason, and others go on', async () => {
      const session = through(proxy(), explicitTls)
      const controller = new AbortController()
      async function* pieces(): AsyncGenerator<Uint8Array> {
        yield bytes
        controller.abort(new Error('enough'))
        yield bytes
      }
      const name = `aborted-${++files}.bin`
      const call = session.put(`${url()}/${name}`, { data: pieces(), signal: controller.signal })
      await expect(call).rejects.toThrow('enough')
      await carriesFiles(session, url())
    })

    test('that is refused is told so, and others go on', async () => {
      const session = through(proxy(), explicitTls)
      const response = await session.put(`${url()}/nowhere/at/all.bin`, { data: bytes })
      expect([server, response.ok, response.statusCode >= 400]).toEqual([server, false, true])
      await carriesFiles(session, url())
    })
  })

  test('waits for a slow server', async () => {
    const slow = await ftp.vsftpd({ extra: { local_max_rate: 400_000 } })
    const name = `slowly-${++files}.bin`
    const url = `ftp://127.0.0.1:${slow.port}/${name}`
    expect((await through(proxy(), explicitTls).stor(url, Buffer.concat([bytes, bytes]))).ok).toBe(true)
    expect(readFileSync(join(ftp.home, name)).length).toBe(2 * bytes.length)
  })
})

describe('Squid', () => {
  test('sees a CONNECT for each connection, and neither user nor password of the server', async () => {
    const session = through(open.url)
    await session.get(`ftp://127.0.0.1:${vsftpd.port}/small.txt`)
    await session.get(`ftp://127.0.0.1:${vsftpd.port}/small.txt`)
    await session.close()
    const rows = await open.log.requests({ atLeast: 3 })
    // One control connection, and one for the data of each file.
    expect(rows.map(({ method, user }) => [method, user])).toEqual(Array.from({ length: 3 }, () => ['CONNECT', null]))
    expect(rows.filter(({ path }) => path === `127.0.0.1:${vsftpd.port}`).length).toBe(1)
  })

  test('that does not know the password is a ProxyError with its 407', async () => {
    const session = through(digest.url, { proxyAuth: new DigestAuth(proxyUser, 'hunter2') })
    const error = await session.get(`ftp://127.0.0.1:${vsftpd.port}/small.txt`).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ProxyError)
    expect((error as ProxyError).response?.statusCode).toBe(407)
    expect(String(error)).not.toContain('hunter2')
  })

  test('answers Digest with few refusals, although each connection has a tunnel of its own', async () => {
    const session = through(digest.url, { proxyAuth: new DigestAuth(...login) })
    for (let at = 0; at < 6; at++) await session.get(`ftp://127.0.0.1:${vsftpd.port}/small.txt`)
    await session.close()
    const rows = await digest.log.requests({ atLeast: 7 })
    const opened = rows.filter(({ status }) => status === 200)
    expect(rows.length - opened.length).toBeLessThanOrEqual(3)
    expect([opened.length, new Set(opened.map(({ user }) => user))]).toEqual([7, new Set([proxyUser])])
  })
})

describe('Squid as a gateway', () => {
  const url = (path: string): string => `ftp://127.0.0.1:${vsftpd.port}${path}`
  const gateway: FTPSessionOptions = { ftp: { proxyMode: 'gateway' } }

  test('fetches a file and a list by itself', async () => {
    const session = through(open.url, gateway)
    const response = await session.get(url('/small.txt'))
    // Squid fetches text as such: with TYPE A lines end in CRLF.
    expect([response.statusCode, response.text.trim()]).toEqual([200, 'hello ftp'])
    expect((await session.get(url('/'))).text).toContain('small.txt')
    const rows = await open.log.requests({ atLeast: 2 })
    expect(rows.map(({ method, path }) => [method, path.replace(/\/\/.*@/, '//')])).toEqual([
      ['GET', url('/small.txt')],
      ['GET', url('/')],
    ])
  })

  test('fetches in TLS, and with Digest', async () => {
    const session = through(digest.tlsUrl, { ...gateway, proxyAuth: new DigestAuth(...login) })
    for (let at = 0; at < 6; at++) expect((await session.get(url('/small.txt'))).text.trim()).toBe('hello ftp')
    const statuses = (await digest.log.requests({ atLeast: 7 })).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200).length).toBe(6)
  })

  test('stores a file', async () => {
    const session = through(open.url, gateway)
    const response = await session.put(url('/through-gateway.bin'), { data: bytes })
    expect(response.statusCode).toBe(201)
    const direct = through('', { proxies: {} })
    expect((await direct.get(url('/through-gateway.bin'))).content.equals(bytes)).toBe(true)
  })

  test('says what is not there, and who may not', async () => {
    const session = through(open.url, gateway)
    expect((await session.get(url('/missing'))).statusCode).toBe(404)
    const stranger = through(open.url, { ...gateway, auth: ['alice', 'wrong'] })
    const response = await stranger.get(url('/small.txt'))
    expect(response.statusCode).toBe(401)
    expect(() => response.raiseForStatus()).toThrow(HTTPError)
  })

  test('wants to know who asks: 407 is the response', async () => {
    const session = through(digest.url, gateway)
    expect((await session.get(url('/small.txt'))).statusCode).toBe(407)
  })
})
