import type { Cookie } from 'tough-cookie'
import { joinCookies } from '../cookie-headers.ts'
import type { CookieJar } from '../cookie-jar.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Exchange, ExchangeContext } from './exchange.ts'

/** Fills Cookie where a request has none, and stores Set-Cookie from every answer: refused auth legs and redirects too. */
export function cookies(next: Exchange, context: ExchangeContext): Exchange {
  const send: Exchange = (request, options) =>
    next(request, options).then((response) =>
      response.headers.has('set-cookie') ? stored(response, request, context) : response,
    )
  return (request, options) => {
    if (options.omitsCookies) return next(request, options)
    if (request.headers.has('cookie')) return send(request, options)
    const header = cookieHeader(request, context.cookies)
    if (typeof header !== 'string') {
      return header.then((value) => {
        setCookieHeader(request, value)
        return send(request, options)
      })
    }
    setCookieHeader(request, header)
    return send(request, options)
  }
}

async function stored(response: Response, request: PreparedRequest, context: ExchangeContext): Promise<Response> {
  try {
    await context.cookies.receive(response.headers.getSetCookie(), request.url)
    return response
  } catch (error) {
    response.close()
    throw error
  }
}

/** Sets the header, unless there is nothing to send. */
export function setCookieHeader(request: PreparedRequest, header: string): void {
  if (header !== '') request.headers.set('Cookie', header)
}

/**
 * The Cookie header for a request: the session's cookies, and those given to this request alone, which win over equals (same name, domain and path).
 * A promise only for asynchronous stores.
 */
export function cookieHeader(request: PreparedRequest, jar: CookieJar): string | Promise<string> {
  const own = request.cookies
  if (own === null) return jar.header(request.parsedUrl)
  const session = jar.cookiesFor(request.url)
  const given = own.cookiesFor(request.url)
  if (session instanceof Promise || given instanceof Promise) {
    return Promise.all([session, given]).then(([first, second]) => joinCookies(overlay(first, second)))
  }
  return joinCookies(overlay(session, given))
}

function overlay(session: readonly Cookie[], given: readonly Cookie[]): Cookie[] {
  const place = (cookie: Cookie): string => `${cookie.key}\n${cookie.domain ?? ''}\n${cookie.path ?? ''}`
  const cookies = new Map(session.map((cookie) => [place(cookie), cookie]))
  for (const cookie of given) cookies.set(place(cookie), cookie)
  return [...cookies.values()]
}
