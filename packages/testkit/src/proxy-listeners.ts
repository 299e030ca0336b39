import {
  Agent,
  type IncomingMessage,
  request as sendRequest,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProxyState, ProxyTarget } from './proxy-state.ts'
import { RecordedRequest } from './recorded-request.ts'
import { sendEmpty, sendJson } from './reply.ts'

// RFC 9110 section 7.6.1 and what RFC 2616 section 13.5.1 listed. Proxy credentials end here too.
const hopByHop: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Makes the listener for absolute-form requests; each client connection has upstream connections of its own. */
export function forwardListener(state: ProxyState): RequestListener {
  const agents = new WeakMap<Socket, Agent>()
  return (request, response) => {
    request.on('error', () => {})
    response.on('error', () => {})
    const challenges = admit(state, request)
    if (challenges !== null) {
      request.resume()
      sendEmpty(response, 407, { 'Proxy-Authenticate': [...challenges] })
      return
    }
    const url = URL.canParse(request.url ?? '') ? new URL(request.url ?? '') : null
    if (url?.protocol !== 'http:') {
      sendJson(response, { error: `A proxy needs an absolute http URL, got ${request.url}` }, 400)
      return
    }
    let agent = agents.get(request.socket)
    if (agent === undefined) {
      agent = upstreamAgent(request.socket)
      agents.set(request.socket, agent)
    }
    forward({ state, request, response, url, agent })
  }
}

/**
 * Makes the listener for CONNECT.
 *
 * @param state - the proxy's.
 * @param takeBack - gives a refused client's connection back to the HTTP server, for its next request.
 */
export function tunnelListener(
  state: ProxyState,
  takeBack: (socket: Duplex) => void,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    socket.on('error', () => {})
    const challenges = admit(state, request)
    if (challenges !== null) {
      refuseTunnel(state, challenges, socket)
      if (!state.closesAfterRefusal) {
        socket.removeAllListeners('error')
        if (head.length > 0) socket.unshift(head)
        takeBack(socket)
      }
      return
    }
    const target = parseAuthority(request.url ?? '')
    if (target === null) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
    else openTunnel({ state, socket, head, target: state.resolve(target) })
  }
}

/** Records a request and asks the proxy's authentication. */
function admit(state: ProxyState, request: IncomingMessage): readonly string[] | null {
  const connection = state.connections.find(request.socket)
  if (connection === null) return []
  connection.requestCount += 1
  const record = new RecordedRequest(request, connection.number)
  state.requests.push(record)
  return state.authenticate({
    method: record.method,
    target: record.url,
    authorization: request.headers['proxy-authorization'],
    connection: connection.number,
  })
}

// One upstream connection per client connection, or schemes that authenticate connections would mix up users.
function upstreamAgent(client: Socket): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  client.once('close', () => agent.destroy())
  return agent
}

interface Forwarding {
  readonly state: ProxyState
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly agent: Agent
}

function forward({ state, request, response, url, agent }: Forwarding): void {
  const target = state.resolve({ host: hostOf(url), port: Number(url.port) || 80 })
  const path = (request.url ?? '').replace(/^http:\/\/[^/?#]*/i, '')
  const upstream = sendRequest({
    agent,
    ...target,
    method: request.method ?? 'GET',
    path: path.startsWith('/') ? path : `/${path}`,
    setHost: false,
    maxHeaderSize: 1_048_576,
  })
  for (const [name, values] of forwardedHeaders(request)) upstream.setHeader(name, values)
  upstream.setHeader('Host', url.host) // RFC 9112 section 3.2.2
  if (request.headers['transfer-encoding'] !== undefined) {
    upstream.setHeader('Transfer-Encoding', 'chunked')
  }
  upstream.on('socket', (socket) => follow(state, socket))
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', flat(forwardedHeaders(answer)))
    response.flushHeaders()
    answer.on('error', () => response.destroy())
    answer.pipe(response)
  })
  upstream.on('error', (error) => {
    if (response.headersSent) response.destroy()
    else sendJson(response, { error: `The proxy cannot reach ${url.host}: ${error.message}` }, 502)
  })
  response.once('close', () => {
    if (!response.writableFinished) upstream.destroy()
  })
  request.pipe(upstream)
}

/** Header lines but the hop-by-hop ones, by name, in the order of the first line with that name. */
function forwardedHeaders(message: IncomingMessage): Map<string, string[]> {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  const dropped = new Set([...hopByHop, ...named])
  const kept = new Map<string, [string, string[]]>()
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = message.rawHeaders.slice(index, index + 2)
    const key = name.toLowerCase()
    if (dropped.has(key)) continue
    const line = kept.get(key)
    if (line === undefined) kept.set(key, [name, [value]])
    else line[1].push(value)
  }
  return new Map(kept.values())
}

function flat(headers: Map<string, string[]>): string[] {
  return [...headers].flatMap(([name, values]) => values.flatMap((value) => [name, value]))
}

function refuseTunnel(state: ProxyState, challenges: readonly string[], socket: Duplex): void {
  const lines = challenges.map((challenge) => `Proxy-Authenticate: ${challenge}\r\n`).join('')
  const body = 'Proxy authentication required\n'
  const close = state.closesAfterRefusal ? 'Connection: close\r\n' : ''
  const head = `HTTP/1.1 407 Proxy Authentication Required\r\n${lines}${close}`
  const reply = `${head}Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  if (state.closesAfterRefusal) socket.end(reply, () => socket.destroy())
  else socket.write(reply)
}

interface Tunnelling {
  readonly state: ProxyState
  readonly socket: Duplex
  readonly head: Buffer
  readonly target: ProxyTarget
}

function openTunnel({ state, socket, head, target }: Tunnelling): void {
  const upstream = connect(target)
  follow(state, upstream)
  let isOpen = false
  upstream.once('connect', () => {
    isOpen = true
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    if (head.length > 0) upstream.write(head)
    socket.pipe(upstream)
    upstream.pipe(socket)
  })
  upstream.on('error', () => {
    if (!isOpen) socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
  })
  upstream.once('close', () => {
    if (isOpen) socket.destroy()
  })
  socket.once('close', () => upstream.destroy())
}

function follow(state: ProxyState, socket: Duplex): void {
  if (state.upstream.has(socket)) return
  state.upstream.add(socket)
  socket.once('close', () => state.upstream.delete(socket))
}

function parseAuthority(authority: string): ProxyTarget | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(authority)
  const host = match?.[1] ?? match?.[2]
  return host === undefined ? null : { host, port: Number(match?.[3]) }
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}
