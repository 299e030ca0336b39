import { sendEmpty } from '../reply.ts'
import { param, parseCount, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { onAny } from '../router.ts'

/**
 * Routes that answer with a Location: `/redirect/:n`, `/relative-redirect/:n`, `/absolute-redirect/:n`, `/redirect-to`.
 *
 * All take any method and `?status_code=` (default 302). A chain ends at `/get`, or at `/anything` for the statuses
 * that keep the method (307 and 308).
 */
export function redirectRoutes(): readonly TestRoute[] {
  return [
    onAny('/redirect/:n', (context) => sendNextHop(context, '/relative-redirect')),
    onAny('/relative-redirect/:n', (context) => sendNextHop(context, '/relative-redirect')),
    onAny('/absolute-redirect/:n', (context) => sendNextHop(context, `${context.origin}/absolute-redirect`)),
    onAny('/redirect-to', sendRedirectTo),
  ]
}

function sendNextHop(context: RouteContext, next: string): void {
  const left = parseCount(param(context, 'n')) - 1
  const statusCode = redirectStatus(context)
  if (left < 0) throw new RouteError(404, 'A redirect chain has at least one hop')
  const origin = next.startsWith('/') ? '' : context.origin
  const last = statusCode === 307 || statusCode === 308 ? '/anything' : '/get'
  const status = context.query.has('status_code') ? `?status_code=${statusCode}` : ''
  const location = left === 0 ? origin + last : `${next}/${left}${status}`
  sendEmpty(context.response, statusCode, { Location: location })
}

function sendRedirectTo(context: RouteContext): void {
  const location = context.query.get('url') ?? context.query.get('Url')
  if (location === null) throw new RouteError(400, '/redirect-to needs ?url=')
  // As servers do: raw UTF-8 bytes in the header line.
  const bytes = Buffer.from(location).toString('latin1')
  sendEmpty(context.response, redirectStatus(context), { Location: bytes })
}

function redirectStatus(context: RouteContext): number {
  const statusCode = parseCount(context.query.get('status_code'), 302)
  if (statusCode < 300 || statusCode > 399) {
    throw new RouteError(400, `${statusCode} is not a redirect`)
  }
  return statusCode
}
