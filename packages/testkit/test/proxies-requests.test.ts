import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import { TestProxy, type TestProxyOptions } from '@entreat/testkit'
import { type Answer, exchange, type ExchangeOptions, oneConnection } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()
const credentials = { username: 'user', password: 'pass' }
const authorization = `Basic ${Buffer.from('user:pass').toString('base64')}`

/** Sends `url` to the proxy in absolute form. */
function viaProxy(proxy: TestProxy, url: string, options: ExchangeOptions = {}): Promise<Answer> {
  return exchange(proxy.url, { path: url, ...options, headers: { Host: new URL(url).host, ...options.headers } })
}

interface Tunnel {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly socket: Socket
}

async function openTunnel(proxy: TestProxy, target: string, headers = {}): Promise<Tunnel> {
  const send = proxy.url.startsWith('https:') ? secureRequest : request
  const tunnel = send(proxy.url, { method: 'CONNECT', path: target, headers, agent: false, ca: proxy.ca })
  tunnel.end()
  const [response, socket] = (await once(tunnel, 'connect')) as [IncomingMessage, Socket]
  return { status: response.statusCode ?? 0, headers: response.headers, socket }
}

async function getThrough(socket: Socket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test('an absolute-form request is forwarded with its body and without hop-by-hop headers', async () => {
  await using proxy = await TestProxy.start()
  const headers = { 'X-Kept': 'yes', 'X-Dropped': 'no', Connection: 'close, X-Dropped', 'Proxy-Connection': 'close' }
  const url = `${server().url}/anything?a=1`
  const answer = await viaProxy(proxy, url, { method: 'POST', body: 'payload', headers })
  expect(answer.json()).toMatchObject({ data: 'payload', url, headers: { 'X-Kept': 'yes' } })
  expect(server().requests[0]?.header('X-Dropped')).toBeNull()
  expect(server().requests[0]?.header('Proxy-Connection')).toBeNull()
  expect(proxy.requests[0]).toMatchObject({ method: 'POST', url })
  expect(proxy.requests[0]?.header('proxy-connection')).toBe('close')
})

test('a chunked body stays chunked, for GET too', async () => {
  await using proxy = await TestProxy.start()
  const target = request(proxy.url, { path: `${server().url}/anything`, headers: { 'Transfer-Encoding': 'chunked' } })
  target.end('chunky')
  const [response] = (await once(target, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  expect(server().requests[0]?.header('Transfer-Encoding')).toBe('chunked')
  expect(server().requests[0]?.body.toString()).toBe('chunky')
})

test('the response keeps its header lines, and HEAD its length', async () => {
  await using proxy = await TestProxy.start()
  const answer = await viaProxy(proxy, `${server().url}/cookies/set?a=1&b=2`)
  expect(answer.headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/'])
  const head = await viaProxy(proxy, `${server().url}/bytes/7`, { method: 'HEAD' })
  expect(head.headers['content-length']).toBe('7')
})

test('each client connection has its own connection to the server', async () => {
  await using proxy = await TestProxy.start()
  const agents = [oneConnection(proxy.url), oneConnection(proxy.url)]
  const connectionOf = async (agent = agents[0]) =>
    (await viaProxy(proxy, `${server().url}/connections`, { agent })).json()['connection']
  const first = await connectionOf()
  expect(await connectionOf()).toBe(first)
  expect(await connectionOf(agents[1])).not.toBe(first)
  expect([proxy.connectionCount, server().connectionCount]).toEqual([2, 2])
  for (const agent of agents) agent.destroy()
})

test('Basic credentials are asked for with 407, and are not passed on', async () => {
  await using proxy = await TestProxy.start({ credentials })
  const refused = await viaProxy(proxy, `${server().url}/get`)
  expect([refused.status, refused.headers['proxy-authenticate']]).toEqual([407, 'Basic realm="Fake Proxy"'])
  expect(server().requests).toHaveLength(0)
  const headers = { 'Proxy-Authorization': authorization }
  expect((await viaProxy(proxy, `${server().url}/get`, { headers })).status).toBe(200)
  expect(server().requests[0]?.header('Proxy-Authorization')).toBeNull()
})

test('what is not an absolute http URL is refused, an unreachable server is a 502', async () => {
  await using proxy = await TestProxy.start()
  expect((await exchange(`${proxy.url}/get`)).status).toBe(400)
  expect((await viaProxy(proxy, 'http://127.0.0.1:1/')).status).toBe(502)
})

test('a failure of the server in mid-body reaches the client', async () => {
  await using proxy = await TestProxy.start()
  await expect(viaProxy(proxy, `${server().url}/truncated`)).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test.each([false, true])('CONNECT opens a tunnel to an https server (https proxy: %s)', async (tls) => {
  await using proxy = await TestProxy.start({ tls })
  const target = new URL(server().httpsUrl).host
  const { status, socket } = await openTunnel(proxy, target, { 'X-Seen': 'by the proxy only' })
  expect(status).toBe(200)
  const inner = connectTls({ socket, servername: 'localhost', ca: server().ca })
  await once(inner, 'secureConnect')
  expect(await getThrough(inner, '/tls')).toContain('"version": "TLSv1.3"')
  expect(proxy.requests[0]).toMatchObject({ method: 'CONNECT', url: target, secure: tls })
  expect(proxy.requests[0]?.header('x-seen')).toBe('by the proxy only')
  expect(server().requests[0]?.header('x-seen')).toBeNull()
  expect([proxy.connectionCount, server().connectionCount]).toEqual([1, 1])
})

async function exchangeHeads(proxy: TestProxy, heads: readonly string[]): Promise<string[]> {
  const socket = proxy.url.startsWith('https:')
    ? connectTls({ port: Number(new URL(proxy.url).port), host: 'localhost', ca: proxy.ca })
    : connect(Number(new URL(proxy.url).port), '127.0.0.1')
  const answers: string[] = []
  for (const head of heads) {
    socket.write(head)
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    answers.push(chunk.toString().split('\r\n')[0] ?? '')
  }
  socket.destroy()
  return answers
}

test.each([false, true])('a refused CONNECT can be repeated on its connection (https proxy: %s)', async (tls) => {
  await using proxy = await TestProxy.start({ credentials, tls })
  const target = new URL(server().url).host
  const connectTo = (headers = '') => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${headers}\r\n`
  const answers = await exchangeHeads(proxy, [
    connectTo(),
    connectTo('Proxy-Authorization: Basic eDp5\r\n'),
    connectTo(`Proxy-Authorization: ${authorization}\r\n`),
  ])
  const refused = 'HTTP/1.1 407 Proxy Authentication Required'
  expect(answers).toEqual([refused, refused, 'HTTP/1.1 200 Connection Established'])
  expect(proxy.connectionCount).toBe(1)
  expect(proxy.requests.map(({ connection }) => connection)).toEqual([1, 1, 1])
})

test('closesAfterRefusal ends the connection with the 407', async () => {
  await using proxy = await TestProxy.start({ credentials, closesAfterRefusal: true })
  const { status, headers, socket } = await openTunnel(proxy, new URL(server().url).host)
  expect([status, headers.connection]).toEqual([407, 'close'])
  socket.resume()
  await once(socket, 'end')
})

test('a tunnel to nowhere is a 502, a malformed target a 400', async () => {
  await using proxy = await TestProxy.start()
  expect((await openTunnel(proxy, '127.0.0.1:1')).status).toBe(502)
  expect((await openTunnel(proxy, 'nowhere')).status).toBe(400)
})

test('resolve sends any host to a server of the test', async () => {
  const here = { host: '127.0.0.1', port: Number(new URL(server().url).port) }
  const asked: unknown[] = []
  const resolve: TestProxyOptions['resolve'] = (target) => {
    asked.push(target)
    return here
  }
  await using proxy = await TestProxy.start({ resolve })
  const answer = await viaProxy(proxy, 'http://shop.example/get')
  expect(answer.json()).toMatchObject({ url: 'http://shop.example/get' })
  const { socket } = await openTunnel(proxy, '[2001:db8::1]:99')
  expect(await getThrough(socket, '/get')).toContain('200 OK')
  expect(asked).toEqual([
    { host: 'shop.example', port: 80 },
    { host: '2001:db8::1', port: 99 },
  ])
})

test('authenticate can ask for any scheme, on each connection', async () => {
  const seen: unknown[] = []
  await using proxy = await TestProxy.start({
    authenticate: (asked) => {
      seen.push(asked)
      return asked.authorization === 'Custom yes' ? null : ['Custom', 'Other a=b']
    },
  })
  const refused = await viaProxy(proxy, `${server().url}/get`)
  expect(refused.headers['proxy-authenticate']).toBe('Custom, Other a=b')
  const headers = { 'Proxy-Authorization': 'Custom yes' }
  expect((await viaProxy(proxy, `${server().url}/get`, { headers })).status).toBe(200)
  expect(seen).toEqual([
    { method: 'GET', target: `${server().url}/get`, authorization: undefined, connection: 1 },
    { method: 'GET', target: `${server().url}/get`, authorization: 'Custom yes', connection: 2 },
  ])
})

test('close() ends tunnels and idle connections and leaves no socket', async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
  const proxy = await TestProxy.start()
  const agent = oneConnection(proxy.url)
  await viaProxy(proxy, `${server().url}/get`, { agent })
  const { socket } = await openTunnel(proxy, new URL(server().url).host)
  socket.on('error', () => {})
  await proxy.close()
  await proxy.close()
  expect(proxy.openConnections).toBe(0)
  agent.destroy()
  socket.destroy()
  await expect.poll(() => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length).toBe(before)
})

test('reset() forgets requests and counts', async () => {
  await using proxy = await TestProxy.start()
  await viaProxy(proxy, `${server().url}/get`)
  proxy.reset()
  expect([proxy.requests.length, proxy.connectionCount]).toEqual([0, 0])
})
