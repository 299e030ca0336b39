import { Cookie, CookieJar as ToughCookieJar, MemoryCookieStore, type SerializedCookieJar } from 'tough-cookie'
import { CookieStoreError, UsageError } from './errors.ts'
import { parseUrl } from './message/url.ts'
import { inspectAs } from './message/inspect.ts'
import { ownOptions } from './options.ts'

/** Where a cookie belongs. Without `url` and `domain` it belongs to the host that the jar is first used for. */
export interface CookieAttributes {
  /** The URL whose host and default path it belongs to. */
  readonly url?: string | URL
  /** Sent to this host and those below it. */
  readonly domain?: string
  /** Default `/`. */
  readonly path?: string
  readonly secure?: boolean
  readonly httpOnly?: boolean
  readonly expires?: Date
}

/** What options take for cookies: our jar, a tough-cookie jar, or names and values. */
export type CookiesInit = CookieJar | ToughCookieJar | { readonly [name: string]: string | null }

interface Pending {
  readonly name: string
  readonly value: string
  readonly attributes: CookieAttributes
}

interface Remembered {
  readonly version: number
  readonly until: number
  readonly header: string
}

const REMEMBERED = 1000
/** RFC 6265bis section 5.6, steps 1 to 4: what neither a name nor a value may hold. */
const COOKIE_NAME = /^[^\x00-\x1f\x7f;=]*$/
const COOKIE_VALUE = /^[^\x00-\x08\x0a-\x1f\x7f;]*$/
/** RFC 6265bis section 5.6: a cookie with neither name nor value is ignored. */
const NAMELESS_AND_EMPTY = /^[ \t]*=?[ \t]*(?:;|$)/
/** RFC 6265bis section 5.6: a cookie whose name and value are longer than this together is ignored. */
const MOST_COOKIE_BYTES = 4096

/**
 * Cookies, stored and chosen by tough-cookie (RFC 6265bis, public suffixes refused), with the short calls of a dictionary.
 *
 * `get`, `set`, `delete`, `items`, `size` and iteration need a synchronous store, as the default one is.
 */
export class CookieJar implements Iterable<Cookie> {
  static {
    inspectAs(this.prototype, (value) => value.#show())
  }

  /** The tough-cookie jar underneath. */
  readonly tough: ToughCookieJar
  #pending: Pending[] = []
  #home: string | null = null
  #writes: number | null = null
  readonly #headers = new Map<string, Remembered>()

  /** @param tough - default: a jar in memory that takes names without values. */
  constructor(tough?: ToughCookieJar) {
    if (tough !== undefined) {
      this.tough = tough
      return
    }
    this.#writes = 0
    const store = countWrites(new MemoryCookieStore(), () => {
      this.#writes = (this.#writes ?? 0) + 1
    })
    this.tough = new ToughCookieJar(store, { looseMode: true, allowSecureOnLocal: false })
  }

  /** A jar as it is, one around a tough-cookie jar, or a new one with names and values. */
  static from(init: CookiesInit): CookieJar {
    if (init instanceof CookieJar) return init
    if (isToughJar(init)) return new CookieJar(init)
    // A jar of another copy of the package.
    if (isToughJar((init as Partial<CookieJar>).tough)) return new CookieJar((init as unknown as CookieJar).tough)
    const jar = new CookieJar()
    for (const name of Object.keys(init)) jar.set(name, init[name] ?? null)
    return jar
  }

  /** @internal Counts changes; `null` if the store is not ours and may change behind our back. */
  get version(): number | null {
    return this.#writes
  }

  /** @internal From now on cookies without url and domain belong to this URL's host; those set before are stored. */
  bind(url: string): void {
    if (this.#home === null) this.#home = parseUrl(url).origin
    if (this.#pending.length === 0) return
    const pending = this.#pending
    this.#pending = []
    for (const { name, value, attributes } of pending) this.#store(name, value, { ...attributes, url: this.#home })
  }

  /**
   * The value of one cookie.
   *
   * @throws CookieStoreError if several match: name `domain` or `path` then.
   */
  get(name: string, place: Pick<CookieAttributes, 'domain' | 'path'> = {}): string | undefined {
    const waiting = this.#pending
      .filter((cookie) => cookie.name === name && place.domain === undefined)
      .map((cookie) => cookie.value)
    const found = [...this.#matching(name, place).map((cookie) => cookie.value), ...waiting]
    if (found.length > 1) {
      throw new CookieStoreError(
        `There are ${found.length} cookies named ${JSON.stringify(name)}: say which by domain or path`,
      )
    }
    return found[0]
  }

  /** Stores a cookie; `null` deletes those of that name. */
  set(name: string, value: string | null, given: CookieAttributes = {}): this {
    const attributes = ownOptions(given)
    if (typeof name !== 'string' || !COOKIE_NAME.test(name))
      throw new UsageError(`${JSON.stringify(name)} cannot be a cookie's name`)
    if (value !== null && (typeof value !== 'string' || !COOKIE_VALUE.test(value))) {
      throw new UsageError(
        `The value of cookie ${JSON.stringify(name)} must be null, or text without semicolons, line breaks and other controls`,
      )
    }
    if (value === null) {
      this.delete(name, attributes)
      return this
    }
    if (attributes.url !== undefined || attributes.domain !== undefined || this.#home !== null) {
      this.#store(name, value, attributes)
    } else {
      this.#pending = this.#pending.filter((cookie) => cookie.name !== name)
      this.#pending.push({ name, value, attributes })
    }
    return this
  }

  #store(name: string, value: string, attributes: CookieAttributes): void {
    const { domain, path = '/', secure = false, httpOnly = false, expires } = ownOptions(attributes)
    const scheme = secure ? 'https' : 'http'
    const url =
      attributes.url === undefined
        ? domain === undefined
          ? this.#home
          : `${scheme}://${domain.replace(/^\./, '')}/`
        : String(attributes.url)
    const expiry = expires ?? ('Infinity' as const)
    const cookie = new Cookie(ownOptions({ key: name, value, path, secure, httpOnly, expires: expiry, domain: null }))
    if (domain !== undefined) cookie.domain = domain.replace(/^\./, '')
    const target = secure ? String(url).replace(/^http:/i, 'https:') : String(url)
    this.#sync(() => this.tough.setCookieSync(cookie, target))
  }

  /** Deletes every cookie of this name, at one place only if `domain` or `path` are given. */
  delete(name: string, place: Pick<CookieAttributes, 'domain' | 'path'> = {}): void {
    if (place.domain === undefined) this.#pending = this.#pending.filter((cookie) => cookie.name !== name)
    const found = this.#matching(name, place)
    const { store } = this.tough
    for (const cookie of found) this.#sync(() => store.removeCookie(cookie.domain, cookie.path, cookie.key, noop))
  }

  clear(): void {
    this.#pending = []
    this.#sync(() => this.tough.removeAllCookiesSync())
  }

  #matching(name: string, { domain, path }: Pick<CookieAttributes, 'domain' | 'path'>): Cookie[] {
    const host = domain?.replace(/^\./, '')
    return [...this].filter(
      (cookie) =>
        cookie.key === name &&
        (host === undefined || cookie.domain === host) &&
        (path === undefined || cookie.path === path),
    )
  }

  #sync<T>(work: () => T): T {
    if (!this.tough.store.synchronous) {
      throw new CookieStoreError('This cookie store is asynchronous: use `jar.tough`, whose methods return promises')
    }
    return work()
  }

  /** Every `[name, value]`. */
  items(): [name: string, value: string][] {
    const stored = [...this].map((cookie): [string, string] => [cookie.key, cookie.value])
    return [...stored, ...this.#pending.map(({ name, value }): [string, string] => [name, value])]
  }

  get size(): number {
    return this.items().length
  }

  /** Every stored cookie, as tough-cookie has it. */
  *[Symbol.iterator](): IterableIterator<Cookie> {
    const cookies: Cookie[] = []
    this.#sync(() => this.tough.store.getAllCookies((_error, all) => cookies.push(...(all ?? []))))
    const now = Date.now()
    for (const cookie of cookies) if ((cookie.expiryTime() ?? Infinity) > now) yield cookie
  }

  /** @internal The cookies to send to a URL, in order (RFC 6265 section 5.4). */
  cookiesFor(url: string): Cookie[] | Promise<Cookie[]> {
    return guarded(() => (this.tough.store.synchronous ? this.tough.getCookiesSync(url) : this.tough.getCookies(url)))
  }

  /** @internal The Cookie header for a URL, remembered by scheme, host and path until the jar changes or a cookie in it expires. */
  header(url: { scheme: string; host: string; path: string; href: string }): string | Promise<string> {
    const version = this.#writes
    if (version === null) return then(this.cookiesFor(url.href), joinCookies)
    if (version === 0) return ''
    const key = `${url.scheme}:${url.host}${url.path}`
    const known = this.#headers.get(key)
    if (known !== undefined && known.version === version && (known.until === Infinity || Date.now() < known.until))
      return known.header
    const cookies = this.cookiesFor(url.href) as Cookie[]
    let until = Infinity
    for (const cookie of cookies) until = Math.min(until, cookie.expiryTime() ?? Infinity)
    const header = joinCookies(cookies)
    if (this.#headers.size >= REMEMBERED) this.#headers.clear()
    this.#headers.set(key, { version: this.#writes ?? version, until, header })
    return header
  }

  /** @internal Stores Set-Cookie lines received from a URL. Lines that RFC 6265bis refuses are ignored. */
  receive(received: readonly string[], url: string): void | Promise<void> {
    const lines = received.filter((line) => !NAMELESS_AND_EMPTY.test(line) && !isTooLong(line))
    return guarded(() => {
      if (!this.tough.store.synchronous) return this.#receiveLater(lines, url)
      for (const line of lines) this.tough.setCookieSync(line, url, { ignoreError: true })
      return undefined
    })
  }

  async #receiveLater(lines: readonly string[], url: string): Promise<void> {
    for (const line of lines) await this.tough.setCookie(line, url, { ignoreError: true })
  }

  /** The stored cookies, as `CookieJar.fromJSON` takes them. They are secrets. */
  toJSON(): SerializedCookieJar {
    return this.#sync(() => this.tough.serializeSync()) as SerializedCookieJar
  }

  static fromJSON(serialized: SerializedCookieJar): CookieJar {
    const jar = new CookieJar()
    for (const one of serialized.cookies) {
      const cookie = Cookie.fromJSON(one)
      if (cookie !== undefined) jar.tough.store.putCookie(cookie, noop)
    }
    return jar
  }

  #show(): string {
    return `CookieJar { ${this.tough.store.synchronous ? `${this.size} cookies` : 'asynchronous store'} }`
  }
}

/** A header line is text of bytes; the equals sign is no part of the sum. */
function isTooLong(line: string): boolean {
  if (line.length <= MOST_COOKIE_BYTES) return false
  const end = line.indexOf(';')
  return (end === -1 ? line.length : end) > MOST_COOKIE_BYTES + 1
}

/** What a store throws or rejects with becomes a CookieStoreError. */
function guarded<T>(work: () => T | Promise<T>): T | Promise<T> {
  const failed = (error: unknown): never => {
    throw new CookieStoreError(`The cookie store failed: ${(error as Error).message}`, { cause: error })
  }
  try {
    const result = work()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (error) {
    return failed(error)
  }
}

function noop(): void {}

function then<T, U>(value: T | Promise<T>, next: (value: T) => U): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** The value of a Cookie header (RFC 6265 section 4.2.1). */
export function joinCookies(cookies: readonly Cookie[]): string {
  return cookies.map((cookie) => cookie.cookieString()).join('; ')
}

function isToughJar(value: unknown): value is ToughCookieJar {
  if (typeof value !== 'object' || value === null) return false
  return (
    typeof (value as Partial<ToughCookieJar>).getCookies === 'function' &&
    typeof (value as Partial<ToughCookieJar>).setCookie === 'function'
  )
}

/** tough-cookie's memory store says nothing when it changes; this makes it call back. */
function countWrites(store: MemoryCookieStore, onWrite: () => void): MemoryCookieStore {
  for (const method of ['putCookie', 'updateCookie', 'removeCookie', 'removeCookies', 'removeAllCookies'] as const) {
    const original = store[method].bind(store) as (...args: unknown[]) => unknown
    const counted = (...args: unknown[]): unknown => {
      onWrite()
      return original(...args)
    }
    Object.defineProperty(store, method, { value: counted })
  }
  return store
}
