import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { ConnectionLog } from './connection-log.ts'
import { RecordedRequest } from './recorded-request.ts'
import { sendEmpty, sendJson } from './reply.ts'
import { type RouteContext, RouteError, type TestRoute } from './route-context.ts'
import { findRoute } from './router.ts'
import { allRoutes } from './routes/all-routes.ts'

/** A user's own routes: `true`, now or later, says that it answers the request. */
export type CustomHandler = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>

/** What one server remembers, shared by its listeners. */
export interface ListenerState {
  readonly connections: ConnectionLog
  /** Every request is appended. */
  readonly requests: RecordedRequest[]
  readonly handler: CustomHandler | null
}

/** Makes the function that records, routes and answers the requests of one server. */
export function requestListener(state: ListenerState): RequestListener {
  const routes = allRoutes()
  return (request, response) => {
    const connection = state.connections.find(request.socket)
    if (connection === null) return // the client has gone
    connection.requestCount += 1
    const record = new RecordedRequest(request, connection.number)
    state.requests.push(record)
    // A client that leaves makes both streams fail; the handlers see `destroyed` instead.
    request.on('error', () => {})
    response.on('error', () => {})
    const context = { request, response, record, connection, connections: state.connections }
    answer(state.handler, routes, context)
      .catch((error: unknown) => fail(response, error))
      .catch(() => response.destroy())
  }
}

type BareContext = Omit<RouteContext, 'params' | 'query' | 'origin' | 'readBody'>

async function answer(
  handler: CustomHandler | null,
  routes: readonly TestRoute[],
  context: BareContext,
): Promise<void> {
  const { request, response } = context
  if (handler !== null && (await handler(request, response))) return
  const [path, query] = splitTarget(request.url ?? '/')
  const readBody = bodyReader(request)
  const match = findRoute(routes, request.method ?? 'GET', path)
  if (match.kind === 'unknown-path') {
    await readBody()
    throw new RouteError(404, `No route for ${path}; / lists them`)
  }
  if (match.kind === 'wrong-method') {
    await readBody()
    refuseMethod(request, response, match.allowed)
    return
  }
  if (match.route.drainsBody) await readBody()
  const origin = originOf(request)
  await match.route.handle({ ...context, params: match.params, query, origin, readBody })
}

/** `http://host/path?query`, `/path?query` or `*` to path and query. */
function splitTarget(target: string): [path: string, query: URLSearchParams] {
  const local = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '')
  const mark = local.indexOf('?')
  const path = mark === -1 ? local : local.slice(0, mark)
  return [path || '/', new URLSearchParams(mark === -1 ? '' : local.slice(mark))]
}

function originOf(request: IncomingMessage): string {
  const scheme = 'encrypted' in request.socket ? 'https' : 'http'
  return `${scheme}://${request.headers.host ?? request.headers[':authority'] ?? 'localhost'}`
}

function bodyReader(request: IncomingMessage): () => Promise<Buffer> {
  let body: Promise<Buffer> | undefined
  return () => (body ??= collect(request))
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function refuseMethod(request: IncomingMessage, response: ServerResponse, allowed: readonly string[]): void {
  response.setHeader('Allow', allowed.join(', '))
  if (request.method === 'OPTIONS') sendEmpty(response, 200)
  else sendJson(response, { error: `Method ${request.method} is not allowed` }, 405)
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.writableEnded) return
  if (response.headersSent) {
    // Over HTTP/2 the reset has a code, and the one without a reason says that all is well.
    response.destroy('stream' in response ? new Error('the handler failed', { cause: error }) : undefined)
    return
  }
  // What the handler has set is for another body, and may be what cannot be sent: HTTP/2 has headers that Node refuses only when they go out.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const statusCode = error instanceof RouteError ? error.statusCode : 500
  sendJson(response, { error: error instanceof Error ? error.message : String(error) }, statusCode)
}
