import { type Cookie, CookieJar as ToughCookieJar, MemoryCookieStore, type Nullable } from 'tough-cookie'
import { CookieJar, readOptions } from '@entreat/core'

/** What a policy is told of a cookie. */
export interface CookieFacts {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly path: string
  /** Sent to this host alone, not to those below it. */
  readonly isHostOnly: boolean
  readonly isSecure: boolean
  readonly isHttpOnly: boolean
  /** `null` for a cookie that ends with the session. */
  readonly expires: Date | null
}

/** Which cookies a jar keeps, and which of them it gives back. */
export interface CookiePolicy {
  /** Whether to keep a cookie, received or set. Default: all. */
  readonly accept?: (cookie: CookieFacts) => boolean
  /** Whether to send a cookie that is kept. Default: all. */
  readonly send?: (cookie: CookieFacts) => boolean
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof CookiePolicy>(['accept', 'send'])

/**
 * A jar that keeps and sends what a policy allows, of what RFC 6265bis allows: `policyJar({ accept: ({ expires }) => expires === null })`.
 *
 * What a function throws fails the request.
 *
 * @throws UsageError for an unknown option.
 */
export function policyJar(policy?: CookiePolicy): CookieJar {
  const { accept = () => true, send = () => true } = readOptions(policy, OPTION_KEYS, 'policyJar()')
  const store = new PolicyStore(accept, send)
  return new CookieJar(new ToughCookieJar(store, { looseMode: true, allowSecureOnLocal: false }))
}

/** A jar that keeps nothing: neither what servers set nor what is set by hand. Cookies given to one request are sent all the same. */
export function forgetfulJar(): CookieJar {
  return policyJar({ accept: () => false })
}

/** Whoever asks a store for cookies, or puts one in, is called back or given a promise. */
type Callback<T> = (error: Error | null, result?: T) => void

class PolicyStore extends MemoryCookieStore {
  readonly #accept: (cookie: CookieFacts) => boolean
  readonly #send: (cookie: CookieFacts) => boolean

  constructor(accept: (cookie: CookieFacts) => boolean, send: (cookie: CookieFacts) => boolean) {
    super()
    this.#accept = accept
    this.#send = send
  }

  override putCookie(cookie: Cookie): Promise<void>
  override putCookie(cookie: Cookie, callback: Callback<void>): void
  override putCookie(cookie: Cookie, callback?: Callback<void>): unknown {
    const done = callback ?? ((): void => {})
    if (this.#accept(factsOf(cookie))) return super.putCookie(cookie, done as never)
    done(null)
    return callback === undefined ? Promise.resolve() : undefined
  }

  override findCookies(domain: Nullable<string>, path: Nullable<string>, allowSpecial?: boolean): Promise<Cookie[]>
  override findCookies(
    domain: Nullable<string>,
    path: Nullable<string>,
    allowSpecial?: boolean,
    callback?: Callback<Cookie[]>,
  ): void
  override findCookies(
    domain: Nullable<string>,
    path: Nullable<string>,
    allowSpecial?: boolean,
    callback?: Callback<Cookie[]>,
  ): unknown {
    const kept = (found: Cookie[] | undefined): Cookie[] =>
      (found ?? []).filter((cookie) => this.#send(factsOf(cookie)))
    if (callback === undefined)
      return super.findCookies(domain as string, path as string, allowSpecial ?? false).then(kept)
    super.findCookies(domain as string, path as string, allowSpecial ?? false, (error, found) =>
      callback(error, kept(found)),
    )
    return undefined
  }
}

/** A cookie as policies and files see it. */
function factsOf(cookie: Cookie): CookieFacts {
  // For a cookie that ends with the session the library has a date far away.
  const expires = cookie.isPersistent() ? (cookie.expiryDate() ?? null) : null
  return {
    name: cookie.key,
    value: cookie.value,
    domain: cookie.domain ?? '',
    path: cookie.path ?? '/',
    isHostOnly: cookie.hostOnly ?? false,
    isSecure: cookie.secure,
    isHttpOnly: cookie.httpOnly,
    expires: expires instanceof Date && Number.isFinite(expires.getTime()) ? expires : null,
  }
}
