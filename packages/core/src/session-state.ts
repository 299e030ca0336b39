import { CookieJar, type SerializedCookies } from './cookie-jar.ts'
import { UsageError } from './errors.ts'
import { parseUrl } from './message/url.ts'
import type { Session } from './session.ts'
import type { SessionOptions } from './settings.ts'
import type { ResolvedTimeout } from './timeout.ts'

/** A Session as JSON. */
export interface SessionState {
  readonly version: 1
  readonly cookies: SerializedCookies
  readonly baseUrl: string | null
  readonly timeout: ResolvedTimeout
  /** A CA given as path; other CAs are not kept. */
  readonly verify: boolean | string
  readonly stream: boolean
  readonly maxRedirects: number
  readonly sensitiveHeaders: readonly string[]
  readonly trustEnv: boolean
}

/** The jar and the scalar settings of a Session. */
export function describeSession(session: Session): SessionState {
  const { verify } = session
  return {
    version: 1,
    cookies: session.cookies.toJSON(),
    baseUrl: session.baseUrl === undefined ? null : parseUrl(session.baseUrl).href,
    timeout: session.timeout,
    verify:
      typeof verify === 'boolean' || (typeof verify === 'string' && !verify.includes('-----BEGIN')) ? verify : true,
    stream: session.stream,
    maxRedirects: session.maxRedirects,
    sensitiveHeaders: session.sensitiveHeaders,
    trustEnv: session.trustEnv,
  }
}

/** The options of a Session like the one described. @throws UsageError for another version. */
export function restoreSession(state: SessionState): SessionOptions {
  if (state?.version !== 1) throw new UsageError('Session.fromJSON() takes what toJSON() of this version gave')
  const { cookies, baseUrl, timeout, verify, stream, maxRedirects, sensitiveHeaders, trustEnv } = state
  const restored = {
    cookies: CookieJar.fromJSON(cookies),
    timeout,
    verify,
    stream,
    maxRedirects,
    sensitiveHeaders,
    trustEnv,
  }
  return baseUrl === null ? restored : { ...restored, baseUrl }
}
