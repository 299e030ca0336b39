import { InvalidURL, redactUrl, RequestException, UnrewindableBodyError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { type ParsedUrl, resolveUrl, sameCredentialScope, withFragment } from '../message/url.ts'
import type { ExchangeOptions } from './exchange.ts'

/** What does not survive any redirect: it is worked out anew for the next hop. */
const NEVER_KEPT = ['Cookie', 'Proxy-Authorization']
/** What does not leave the credential scope. */
const SCOPED = ['Authorization', 'Host']

/**
 * The request that a redirect asks for, without credentials that must not follow it.
 *
 * @param request - the request as it was before it was signed.
 * @returns `null` if the response is no redirect.
 * @throws InvalidURL or MissingSchema for a target that is no URL; UnrewindableBodyError if the body would have to be sent again.
 * @see RFC 9110 section 15.4
 */
export function nextRequest(
  request: PreparedRequest,
  response: Response,
  options: ExchangeOptions,
): PreparedRequest | null {
  const location = response.isRedirect ? response.headers.get('location') : null
  if (location === null || location === '') return null
  const url = redirectTarget(location, request, response)
  const { statusCode } = response
  const keepsBody = statusCode === 307 || statusCode === 308
  const next = keepsBody ? request.copy() : request.withoutBody()
  next.method = nextMethod(request.method, statusCode)
  next.parsedUrl = url
  if (!keepsBody) next.headers.delete('Content-Length')
  else if (!request.isReplayable) throw unrewindable(request, response)
  for (const name of NEVER_KEPT) next.headers.delete(name)
  if (!sameCredentialScope(request.parsedUrl, url)) leaveScope(next, options)
  return next
}

/** The next request as hooks left it: if they sent it elsewhere than the redirect did, credentials do not go along. */
export function followed(next: PreparedRequest, target: ParsedUrl, options: ExchangeOptions): PreparedRequest {
  if (next.parsedUrl !== target && !sameCredentialScope(target, next.parsedUrl)) leaveScope(next, options)
  return next
}

/** Drops all that was meant for the origin that is left, for the rest of the chain. */
function leaveScope(next: PreparedRequest, options: ExchangeOptions): void {
  for (const name of [...SCOPED, ...options.sensitiveHeaders]) next.headers.delete(name)
  if (next.auth?.choosesByOrigin !== true) next.auth = options.environmentAuth(next.parsedUrl)
}

function redirectTarget(location: string, request: PreparedRequest, response: Response): ParsedUrl {
  const base = request.parsedUrl
  let text: string
  try {
    // Header values are Latin-1 text of bytes that servers mean as UTF-8.
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(location, 'latin1'))
  } catch (error) {
    throw new InvalidURL(`${request.method} ${redactUrl(request.url)}: the Location of the redirect is not UTF-8`, {
      cause: error,
      request,
      response,
    })
  }
  const target = resolved(text, request, response)
  return target.fragment === null ? withFragment(target, base.fragment) : target
}

/** The error for a Location that leads nowhere tells which response it came with. */
function resolved(location: string, request: PreparedRequest, response: Response): ParsedUrl {
  try {
    return resolveUrl(location, request.parsedUrl)
  } catch (error) {
    if (error instanceof RequestException) {
      error.request ??= request
      error.response ??= response
    }
    throw error
  }
}

/** RFC 9110 sections 15.4.2 to 15.4.4, as Requests and browsers read them. */
function nextMethod(method: string, status: number): string {
  if (method === 'HEAD') return method
  if (status === 303 || status === 302) return 'GET'
  return status === 301 && method === 'POST' ? 'GET' : method
}

function unrewindable(request: PreparedRequest, response: Response): UnrewindableBodyError {
  return new UnrewindableBodyError(
    `${request.method} ${redactUrl(request.url)}: ${response.statusCode} asks for the body again, and it is a stream that cannot be read twice. Give a function that returns a fresh stream`,
    { request, response },
  )
}
