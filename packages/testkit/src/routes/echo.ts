import { pairsOf } from '../recorded-request.ts'
import { sendEmpty, sendJson } from '../reply.ts'
import { describeBody, describeHead, describeHeaders, type GroupedValues } from '../request-description.ts'
import { param, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { on, onAny } from '../router.ts'

/** Routes that tell the client what it sent: `/get`, `/post`, `/anything`, `/headers`, `/echo-raw` and so on. */
export function echoRoutes(): readonly TestRoute[] {
  return [
    on('GET', '/get', (context) => sendJson(context.response, describeHead(context))),
    ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => on(method, `/${method.toLowerCase()}`, echoBody)),
    onAny('/anything/*', echoAnything),
    onAny('/anything', echoAnything),
    on('GET', '/headers', (context) => sendJson(context.response, { headers: describeHeaders(context) })),
    on('GET', '/ip', ({ request, response }) => sendJson(response, { origin: request.socket.remoteAddress })),
    on('GET', '/user-agent', ({ request, response }) =>
      sendJson(response, { 'user-agent': request.headers['user-agent'] ?? null }),
    ),
    onAny('/method', ({ request, response }) => sendJson(response, { method: request.method })),
    onAny('/echo-raw', echoRaw),
    on('GET', '/response-headers', sendResponseHeaders),
    on('POST', '/response-headers', sendResponseHeaders),
    onAny('/status/:code', sendStatus),
  ]
}

async function echoBody(context: RouteContext): Promise<void> {
  sendJson(context.response, await describeBody(context))
}

async function echoAnything(context: RouteContext): Promise<void> {
  const description = await describeBody(context)
  sendJson(context.response, { ...description, method: context.request.method })
}

function echoRaw({ request, response }: RouteContext): void {
  sendJson(response, {
    method: request.method,
    target: request.url,
    httpVersion: request.httpVersion,
    headers: pairsOf(request.rawHeaders),
    trailers: pairsOf(request.rawTrailers),
  })
}

function sendResponseHeaders({ query, response }: RouteContext): void {
  const headers = new Map<string, string | string[]>([['Content-Type', 'application/json']])
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name)
    for (const known of headers.keys()) {
      if (known.toLowerCase() === name.toLowerCase()) headers.delete(known)
    }
    headers.set(name, values.length === 1 ? (values[0] ?? '') : values)
  }
  const described: GroupedValues = Object.fromEntries(headers)
  for (const [name, value] of headers) setHeader(response, name, value)
  sendJson(response, described)
}

function setHeader(response: RouteContext['response'], name: string, value: string | string[]): void {
  try {
    response.setHeader(name, value)
  } catch {
    throw new RouteError(400, `${JSON.stringify(name)} cannot be sent as a header`)
  }
}

function sendStatus(context: RouteContext): void {
  const { response } = context
  const code = Number(param(context, 'code'))
  if (!Number.isInteger(code) || code < 200 || code > 999) {
    throw new RouteError(400, `${param(context, 'code')} is not the status of a final response`)
  }
  for (const [name, value] of statusHeaders(code)) response.setHeader(name, value)
  const retryAfter = context.query.get('retry_after')
  if (retryAfter !== null) response.setHeader('Retry-After', retryAfter)
  if (code === 418) sendJson(response, { teapot: 'short and stout' }, code)
  else sendEmpty(response, code)
}

function statusHeaders(code: number): readonly [string, string][] {
  if ([301, 302, 303, 305, 307, 308].includes(code)) return [['Location', '/redirect/1']]
  if (code === 401) return [['WWW-Authenticate', 'Basic realm="Fake Realm"']]
  if (code === 407) return [['Proxy-Authenticate', 'Basic realm="Fake Realm"']]
  return []
}
