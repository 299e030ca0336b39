import type { AuthBase } from '../auth/auth-base.ts'
import type { Clock } from '../clock.ts'
import type { CookieJar } from '../cookie-jar.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { ParsedUrl } from '../message/url.ts'
import type { ProxyRules } from '../proxies.ts'
import type { Retry } from '../retry.ts'
import type { Lifetime } from '../timeout.ts'
import type { TransportAdapter, TransportOptions } from '../transport/transport-adapter.ts'

/** What the layers know of one exchange beside the request; adapters see the TransportOptions part of it. */
export interface ExchangeOptions extends TransportOptions {
  readonly allowRedirects: boolean
  readonly maxRedirects: number
  readonly retry: Retry | null
  readonly proxies: ProxyRules
  /** Whether hops with TLS trust the CA bundle that the environment names: nobody said otherwise. */
  readonly readsCaBundle: boolean
  readonly proxyAuth: AuthBase | null
  /** Headers that are dropped when a redirect leaves the credential scope. */
  readonly sensitiveHeaders: readonly string[]
  /** Credentials that the environment (netrc) has for a URL. */
  readonly environmentAuth: (url: ParsedUrl) => AuthBase | null
  /** Guesses the charset of bytes that name none. */
  readonly detectEncoding: ((bytes: Uint8Array) => string | null) | null
  /** Whether the jar neither gives nor takes. */
  readonly omitsCookies: boolean
  /** What waits between retries, Retry-After and schemes go by. */
  readonly clock: Clock
  /** Ends when the Session closes. */
  readonly lifetime: Lifetime
  /** Which call this is, for diagnostics. */
  readonly id: number
  /** Redirects so far. */
  readonly hop: number
  /** Retries so far. */
  readonly attempt: number
}

/** One layer: a request becomes a response, with the help of the layer below. */
export type Exchange = (request: PreparedRequest, options: ExchangeOptions) => Promise<Response>

/** What the layers need of a Session. */
export interface ExchangeContext {
  readonly cookies: CookieJar
  getAdapter(url: string): TransportAdapter
}
