import { netrcAuth } from './environment.ts'
import type { PreparedRequest } from './message/prepared-request.ts'
import { mergeParams } from './message/query.ts'
import { prepare } from './message/request.ts'
import { parseUrl, resolveUrl, sameCredentialScope } from './message/url.ts'
import type { Session } from './session.ts'
import type { RequestOptions } from './settings.ts'

/** Prepares a request with a Session's defaults; not yet signed, and without Cookie, which each hop works out for itself. */
export function prepareForSession(
  session: Session,
  method: string,
  url: string | URL,
  options: RequestOptions,
  omitsCredentials: boolean,
): PreparedRequest {
  const target = absoluteUrl(session, url)
  const isInScope = session.baseUrl === undefined || sameCredentialScope(parseUrl(session.baseUrl), parseUrl(target))
  const servesHere = isInScope && !omitsCredentials
  const headers = session.headers.copy()
  if (!servesHere) for (const name of [...SCOPED_HEADERS, ...session.sensitiveHeaders]) headers.delete(name)
  if (options.headers) headers.merge(options.headers)
  const servesAuth = servesHere || (!omitsCredentials && session.auth?.choosesByOrigin === true)
  const auth = options.auth !== undefined ? options.auth : ((servesAuth ? session.auth : null) ?? undefined)
  const request = prepare({
    method,
    url: target,
    params: mergeParams(session.params, options.params),
    headers,
    data: options.data,
    json: options.json,
    files: options.files,
    cookies: options.cookies,
    auth,
    hooks: [session.hooks, options.hooks],
  })
  const mayUseNetrc = session.trustEnv && auth === undefined && request.auth === null && !headers.has('authorization')
  if (mayUseNetrc) request.auth = netrcAuth(request.parsedUrl)
  return request
}

/** What a Session's headers hold for the origin of its baseUrl alone. */
const SCOPED_HEADERS = ['Authorization', 'Cookie', 'Proxy-Authorization', 'Host']

/** Relative URLs are resolved against baseUrl, and take its userinfo along. */
function absoluteUrl(session: Session, url: string | URL): string {
  const text = String(url)
  if (session.baseUrl === undefined || /^[a-z][a-z0-9+.-]*:/i.test(text)) return text
  const base = parseUrl(session.baseUrl)
  const { scheme, href } = resolveUrl(text, base)
  return base.userinfo === null || text.startsWith('//')
    ? href
    : `${scheme}://${base.userinfo}@${href.slice(scheme.length + 3)}`
}
