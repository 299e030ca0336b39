import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Connection, TransportOptions } from '../transport/transport-adapter.ts'
import type { Challenge } from './challenge.ts'
import { inspectAs } from '../message/inspect.ts'

const BRAND: unique symbol = Symbol.for('@entreat/core/auth') as never

/**
 * What a scheme may do and know during one exchange. It does no I/O of its own.
 *
 * Its methods are a class's: to change one, as a test may want to change the clock, use `Object.create(context)`, not `{ ...context }`.
 */
export interface AuthContext {
  /** Who asks: the origin by 401 and WWW-Authenticate, or a proxy by 407 and Proxy-Authenticate. */
  readonly recipient: 'origin' | 'proxy'
  /** `scheme://host[:port]` of whom is signed for: the request's origin, or the proxy. */
  readonly recipientOrigin: string
  /** The target as it goes on the wire: origin, absolute or authority form (RFC 9112 section 3.2). */
  readonly requestTarget: string
  /** The caller's signal and the deadline together. */
  readonly signal?: AbortSignal | undefined
  /** The challenges that a response makes to this recipient, parsed. Empty unless it makes any. */
  challenges(response: Response): Challenge[]
  /** Writes `Authorization` or `Proxy-Authorization`, whichever the recipient reads. */
  authorize(request: PreparedRequest, value: string): void
  /**
   * From here on every leg travels on one exclusive HTTP/1.1 connection.
   *
   * @throws AuthenticationError if the adapter has no connections to bind.
   */
  bind(): Promise<Connection>
  /** Sends a request outside the exchange, such as to a token endpoint: no auth, cookies, redirects, retries or hooks; 30 seconds by default. */
  send(
    request: PreparedRequest,
    options?: Partial<Pick<TransportOptions, 'timeout' | 'verify' | 'cert' | 'signal'>>,
  ): Promise<Response>
  /** Milliseconds since the epoch. */
  now(): number
}

/**
 * An authentication scheme. Override {@link apply} if signing needs no answer from the server, else {@link authFlow}.
 *
 * One instance serves concurrent requests and several Sessions: what belongs to one exchange lives in the generator, what belongs to a
 * connection in a `WeakMap<Connection, …>`.
 */
export abstract class AuthBase {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
    inspectAs(this.prototype, (auth) => `${auth.constructor.name} {}`)
  }

  /** Shorthand for `await context.bind()` before the first leg. Default `false`. */
  readonly connectionBound: boolean = false
  /**
   * Whether the scheme itself decides for each origin what it signs with. Then it is asked again where another scheme is dropped: after a redirect to another
   * origin, and outside a Session's `baseUrl`. Default `false`.
   */
  readonly choosesByOrigin: boolean = false
  /** Bound connections are shared only between requests with an equal key. Default: this instance. */
  readonly poolKey: unknown = this

  /** The scheme's name and nothing else: what it holds are secrets. */
  toJSON(): object {
    return { scheme: this.constructor.name }
  }

  /** Signs a request: a copy that nobody else sees. Default: nothing. */
  apply(_request: PreparedRequest, _context: AuthContext): void | Promise<void> {}

  /** Yields a request, receives its response, until the exchange is over; the last response is the result. Default: apply, then yield once. */
  async *authFlow(request: PreparedRequest, context: AuthContext): AsyncGenerator<PreparedRequest, void, Response> {
    await this.apply(request, context)
    yield request
  }
}

/** Whether a value is an auth scheme, of this copy of the package or another. */
export function isAuth(value: unknown): value is AuthBase {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true
}

/** Whether a scheme overrides only `apply`, so that no generator need be driven. */
export function signsOnly(auth: AuthBase): boolean {
  return auth.authFlow === AuthBase.prototype.authFlow && !auth.connectionBound
}
