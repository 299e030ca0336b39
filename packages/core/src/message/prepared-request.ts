import type { AuthBase } from '../auth/auth-base.ts'
import type { CookieJar } from '../cookie-jar.ts'
import { redactUrl } from '../errors.ts'
import { type HookLists, NO_HOOKS } from '../hooks.ts'
import { type Body, type Content, createBody } from './body.ts'
import { Headers } from './headers.ts'
import { type ParsedUrl, parseUrl } from './url.ts'
import { inspectAs } from './inspect.ts'

const BRAND: unique symbol = Symbol.for('@entreat/core/prepared-request') as never

/** Whether a value is a PreparedRequest, of this copy of the package or another. */
export function isPreparedRequest(value: unknown): value is PreparedRequest {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true
}

/** @internal What a PreparedRequest is made of. */
export interface PreparedParts {
  readonly method: string
  readonly url: ParsedUrl
  readonly headers?: Headers
  readonly body?: Body | null
  readonly auth?: AuthBase | null
  readonly hooks?: HookLists
  readonly cookies?: CookieJar | null
}

/** What a request looked like when it was signed, and the request before that. */
interface Unsigned {
  readonly original: PreparedRequest
  readonly seen: readonly unknown[]
}

/**
 * A request as it will travel: every default merged in, the URL absolute, the body framed.
 *
 * Its fields may be changed before it is sent. Setting `body`, to a Body or to any content, sets Content-Length or Transfer-Encoding to match.
 */
export class PreparedRequest {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
    inspectAs(this.prototype, (value) => value.#show())
  }

  /** Upper case. */
  method: string
  headers: Headers
  /** The scheme that will sign it when it is sent, or `null`. */
  auth: AuthBase | null
  /** The hooks that will run for it. */
  hooks: HookLists
  /** @internal Cookies given to this request alone. */
  cookies: CookieJar | null
  #url: ParsedUrl
  #body: Body | null
  #unsigned: Unsigned | null = null

  /** @internal Use `new Request(…).prepare()` or `session.prepareRequest()`. */
  constructor(parts: PreparedParts) {
    this.method = parts.method
    this.#url = parts.url
    this.headers = parts.headers ?? new Headers()
    this.#body = parts.body ?? null
    this.auth = parts.auth ?? null
    this.hooks = parts.hooks ?? NO_HOOKS
    this.cookies = parts.cookies ?? null
  }

  /** Absolute, normalised, without userinfo; with the fragment, which is never sent. */
  get url(): string {
    return this.#url.href
  }

  set url(url: string) {
    this.#url = parseUrl(url)
  }

  /** @internal */
  get parsedUrl(): ParsedUrl {
    return this.#url
  }

  /** @internal */
  set parsedUrl(url: ParsedUrl) {
    this.#url = url
  }

  get body(): Body | null {
    return this.#body
  }

  set body(body: Body | Content | null) {
    this.#body = body === null ? null : createBody(body)
    this.frame()
  }

  /** Path and query, as in a request line. */
  get pathUrl(): string {
    return this.#url.pathUrl
  }

  /** `scheme://host[:port]`. */
  get origin(): string {
    return this.#url.origin
  }

  /** Whether it can be sent again: it has no body, or one that can be opened anew. */
  get isReplayable(): boolean {
    return this.#body === null || this.#body.isReplayable
  }

  /** A copy with headers of its own; body, auth and hooks are shared. */
  copy(): PreparedRequest {
    return new PreparedRequest({
      method: this.method,
      url: this.#url,
      headers: this.headers.copy(),
      body: this.#body,
      auth: this.auth,
      hooks: this.hooks,
      cookies: this.cookies,
    })
  }

  /** A copy without body and without the headers that describe one. */
  withoutBody(): PreparedRequest {
    const copy = this.copy()
    copy.headers.delete('Content-Type')
    copy.body = null
    return copy
  }

  /**
   * @internal Makes Content-Length and Transfer-Encoding say what the body is. Without a body, Content-Length is 0 for every method but GET and HEAD.
   * @see RFC 9112 section 6
   */
  frame(): void {
    const { headers } = this
    headers.delete('Transfer-Encoding')
    if (this.#body === null) {
      if (this.method === 'GET' || this.method === 'HEAD') headers.delete('Content-Length')
      else headers.set('Content-Length', '0')
    } else if (this.#body.length === null) {
      headers.delete('Content-Length')
      headers.set('Transfer-Encoding', 'chunked')
    } else {
      headers.set('Content-Length', String(this.#body.length))
    }
  }

  /** @internal Remembers the request that this one was before it was signed. */
  signedFrom(original: PreparedRequest): this {
    this.#unsigned = { original, seen: this.#look() }
    return this
  }

  /** @internal The request to send: the unsigned original if nobody has touched this one since, else this one as it stands. */
  get unsigned(): PreparedRequest {
    if (this.#unsigned === null) return this
    const { original, seen } = this.#unsigned
    return this.#look().every((value, index) => value === seen[index]) ? original : this
  }

  #look(): readonly unknown[] {
    return [this.method, this.url, this.headers, this.headers.version, this.#body, this.auth, this.hooks]
  }

  #show(): string {
    return `PreparedRequest { ${this.method} ${redactUrl(this.url)} }`
  }

  toJSON(): { method: string; url: string } {
    return { method: this.method, url: redactUrl(this.url) }
  }
}
