import type { AuthBase } from './auth/auth-base.ts'
import { type AuthInit, resolveAuth } from './auth/resolve-auth.ts'
import { Call } from './call.ts'
import { type Clock, resolveClock } from './clock.ts'
import { CookieJar, type CookiesInit } from './cookie-jar.ts'
import { defaultHeaders } from './default-headers.ts'
import { redactUrl, UsageError } from './errors.ts'
import { compose } from './exchange/compose.ts'
import type { Exchange } from './exchange/exchange.ts'
import { signAhead } from './exchange/sign-ahead.ts'
import { createFetch } from './fetch.ts'
import { combineHooks, type Hooks } from './hooks.ts'
import { InFlight } from './in-flight.ts'
import { Headers, type HeadersInit } from './message/headers.ts'
import { inspectAs } from './message/inspect.ts'
import type { PreparedRequest } from './message/prepared-request.ts'
import { isPreparedRequest } from './message/prepared-request.ts'
import type { Params } from './message/query.ts'
import { isRequest, type Request } from './message/request.ts'
import type { Response } from './message/response.ts'
import { SENSITIVE_HEADERS } from './message/sensitive-headers.ts'
import { Mounts } from './mounts.ts'
import { headOptions, readOptions, REQUEST_OPTIONS, SEND_OPTIONS, SESSION_OPTIONS } from './options.ts'
import { prepareForSession } from './prepare-for-session.ts'
import type { ProxiesInit } from './proxies.ts'
import { resolveExchange } from './resolve-exchange.ts'
import { Retry } from './retry.ts'
import { describeSession, restoreSession, type SessionState } from './session-state.ts'
import type { RequestOptions, SendOptions, SessionOptions } from './settings.ts'
import { type ResolvedTimeout, resolveTimeout, type TimeoutInit } from './timeout.ts'
import { HTTPAdapter } from './transport/http-adapter.ts'
import { type Limits, type ResolvedLimits, resolveLimits } from './limits.ts'
import type { Cert, Verify } from './transport/tls.ts'
import type { TransportAdapter } from './transport/transport-adapter.ts'

/**
 * Defaults, cookies and connections that belong together, for as many requests as you like, at once or in turn.
 *
 * Every option is a property, and holds from the next request on.
 */
export class Session implements AsyncDisposable {
  static {
    inspectAs(
      this.prototype,
      (session) => `Session { ${redactUrl(session.baseUrl ?? '')} ${session.cookies.size} cookies }`,
    )
  }

  /** Relative URLs are resolved against it. */
  baseUrl: string | undefined
  params: Params | null
  proxies: ProxiesInit
  hooks: Hooks
  verify: Verify
  cert: Cert | null
  stream: boolean
  maxRedirects: number
  sensitiveHeaders: string[]
  trustEnv: boolean
  detectEncoding: ((bytes: Uint8Array) => string | null) | null
  clock: Clock
  /** This Session as a WHATWG fetch, for any SDK that takes one. */
  readonly fetch: typeof globalThis.fetch
  #headers: Headers
  #auth: AuthBase | null
  #proxyAuth: AuthBase | null
  #cookies: CookieJar
  #timeout: ResolvedTimeout
  #retry: Retry | null
  #limits: ResolvedLimits
  readonly #mounts = new Mounts()
  readonly #exchange: Exchange
  readonly #inFlight = new InFlight()

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options?: SessionOptions) {
    const own = readOptions(options, SESSION_OPTIONS, 'Session')
    this.baseUrl = own.baseUrl === undefined ? undefined : String(own.baseUrl)
    this.params = own.params ?? null
    this.proxies = own.proxies ?? {}
    this.hooks = own.hooks ?? {}
    combineHooks(this.hooks, null)
    this.verify = own.verify ?? true
    this.cert = own.cert ?? null
    this.stream = own.stream ?? false
    this.maxRedirects = own.maxRedirects ?? 30
    this.sensitiveHeaders = [...(own.sensitiveHeaders ?? SENSITIVE_HEADERS)]
    this.trustEnv = own.trustEnv ?? true
    this.detectEncoding = own.detectEncoding ?? null
    this.clock = resolveClock(own.clock)
    this.#headers = defaultHeaders()
    if (own.headers) this.#headers.merge(own.headers)
    this.#auth = resolveAuth(own.auth ?? null)
    this.#proxyAuth = resolveAuth(own.proxyAuth ?? null)
    this.#cookies = CookieJar.from(own.cookies ?? new CookieJar())
    this.#timeout = resolveTimeout(own.timeout ?? {})
    this.#retry = Retry.from(own.retry ?? null)
    this.#limits = resolveLimits(own.limits ?? {})
    const http = new HTTPAdapter()
    this.mount('https://', http).mount('http://', http)
    this.#exchange = compose(this)
    this.fetch = createFetch((method, url, options, omitsCredentials) =>
      this.#request(method, url, options, omitsCredentials),
    )
  }

  /** Sent with every request, unless the request says otherwise. */
  get headers(): Headers {
    return this.#headers
  }

  set headers(headers: Headers | HeadersInit) {
    this.#headers = headers instanceof Headers ? headers : new Headers(headers)
  }

  get auth(): AuthBase | null {
    return this.#auth
  }

  set auth(auth: AuthInit) {
    this.#auth = resolveAuth(auth)
  }

  /** How to answer a proxy that asks for credentials; stronger than those in its URL. */
  get proxyAuth(): AuthBase | null {
    return this.#proxyAuth
  }

  set proxyAuth(auth: AuthInit) {
    this.#proxyAuth = resolveAuth(auth)
  }

  get cookies(): CookieJar {
    return this.#cookies
  }

  set cookies(cookies: CookiesInit) {
    this.#cookies = CookieJar.from(cookies)
  }

  get timeout(): ResolvedTimeout {
    return this.#timeout
  }

  set timeout(timeout: TimeoutInit) {
    this.#timeout = resolveTimeout(timeout)
  }

  get retry(): Retry | null {
    return this.#retry
  }

  set retry(retry: Retry | number | null) {
    this.#retry = Retry.from(retry)
  }

  get limits(): ResolvedLimits {
    return this.#limits
  }

  set limits(limits: Limits) {
    this.#limits = resolveLimits(limits, this.#limits)
  }

  get(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('GET', url, options)
  }

  /** Like the others, but follows no redirects unless told to. */
  head(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('HEAD', url, headOptions(options))
  }

  options(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('OPTIONS', url, options)
  }

  post(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('POST', url, options)
  }

  put(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('PUT', url, options)
  }

  patch(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('PATCH', url, options)
  }

  delete(url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.request('DELETE', url, options)
  }

  /**
   * Prepares and sends a request.
   *
   * @param method - any token; sent in upper case.
   * @returns the final response, read whole unless `stream`.
   * @throws RequestException of the kind that says what failed; the signal's reason; what hooks and flows throw.
   */
  request(method: string, url: string | URL, options?: RequestOptions): Promise<Response> {
    return this.#request(method, url, options, false)
  }

  #request(
    method: string,
    url: string | URL,
    options: RequestOptions | undefined,
    omitsCredentials: boolean,
  ): Promise<Response> {
    return this.#run(options, REQUEST_OPTIONS, 'request()', omitsCredentials, (own) =>
      prepareForSession(this, method, url, own, omitsCredentials),
    )
  }

  /** Prepares a request with this Session's defaults, signed as far as that needs no answer from the server. */
  async prepareRequest(request: Request): Promise<PreparedRequest> {
    if (!isRequest(request))
      throw new UsageError('prepareRequest() takes a Request: `new Request(method, url, options)`')
    const own = readOptions(request.options, REQUEST_OPTIONS, 'Request')
    const prepared = prepareForSession(this, request.method, request.url, own, false)
    this.#cookies.bind(this.baseUrl ?? prepared.url)
    return signAhead(
      prepared,
      resolveExchange(this, own, { lifetime: this.#inFlight.begin(true), omitsCookies: false }),
      this,
    )
  }

  /** Sends a prepared request: as it stands if it was changed since, else signed anew. Takes no defaults but the settings of sending. */
  send(prepared: PreparedRequest, options?: SendOptions): Promise<Response> {
    return this.#run(options, SEND_OPTIONS, 'send()', false, () => {
      if (!isPreparedRequest(prepared)) throw new UsageError('You can only send PreparedRequests.')
      return prepared.unsigned
    })
  }

  /** The one function between a caller and the layers. What it throws, the promise rejects with. */
  #run(
    given: RequestOptions | undefined,
    known: ReadonlySet<string>,
    where: string,
    omitsCookies: boolean,
    prepare: (options: RequestOptions) => PreparedRequest,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const options = readOptions(given, known, where)
      const { timeout } = options
      const bounds = {
        totalMs: timeout === undefined ? this.#timeout.total : resolveTimeout(timeout, this.#timeout).total,
        signal: options.signal ?? undefined,
        isStreamed: options.stream ?? this.stream,
        clock: this.clock,
      }
      const call = new Call(this.#inFlight, bounds, resolve, reject)
      try {
        const request = prepare(options)
        call.request = request
        this.#cookies.bind(this.baseUrl ?? request.url)
        const { signal, lifetime } = call
        call.run(this.#exchange, request, resolveExchange(this, options, { signal, lifetime, omitsCookies }))
      } catch (error) {
        call.fail(error)
      }
    })
  }

  /**
   * Sends URLs that begin with `prefix` through an adapter. The longest matching prefix wins. Prefixes are compared as URLs, paths in any case; a host
   * without port and slash matches on each of its ports.
   *
   * @param options - `owned: false` for an adapter that is shared and must stay open when this Session closes. Default `true`.
   * @throws UsageError for a prefix without a scheme.
   */
  mount(prefix: string, adapter: TransportAdapter, options: { readonly owned?: boolean } = {}): this {
    this.#mounts.add(prefix, adapter, options.owned ?? true)
    return this
  }

  /** The adapter for a URL. @throws InvalidSchema if none is mounted for it. */
  getAdapter(url: string): TransportAdapter {
    return this.#mounts.find(url)
  }

  /**
   * Ends what is idle, gives running buffered requests `graceMs` milliseconds, then ends the rest with ERR_CLOSED. The Session can be used again afterwards.
   *
   * @param options - `graceMs`: default 0.
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    const reopen = this.#inFlight.refuseNew()
    try {
      await this.#inFlight.settled(options.graceMs ?? 0)
      this.#inFlight.endAll()
      await Promise.all(this.#mounts.owned.map((adapter) => adapter.close()))
    } finally {
      reopen()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Cookies and scalar settings; never auth, headers, hooks or mounts. The cookies are secrets. */
  toJSON(): SessionState {
    return describeSession(this)
  }

  /** A Session as {@link toJSON} described it. */
  static fromJSON(state: SessionState): Session {
    return new Session(restoreSession(state))
  }
}
