import type { Call, Outcome } from './call.ts'

// What each library says of itself, and what differs from one request to the next.
const ownHeaders = ['User-Agent', 'Accept-Encoding', 'Accept', 'Connection']
const volatileCookies = new Set(['last_nonce'])

type Echo = { headers?: Record<string, string>; json?: unknown; data?: unknown }

// A multipart body has a random boundary; JSON is spaced differently by the two (D11), so its text and length differ.
function comparableHeaders(headers: Record<string, string>, call: Call): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => !ownHeaders.includes(name) || call.headers?.[name] !== undefined,
  )
  const result = Object.fromEntries(kept)
  if (result['Content-Type']?.startsWith('multipart/')) result['Content-Type'] = 'multipart/form-data'
  if (call.files || call.json !== undefined) delete result['Content-Length']
  return result
}

function comparableEcho(body: unknown, call: Call): unknown {
  if (Array.isArray(body)) return body.map((item) => comparableEcho(item, call))
  if (body === null || typeof body !== 'object') return body
  const echo: Echo = { ...body }
  if (echo.headers) echo.headers = comparableHeaders(echo.headers, call)
  if (call.json !== undefined) delete echo.data
  return echo
}

const comparableCookie = <Cookie extends [string, string, ...string[]]>(cookie: Cookie): Cookie =>
  volatileCookies.has(cookie[0]) ? ([cookie[0], '*', ...cookie.slice(2)] as Cookie) : cookie

const sorted = <Cookie extends [string, string, ...string[]]>(cookies: Cookie[]): Cookie[] =>
  cookies.map(comparableCookie).sort((a, b) => (a.join() < b.join() ? -1 : 1))

/** An outcome without what cannot be equal between two libraries or two runs. */
export function comparable(outcome: Outcome, call: Call): Outcome {
  const result: Outcome = { ...outcome, jar: sorted(outcome.jar) }
  if (outcome.cookies) result.cookies = sorted(outcome.cookies)
  if (outcome.body !== undefined) result.body = comparableEcho(outcome.body, call)
  return result
}
