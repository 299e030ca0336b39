import { Cookie, CookieJar as ToughCookieJar, type SerializedCookieJar } from 'tough-cookie'
import { CookieHeaders, joinCookies } from './cookie-headers.ts'
import { CookieStoreError, UsageError } from './errors.ts'
import { parseUrl } from './message/url.ts'
import { inspectAs } from './message/inspect.ts'
import {
  expiryOf,
  formatNetscape,
  parseNetscape,
  readCookieFile,
  type SaveCookiesOptions,
  writeWhole,
} from './cookie-file.ts'
import { memoryStore } from './memory-store.ts'
import { ownOptions, readOptions } from './options.ts'
import { isReceivable } from './received-cookies.ts'

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

/** A jar as JSON: what tough-cookie says of it, and the cookies that belong to no host yet. */
export interface SerializedCookies extends SerializedCookieJar {
  readonly unbound?: readonly UnboundCookie[]
}

/** A cookie that was set without url and domain, before the first request. */
export interface UnboundCookie {
  readonly name: string
  readonly value: string
  readonly attributes: CookieAttributes
}

const SAVE_OPTIONS: ReadonlySet<string> = new Set<keyof SaveCookiesOptions>(['format', 'keepsSessionCookies'])
/** RFC 6265bis section 5.6, steps 1 to 4: what neither a name nor a value may hold. */
const COOKIE_NAME = /^[^\x00-\x1f\x7f;=]*$/
const COOKIE_VALUE = /^[^\x00-\x08\x0a-\x1f\x7f;]*$/

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
  #pending: UnboundCookie[] = []
  #home: string | null = null
  #writes: number | null = null
  readonly #headers = new CookieHeaders(this)

  /** @param tough - default: a jar in memory that takes names without values. */
  constructor(tough?: ToughCookieJar) {
    if (tough !== undefined) {
      this.tough = tough
      return
    }
    this.#writes = 0
    const store = memoryStore(() => {
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

  /** @internal The Cookie header for a URL. What an origin is sent is remembered until the jar changes or a cookie in it expires. */
  header(url: { origin: string; path: string; href: string }): string | Promise<string> {
    const version = this.#writes
    if (version === null) return then(this.cookiesFor(url.href), joinCookies)
    if (version === 0) return ''
    return guarded(() => this.#headers.headerFor(url))
  }

  /** @internal Stores Set-Cookie lines received from a URL. Lines that RFC 6265bis refuses are ignored. */
  receive(received: readonly string[], url: string): void | Promise<void> {
    const lines = received.filter((line) => isReceivable(line, url))
    return guarded(() => {
      if (!this.tough.store.synchronous) return this.#receiveLater(lines, url)
      for (const line of lines) this.tough.setCookieSync(line, url, { ignoreError: true })
      return undefined
    })
  }

  async #receiveLater(lines: readonly string[], url: string): Promise<void> {
    for (const line of lines) await this.tough.setCookie(line, url, { ignoreError: true })
  }

  /** The cookies, as `CookieJar.fromJSON` takes them. They are secrets. */
  toJSON(): SerializedCookies {
    const stored = this.#sync(() => this.tough.serializeSync()) as SerializedCookieJar
    return this.#pending.length === 0 ? stored : { ...stored, unbound: this.#pending }
  }

  /** @throws CookieStoreError for what {@link toJSON} did not give. */
  static fromJSON(serialized: SerializedCookies): CookieJar {
    const jar = new CookieJar()
    const { cookies, unbound = [] } = (serialized ?? {}) as Partial<SerializedCookies>
    if (!Array.isArray(cookies) || !Array.isArray(unbound)) {
      throw new CookieStoreError('This is no cookie jar in JSON: it has no list of cookies')
    }
    for (const [index, one] of cookies.entries()) {
      const cookie = isRecord(one) && typeof one['key'] === 'string' ? Cookie.fromJSON(one) : undefined
      if (cookie === undefined || typeof cookie.domain !== 'string') {
        throw new CookieStoreError(`Cookie ${index + 1} of a cookie jar in JSON has no name, or no domain`)
      }
      jar.tough.store.putCookie(cookie, noop)
    }
    for (const { name, value, attributes } of unbound) jar.set(name, value, withDate(attributes))
    return jar
  }

  /**
   * Adds the cookies of another jar; they replace those of the same name, domain and path.
   *
   * @throws CookieStoreError if one of the stores is asynchronous.
   */
  merge(other: CookieJar | ToughCookieJar): this {
    const jar = CookieJar.from(other)
    const cookies = [...jar]
    this.#sync(() => this.#put(cookies))
    for (const { name, value, attributes } of jar.#pending) this.set(name, value, attributes)
    return this
  }

  #put(cookies: Iterable<Cookie>): void {
    for (const cookie of cookies) if (cookie.TTL() > 0) this.tough.store.putCookie(cookie.clone() as Cookie, noop)
  }

  /**
   * Adds the cookies of a file, in JSON or Netscape format, to this jar; they replace those of the same name, domain and path. Those that have expired are left out.
   *
   * @throws CookieStoreError for a file in neither format, naming the line; what reading throws (`ENOENT` where there is none).
   */
  async load(path: string): Promise<this> {
    const found = await readCookieFile(path)
    if ('cookies' in found) this.#sync(() => this.#put(found.cookies))
    else this.merge(CookieJar.fromJSON(found.json as SerializedCookies))
    return this
  }

  /**
   * Writes the jar to a file: whole or not at all, and for the owner's eyes only. Cookies are credentials.
   *
   * @throws CookieStoreError if the store is asynchronous, or cookies belong to no host yet and the format is `netscape`; what writing throws; UsageError.
   */
  async save(path: string, options?: SaveCookiesOptions): Promise<void> {
    const { format = 'json', keepsSessionCookies = false } = readOptions(options, SAVE_OPTIONS, 'CookieJar.save()')
    if (format !== 'json' && format !== 'netscape') {
      throw new UsageError(`A cookie file is "json" or "netscape", not ${JSON.stringify(format)}`)
    }
    const isKept = (cookie: Cookie): boolean => keepsSessionCookies || expiryOf(cookie) !== null
    if (format === 'netscape') return writeWhole(path, formatNetscape(this.#bound().filter(isKept)))
    const { unbound, ...serialized } = this.toJSON()
    const cookies = serialized.cookies.filter((one) => {
      const cookie = Cookie.fromJSON(one)
      return cookie !== undefined && isKept(cookie)
    })
    const kept = unbound?.filter(({ attributes }) => keepsSessionCookies || attributes.expires !== undefined) ?? []
    const state = { ...serialized, cookies, ...(kept.length === 0 ? {} : { unbound: kept }) }
    return writeWhole(path, `${JSON.stringify(state, null, 2)}\n`)
  }

  /** The cookies in Netscape format, those of the session too. Like the cookies themselves the text is a secret. @throws CookieStoreError as {@link save} does. */
  toNetscape(): string {
    return formatNetscape(this.#bound())
  }

  /** A jar with the cookies of a text in Netscape format. @throws CookieStoreError for a line that is none, naming but not repeating it. */
  static fromNetscape(text: string): CookieJar {
    const jar = new CookieJar()
    jar.#put(parseNetscape(text, 'the cookie file'))
    return jar
  }

  #bound(): Cookie[] {
    const [unbound] = this.#pending
    if (unbound === undefined) return [...this]
    throw new CookieStoreError(
      `Cookie ${JSON.stringify(unbound.name)} belongs to no host yet: set it with a url or a domain, or save as "json"`,
    )
  }

  #show(): string {
    return `CookieJar { ${this.tough.store.synchronous ? `${this.size} cookies` : 'asynchronous store'} }`
  }
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Attributes whose date has been through JSON. */
function withDate(attributes: CookieAttributes): CookieAttributes {
  const { expires } = attributes
  return expires === undefined ? attributes : { ...attributes, expires: new Date(expires) }
}

function then<T, U>(value: T | Promise<T>, next: (value: T) => U): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function isToughJar(value: unknown): value is ToughCookieJar {
  if (typeof value !== 'object' || value === null) return false
  return (
    typeof (value as Partial<ToughCookieJar>).getCookies === 'function' &&
    typeof (value as Partial<ToughCookieJar>).setCookie === 'function'
  )
}
