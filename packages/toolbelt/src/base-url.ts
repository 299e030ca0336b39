import {
  type PreparedRequest,
  readOptions,
  type Request,
  Request as CoreRequest,
  type RequestOptions,
  type Response,
  Session,
  type SessionOptions,
  UsageError,
} from '@entreat/core'

/** Options of a {@link BaseUrlSession}, beside those of a Session. */
export interface BaseUrlOptions {
  /**
   * How a path is laid upon the base. Default `append`.
   *
   * - `append`: below the base, whatever slashes either has: `https://e.com/v1` and `/users` is `https://e.com/v1/users`.
   * - `rfc3986`: as a link on a page at the base: `/users` is `https://e.com/users`, and `users` takes the place of the last segment. What Session's own `baseUrl` does.
   */
  readonly join?: 'append' | 'rfc3986'
  /** Further origins that absolute URLs may have. Default: that of the base alone. */
  readonly allowedOrigins?: readonly string[]
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof BaseUrlOptions>(['join', 'allowedOrigins'])

/**
 * A Session for one API: every path is laid upon a base, and what leads away from it is refused.
 *
 * Paths may not climb above the base's path when they are appended; URLs of another origin, `//host` included, need `allowedOrigins`. So text from a
 * stranger can choose a resource of the API, and nothing else. Redirects are followed as by every Session.
 */
export class BaseUrlSession extends Session {
  readonly #base: URL
  readonly #join: 'append' | 'rfc3986'
  readonly #origins: ReadonlySet<string>

  /** @throws UsageError for a base that is no http or https URL, or an unknown option. */
  constructor(baseUrl: string | URL, options?: Omit<SessionOptions, 'baseUrl'>, baseOptions?: BaseUrlOptions) {
    super({ ...options, baseUrl: String(baseUrl) })
    const { join = 'append', allowedOrigins = [] } = readOptions(baseOptions, OPTION_KEYS, 'BaseUrlSession')
    if (!URL.canParse(String(baseUrl)) || !/^https?:/i.test(String(baseUrl))) {
      throw new UsageError('BaseUrlSession needs an http or https URL to begin with')
    }
    this.#base = new URL(String(baseUrl))
    this.#join = join
    this.#origins = new Set([this.#base.origin, ...allowedOrigins.map((origin) => new URL(origin).origin)])
    const inherited = this.fetch
    const fetch: typeof globalThis.fetch = async (input, init) =>
      inherited(typeof input === 'string' || input instanceof URL ? this.createUrl(input) : input, init)
    Object.defineProperty(this, 'fetch', { value: fetch, enumerable: true })
  }

  /**
   * The absolute URL that a request for `url` goes to.
   *
   * @throws UsageError for one that leads away.
   */
  createUrl(url: string | URL): string {
    const text = String(url)
    const isAbsolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[/\\]{2}/.test(text)
    const target = isAbsolute || this.#join === 'rfc3986' ? this.#resolve(text) : this.#append(text)
    if (this.#origins.has(target.origin)) return target.href
    throw new UsageError(
      `${target.origin} is not where this session's requests go: name it in allowedOrigins, or use another Session`,
    )
  }

  #resolve(text: string): URL {
    if (URL.canParse(text, this.#base.href)) return new URL(text, this.#base.href)
    throw new UsageError(`Invalid URL ${JSON.stringify(text)}`)
  }

  #append(text: string): URL {
    const [, path = '', rest = ''] = /^([^?#]*)(.*)$/s.exec(text) ?? []
    const base = this.#base.pathname.replace(/\/+$/, '')
    const target = new URL(this.#base.href)
    // A backslash is a slash to some servers: it must not name a folder that the check below does not see.
    const relative = path.replaceAll('\\', '/').replace(/^\/+/, '')
    target.pathname = relative === '' ? this.#base.pathname : `${base}/${relative}`
    if (target.pathname !== this.#base.pathname && !`${target.pathname}/`.startsWith(`${base}/`)) {
      throw new UsageError(`${JSON.stringify(text)} leads out of ${this.#base.pathname}`)
    }
    target.search = ''
    target.hash = ''
    return new URL(target.href + rest)
  }

  override async request(method: string, url: string | URL, options?: RequestOptions): Promise<Response> {
    return super.request(method, this.createUrl(url), options)
  }

  override async prepareRequest(request: Request): Promise<PreparedRequest> {
    return super.prepareRequest(new CoreRequest(request.method, this.createUrl(request.url), request.options))
  }
}
