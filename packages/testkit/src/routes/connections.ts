import type { PeerCertificate, TLSSocket } from 'node:tls'
import { sendEmpty, sendJson } from '../reply.ts'
import { param, parseCount, type RouteContext, type TestRoute } from '../route-context.ts'
import { on, onAny, onUnread } from '../router.ts'

/**
 * Routes about the connection itself: `/connections`, `/client-certificate`, `/tls`; and those that misuse it:
 * `/never`, `/close`, `/reset`, `/truncated`, `/once`, `/long-head/:bytes`, and `/flaky/:key/:failures/:code?`.
 */
export function connectionRoutes(): readonly TestRoute[] {
  return [
    onAny('/connections', tellConnection),
    on('GET', '/client-certificate', tellClientCertificate),
    on('GET', '/tls', tellTls),
    onUnread('/never', neverAnswer),
    onAny('/close', endConnection),
    onAny('/reset', ({ connection }) => void connection.socket.resetAndDestroy()),
    onAny('/truncated', truncate),
    onAny('/once', answerOnce),
    onAny('/long-head/:bytes', sendLongHead),
    flakyRoute(),
  ]
}

function tellConnection({ connection, connections, response }: RouteContext): void {
  sendJson(response, {
    connection: connection.number,
    connectionCount: connections.count,
    requestsOnConnection: connection.requestCount,
  })
}

function tellClientCertificate({ request, response }: RouteContext): void {
  const socket = tlsSocketOf(request.socket)
  const certificate: Partial<PeerCertificate> = socket?.getPeerCertificate() ?? {}
  if (socket === null || certificate.fingerprint256 === undefined) {
    sendJson(response, null)
    return
  }
  sendJson(response, {
    authorized: socket.authorized,
    authorizationError: socket.authorized ? null : String(socket.authorizationError),
    subject: { CN: certificate.subject?.CN },
    fingerprint256: certificate.fingerprint256,
  })
}

function tellTls({ request, response }: RouteContext): void {
  const socket = tlsSocketOf(request.socket)
  if (socket === null) {
    sendJson(response, null)
    return
  }
  sendJson(response, {
    version: socket.getProtocol(),
    cipher: socket.getCipher().standardName,
    servername: socket.servername || null,
    resumed: socket.isSessionReused(),
  })
}

function tlsSocketOf(socket: RouteContext['request']['socket']): TLSSocket | null {
  return 'encrypted' in socket ? (socket as TLSSocket) : null
}

/** With `?read=false` it leaves the request body in the socket, so that a long one stalls the client. */
async function neverAnswer({ query, readBody }: RouteContext): Promise<void> {
  if (query.get('read') !== 'false') await readBody()
}

/** Answers the first request of a connection, and closes without an answer at any other. */
function answerOnce(context: RouteContext): void {
  if (context.connection.requestCount > 1) endConnection(context)
  else tellConnection(context)
}

/** Lines of 1,000 bytes, as many as it takes. */
function sendLongHead(context: RouteContext): void {
  const lines = Math.ceil(parseCount(param(context, 'bytes')) / 1000)
  context.response.setHeader(
    'X-Long',
    Array.from({ length: lines }, () => 'x'.repeat(990)),
  )
  sendEmpty(context.response, 200)
}

/** `?bytes=` (50) of the 100 that Content-Length promises, or chunks without a last one with `?chunked=true`. */
function truncate(context: RouteContext): void {
  const { query, response } = context
  const headers = query.get('chunked') === 'true' ? {} : { 'Content-Length': 100 }
  const bytes = Math.min(99, parseCount(query.get('bytes'), 50))
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', ...headers })
  response.flushHeaders()
  response.write(Buffer.alloc(bytes, '*'), () => endConnection(context))
}

/** FIN, after TLS's close_notify if there is TLS; then nothing more is read. Over HTTP/2 a FIN alone: a request has no socket of its own there. */
function endConnection({ request, connection }: RouteContext): void {
  if (request.httpVersionMajor === 2) connection.socket.destroy()
  else request.socket.end(() => request.socket.destroy())
}

/** The first `:failures` requests for a `:key` get `:code` (default 503), later ones 200; `?retry_after=` is sent along. */
function flakyRoute(): TestRoute {
  const attempts = new Map<string, number>()
  return onAny('/flaky/:key/:failures/:code?', (context) => {
    const key = param(context, 'key')
    const attempt = (attempts.get(key) ?? 0) + 1
    attempts.set(key, attempt)
    if (attempt > parseCount(param(context, 'failures'))) {
      sendJson(context.response, { attempt })
      return
    }
    const retryAfter = context.query.get('retry_after')
    const headers = retryAfter === null ? {} : { 'Retry-After': retryAfter }
    sendEmpty(context.response, parseCount(param(context, 'code'), 503), headers)
  })
}
