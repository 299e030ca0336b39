import { sendEmpty, sendJson } from '../reply.ts'
import { param, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { on } from '../router.ts'

/** Routes that show, set and delete cookies: `/cookies`, `/cookies/set`, `/cookies/set/:name/:value`, `/cookies/delete`. */
export function cookieRoutes(): readonly TestRoute[] {
  return [
    on('GET', '/cookies', (context) => sendJson(context.response, { cookies: receivedCookies(context) })),
    on('GET', '/cookies/set/:name/:value', (context) =>
      setCookies(context, [`${param(context, 'name')}=${param(context, 'value')}; Path=/`]),
    ),
    on('GET', '/cookies/set', (context) =>
      setCookies(
        context,
        [...context.query].map(([name, value]) => `${name}=${value}; Path=/`),
      ),
    ),
    on('GET', '/cookies/delete', (context) =>
      setCookies(
        context,
        [...context.query.keys()].map((name) => `${name}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/`),
      ),
    ),
  ]
}

function setCookies({ response }: RouteContext, lines: readonly string[]): void {
  try {
    response.setHeader('Set-Cookie', lines)
  } catch {
    throw new RouteError(400, 'That cookie cannot be sent in a header')
  }
  sendEmpty(response, 302, { Location: '/cookies' })
}

function receivedCookies({ request }: RouteContext): Record<string, string> {
  const cookies = new Map<string, string>()
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const equals = part.indexOf('=')
    if (equals !== -1) cookies.set(part.slice(0, equals).trim(), unquote(part.slice(equals + 1).trim()))
  }
  return Object.fromEntries(cookies)
}

function unquote(value: string): string {
  return value.replace(/^"(.*)"$/, '$1')
}
