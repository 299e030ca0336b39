import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FTPSession, ftpSession, type FTPSessionOptions } from '@entreat/adapter-ftp'
import { ConnectionError, DigestAuth, ProxyError, ReadTimeout, UsageError } from '@entreat/core'
import {
  basicAuthTarget,
  digestAuthTarget,
  type ProxyAuthenticator,
  seededBytes,
  TestFTPServer,
  TestProxy,
  TestSocksProxy,
} from '@entreat/testkit'

let server: TestFTPServer
const opened: { close(): Promise<void> }[] = []

beforeEach(async () => {
  server = keep(await TestFTPServer.start({ credentials: { username: 'alice', password: 'f1le-pass' } }))
  server.files.write('/a.txt', 'content')
})
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

function keep<T extends { close(): Promise<void> }>(one: T): T {
  opened.push(one)
  return one
}

function open(proxy: string, options: FTPSessionOptions = {}): FTPSession {
  const auth = ['alice', 'f1le-pass'] as const
  return keep(
    ftpSession({ trustEnv: false, auth, proxies: { all: proxy }, verify: server.ca, timeout: 5000, ...options }),
  )
}

async function carriesFiles(session: FTPSession, url: string): Promise<void> {
  const bytes = Buffer.from(seededBytes(300_000, 1))
  expect((await session.get(`${url}/a.txt`)).text).toBe('content')
  await session.stor(`${url}/b.bin`, bytes)
  expect((await session.get(`${url}/b.bin`)).content.equals(bytes)).toBe(true)
  expect(await session.nlst(`${url}/`)).toEqual(['a.txt', 'b.bin'])
  expect((await session.get(`${url}/missing`)).statusCode).toBe(404)
}

test('an HTTP proxy opens a tunnel for each connection, with TLS inside too', async () => {
  const proxy = keep(await TestProxy.start({ credentials: { username: 'bob', password: 'pr0xy' } }))
  const url = proxy.url.replace('://', '://bob:pr0xy@')
  await carriesFiles(open(url), server.url)
  await carriesFiles(open(url, { ftp: { explicitTls: true } }), server.url)
  await carriesFiles(open(url), server.ftpsUrl)
  expect(proxy.requests.every(({ method }) => method === 'CONNECT')).toBe(true)
  const targets = new Set(proxy.requests.map((request) => request.url))
  expect(targets.size).toBeGreaterThan(5)
  expect(JSON.stringify(proxy.requests.map(({ headers }) => headers))).not.toContain('f1le-pass')
})

test.each([
  ['Basic', ['bob', 'pr0xy'] as const, basicAuthTarget],
  ['Digest', new DigestAuth('bob', 'pr0xy'), digestAuthTarget],
] as const)('an https proxy and %s work as for http', async (scheme, proxyAuth, target) => {
  const authenticate = target('bob', 'pr0xy').authenticateProxy?.() as ProxyAuthenticator
  const proxy = keep(await TestProxy.start({ tls: true, authenticate }))
  await carriesFiles(open(proxy.url, { proxyAuth }), server.url)
  await carriesFiles(open(proxy.url, { proxyAuth }), server.ftpsUrl)
  expect(proxy.requests.length).toBeGreaterThan(8)
  expect(proxy.requests.every(({ method }) => method === 'CONNECT')).toBe(true)
  const signed = proxy.requests.map((request) => request.header('proxy-authorization')?.split(' ')[0] ?? null)
  // Digest waits until it is asked, and every further tunnel is opened at once.
  const unsigned = scheme === 'Digest' ? [null] : []
  expect(signed).toEqual([...unsigned, ...signed.slice(unsigned.length).map(() => scheme)])
})

test('a proxy that refuses is a ProxyError with its answer', async () => {
  const proxy = keep(await TestProxy.start({ credentials: { username: 'bob', password: 'pr0xy' } }))
  const error = await open(proxy.url)
    .get(`${server.url}/a.txt`)
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ProxyError)
  expect((error as ProxyError).response?.statusCode).toBe(407)
  expect(server.connectionCount).toBe(0)
})

test.each(['socks4', 'socks4a', 'socks5', 'socks5h'] as const)(
  '%s carries control and data connections',
  async (scheme) => {
    const socks = keep(await TestSocksProxy.start())
    await carriesFiles(open(socks.url(scheme)), server.url)
    await carriesFiles(open(socks.url(scheme)), server.ftpsUrl.replace('localhost', '127.0.0.1'))
    expect(socks.requests.length).toBeGreaterThan(8)
    expect(server.connectionCount).toBe(2)
  },
)

test('SOCKS signs in with user and password', async () => {
  const credentials = { username: 'bob', password: 'pr0xy' }
  const socks = keep(await TestSocksProxy.start({ credentials }))
  await carriesFiles(open(socks.url('socks5h').replace('://', '://bob:pr0xy@')), server.url)
  await expect(open(socks.url('socks5h')).get(`${server.url}/a.txt`)).rejects.toBeInstanceOf(ProxyError)
})

test('active mode and a proxy exclude each other', async () => {
  const socks = keep(await TestSocksProxy.start())
  const session = open(socks.url('socks5'), { ftp: { mode: 'active' } })
  await expect(session.get(`${server.url}/a.txt`)).rejects.toBeInstanceOf(UsageError)
})

test('as a gateway an HTTP proxy is asked for the URL itself, and its answer is the response', async () => {
  const seen: IncomingMessage[] = []
  const gateway = createServer((request, response) => {
    seen.push(request)
    if (request.headers['proxy-authorization'] === undefined)
      return void response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="p"' }).end()
    response.end(`fetched ${request.method} ${request.url}`)
  })
  await new Promise<void>((resolve) => void gateway.listen(0, '127.0.0.1', resolve))
  const url = `http://bob:pr0xy@127.0.0.1:${(gateway.address() as AddressInfo).port}`
  const session = open(url, { ftp: { proxyMode: 'gateway' } })
  const response = await session.get(`${server.url}/a.txt`)
  expect(response.text).toBe(`fetched GET ${server.url}/a.txt`)
  expect(seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('alice:f1le-pass').toString('base64')}`)
  await expect(session.list(`${server.url}/`)).rejects.toBeInstanceOf(ProxyError)
  const refused = await open(url.replace('bob:pr0xy@', ''), { ftp: { proxyMode: 'gateway' } }).get(
    `${server.url}/a.txt`,
  )
  expect(refused.statusCode).toBe(407)
  expect(server.connectionCount).toBe(0)
  await session.close()
  gateway.closeAllConnections()
  await new Promise((resolve) => gateway.close(resolve))
})

test.each(['tells nothing', 'breaks off'])(
  'an upload in TLS to a server that %s ends, and leaves no connection',
  async (what) => {
    const received: number[] = []
    const stalling = keep(
      await TestFTPServer.start({
        intercept: async ({ verb }, conversation) => {
          if (verb !== 'STOR') return false
          const socket = await conversation.openData()
          if (what === 'breaks off') socket.once('data', () => conversation.destroy())
          else for await (const piece of socket) received.push((piece as Buffer).length)
          return true
        },
      }),
    )
    const proxy = keep(await TestProxy.start())
    const session = open(proxy.url, { ftp: { explicitTls: true }, timeout: { read: 300 } })
    const call = session.stor(`${stalling.url}/a.bin`, Buffer.from(seededBytes(3_000_000, 2)))
    await expect(call).rejects.toBeInstanceOf(what === 'breaks off' ? ConnectionError : ReadTimeout)
    if (what === 'tells nothing') expect(received.reduce((sum, length) => sum + length, 0)).toBe(3_000_000)
    await expect.poll(() => stalling.openConnections, { timeout: 5000 }).toBe(0)
  },
)
