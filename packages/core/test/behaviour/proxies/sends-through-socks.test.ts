import { openSocket, ProxyError, Request, Session } from '@entreat/core'
import { TestServer, TestSocksProxy } from '@entreat/testkit'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const credentials = { username: 'b@b', password: 'p:@/ss' }
const userinfo = 'b%40b:p%3A%40%2Fss@'
let server: TestServer
let socks: TestSocksProxy
let locked: TestSocksProxy

/** Where names of the test lead. */
function home(host: string, port: number): { host: string; port: number } {
  return { host: host.endsWith('.test') ? '127.0.0.1' : host, port }
}

beforeAll(async () => {
  server = await TestServer.start()
  socks = await TestSocksProxy.start({ resolve: home })
  locked = await TestSocksProxy.start({ credentials, resolve: home })
})
afterAll(async () => {
  await Promise.all([server, socks, locked].map((each) => each.close()))
})

function open(proxyUrl: string): Session {
  return new Session({ trustEnv: false, verify: server.ca, proxies: { all: proxyUrl }, timeout: 5000 })
}

const schemes = ['socks4', 'socks4a', 'socks5', 'socks5h'] as const

describe.each(schemes)('%s', (scheme) => {
  it('carries http and https', async () => {
    await using session = open(socks.url(scheme))
    const before = socks.requests.length
    const plain = await session.get(`${server.url}/get`)
    const secure = await session.get(`${server.httpsUrl}/get`)
    expect([plain.statusCode, secure.statusCode]).toEqual([200, 200])
    expect(plain.json<{ url: string }>().url).toBe(`${server.url}/get`)
    expect(socks.requests.length).toBe(before + 2)
  })

  it('signs in with what the URL says, and is refused without', async () => {
    const url = locked.url(scheme)
    await using session = open(url.replace('://', `://${userinfo}`))
    expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
    expect(locked.requests.at(-1)?.username).toBe('b@b')
    await using refused = open(url)
    const error = await refused.get(`${server.url}/get`).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ProxyError)
    expect((error as ProxyError).message).toContain(url)
  })

  it('says so where the target refuses', async () => {
    await using session = open(socks.url(scheme))
    const error = await session.get('http://127.0.0.1:1/').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ProxyError)
    expect([(error as ProxyError).responseStarted, (error as ProxyError).requestBytesSent]).toEqual([false, 0])
  })
})

it('socks5h and socks4a leave names to the proxy; socks5 and socks4 resolve them here', async () => {
  const port = new URL(server.url).port
  for (const scheme of ['socks5h', 'socks4a'] as const) {
    await using session = open(socks.url(scheme))
    expect((await session.get(`http://somewhere.test:${port}/get`)).statusCode).toBe(200)
    expect(socks.requests.at(-1)?.host).toBe('somewhere.test')
  }
  for (const scheme of ['socks5', 'socks4'] as const) {
    await using session = open(socks.url(scheme))
    await expect(session.get(`http://somewhere.test:${port}/get`)).rejects.toBeInstanceOf(ProxyError)
  }
})

it('a request without the credential takes no connection that was opened with it', async () => {
  await using session = open(locked.url('socks5'))
  await session.get(`${server.url}/get`, { proxyAuth: ['b@b', 'p:@/ss'] })
  await expect(session.get(`${server.url}/get`)).rejects.toBeInstanceOf(ProxyError)
})

it.each([
  ['closes at once', Buffer.alloc(0)],
  ['speaks HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['accepts no way to sign in', Buffer.from([5, 255])],
  ['answers half', Buffer.from([5, 0, 5, 0])],
])('a proxy that %s is a ProxyError', async (_name, bytes) => {
  const listener = createServer((socket) => {
    socket.on('error', () => {}).resume()
    socket.end(bytes)
  })
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
  await using session = open(`socks5://127.0.0.1:${(listener.address() as AddressInfo).port}`)
  await expect(session.get(`${server.url}/get`)).rejects.toBeInstanceOf(ProxyError)
  await session.close()
  await new Promise((resolve) => listener.close(resolve))
})

it('a proxy that says nothing ends with timeout.connect', async () => {
  const listener = createServer((socket) => void socket.on('error', () => {}).resume())
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
  await using session = open(`socks5://127.0.0.1:${(listener.address() as AddressInfo).port}`)
  await expect(session.get(`${server.url}/get`, { timeout: { connect: 100 } })).rejects.toMatchObject({
    code: 'ERR_CONNECT_TIMEOUT',
  })
  await new Promise((resolve) => listener.close(resolve))
})

it('openSocket gives an adapter a socket to any port, directly and through a proxy, and stops with its signal', async () => {
  const request = await new Request('GET', 'ftp://127.0.0.1/').prepare()
  const { limits } = new Session()
  const target = { host: '127.0.0.1', port: Number(new URL(server.url).port) }
  const proxied = { url: socks.url('socks5'), scheme: 'socks5', host: '127.0.0.1', port: socks.port }
  for (const proxy of [null, proxied]) {
    const options = { proxy, limits, verify: true, cert: null }
    const socket = await openSocket(target, { request, options, signal: new AbortController().signal })
    expect(socket.readyState).toBe('open')
    socket.destroy()
    const reason = new Error('not any more')
    await expect(openSocket(target, { request, options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  }
})
