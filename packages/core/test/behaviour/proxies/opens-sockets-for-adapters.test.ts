import { type Address, ConnectionError, openSocket, type Proxy, ProxyError, type SocketNeeds } from '@entreat/core'
import { TestProxy } from '@entreat/testkit'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer } from '../support/raw-server.ts'
import { SocksServer } from '../support/socks-server.ts'
import { optionsFor, prepared } from '../support/transport-options.ts'

/** Greets who connects, as servers of other protocols do. */
let greeter: Server
let target: Address

beforeAll(async () => {
  greeter = createServer((socket) => void socket.end('220 hello'))
  greeter.listen(0, '127.0.0.1')
  await once(greeter, 'listening')
  target = { host: '127.0.0.1', port: (greeter.address() as AddressInfo).port }
})

afterAll(() => void greeter.close())

function proxyAt(scheme: string, port: number): Proxy {
  return { url: `${scheme}://127.0.0.1:${port}`, scheme, host: '127.0.0.1', port }
}

async function needs(proxy: Proxy | null, signal = new AbortController().signal): Promise<SocketNeeds> {
  return { request: await prepared('ftp://127.0.0.1:21/file'), options: optionsFor({ proxy }), signal }
}

async function greeting(proxy: Proxy | null): Promise<string> {
  const socket = await openSocket(target, await needs(proxy))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

it('connects directly', async () => {
  expect(await greeting(null)).toBe('220 hello')
})

it('connects through a tunnel to another place than the request names', async () => {
  await using proxy = await TestProxy.start()
  expect(await greeting(proxyAt('http', Number(new URL(proxy.url).port)))).toBe('220 hello')
  expect(proxy.requests.map(({ method, url }) => [method, url])).toEqual([['CONNECT', `127.0.0.1:${target.port}`]])
})

it('connects through SOCKS', async () => {
  await using proxy = await SocksServer.start()
  expect(await greeting(proxyAt('socks5h', proxy.port))).toBe('220 hello')
})

it('is a ProxyError with its answer where the proxy refuses', async () => {
  await using proxy = await TestProxy.start({ credentials: { username: 'user', password: 'password' } })
  const error = await failure(greeting(proxyAt('http', Number(new URL(proxy.url).port))))
  expect([error instanceof ProxyError, error.response?.statusCode]).toEqual([true, 407])
})

it('is a ConnectionError with the request where nobody listens', async () => {
  const error = await failure(openSocket({ host: '127.0.0.1', port: 1 }, await needs(null)))
  expect([error instanceof ConnectionError, error.request?.url, error.requestBytesSent]).toEqual([
    true,
    'ftp://127.0.0.1:21/file',
    0,
  ])
})

it.each(['http', 'socks5'])('ends with the reason of its signal while a %s proxy says nothing', async (scheme) => {
  const controller = new AbortController()
  await using mute = await RawServer.start(() => {}, {
    onConnection: (socket) => void socket.once('data', () => controller.abort('enough')),
  })
  const opening = openSocket(target, await needs(proxyAt(scheme, mute.port), controller.signal))
  expect(await within(3000, rejection(opening))).toBe('enough')
  await mute.gone()
})
