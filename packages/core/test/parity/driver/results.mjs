// Responses, prepared requests, cookies and errors in the corpus's neutral form (SCHEMA.md, "expect").
import * as core from '@entreat/core'

const MAX_BODY_BYTES = 16 * 1024 * 1024
// The corpus leaves out what a client always sends by itself.
const DEFAULT_HEADERS = new Set(['user-agent', 'accept-encoding', 'accept', 'connection'])
const ERROR_CLASSES = Object.entries(core).filter(([name]) =>
  /(Error|Exception|Timeout|Schema|URL|Header|Redirects)$/.test(name),
)

const base64 = (bytes) => Buffer.from(bytes).toString('base64')

function fromCookie(cookie) {
  const { key: name, value, domain, path, secure } = cookie
  const expiryMs = cookie.expiryTime() ?? Infinity
  const expires = expiryMs === Infinity ? null : expiryMs > Date.now() ? 'future' : 'past'
  return { name, value, domain, path, secure, expires }
}

/** The cookies of a jar. */
export function fromJar(jar) {
  return [...jar].map(fromCookie)
}

async function fromBody(body) {
  if (body === null) return null
  if (!body.isReplayable) return { $streaming: true }
  return { $bytes: base64(await body.bytes(MAX_BODY_BYTES)) }
}

/** A prepared request. */
export async function fromPrepared(prepared) {
  if (prepared === null) return null
  const headers = [...prepared.headers.items()].filter(([name]) => !DEFAULT_HEADERS.has(name.toLowerCase()))
  return { method: prepared.method, url: prepared.url, headers, body: await fromBody(prepared.body) }
}

function fromHistoryEntry(response) {
  return {
    status: response.statusCode,
    url: response.url,
    reason: response.reason,
    method: response.request.method,
    historyLength: response.history.length,
    contentBase64: base64(response.content),
  }
}

/** A response; its content only if it was buffered. */
export async function fromResponse(response, { streamed }) {
  const result = {
    status: response.statusCode,
    url: response.url,
    ok: response.ok,
    reason: response.reason,
    headers: [...response.headers.items()],
    encoding: response.encoding,
    history: response.history.map(fromHistoryEntry),
    cookies: fromJar(response.cookies),
    links: response.links,
    is_redirect: response.isRedirect,
    is_permanent_redirect: response.isPermanentRedirect,
    request: { method: response.request.method, url: response.request.url },
    next: await fromPrepared(response.next),
  }
  if (streamed) return result
  return { ...result, contentBase64: base64(response.content), text: response.text }
}

// str() of Python's JSONDecodeError is made of its attributes. Here the message names the request first, and ends like this.
function messageOf(error) {
  if (error.name !== 'JSONDecodeError') return error.message
  const text = `${error.reason}: line ${error.line} column ${error.column} (char ${error.position})`
  return error.message.endsWith(`: ${text}`) ? text : error.message
}

/** An error: its class by name, and the classes of the package that it is an instance of. */
export function fromError(error) {
  const { response } = error
  const bases = ERROR_CLASSES.filter(([, type]) => error instanceof type).map(([name]) => name)
  const neutral = { type: error.name, message: messageOf(error), bases }
  if (response)
    neutral.response = { status: response.statusCode, url: response.url, historyLength: response.history.length }
  return neutral
}
