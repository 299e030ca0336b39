import type { ErrorCode } from './error-codes.ts'
import type { PreparedRequest } from './message/prepared-request.ts'
import type { Response } from './message/response.ts'
import { redactUrl } from './redact-url.ts'

/** What an error carries beside its message. Every member is optional. */
export interface RequestExceptionOptions {
  readonly code?: string | undefined
  readonly cause?: unknown
  readonly request?: PreparedRequest | undefined
  readonly response?: Response | undefined
  readonly connectionReused?: boolean | undefined
  readonly requestBytesSent?: number | null | undefined
  readonly responseStarted?: boolean | undefined
}

const BRANDS = Symbol.for('@entreat/core/errors')

interface Branded {
  readonly [BRANDS]?: readonly string[]
}

/** @internal Gives a class its name, its default code and its brands: its parent's, its own, and `alsoKnownAs`. */
export function identify(
  type: { prototype: RequestException },
  name: string,
  code: string,
  ...alsoKnownAs: string[]
): void {
  const inherited = (Object.getPrototypeOf(type.prototype) as Branded)[BRANDS] ?? []
  const brands = [...new Set([...inherited, ...alsoKnownAs, name])]
  Object.defineProperties(type.prototype, {
    name: { value: name, writable: true, configurable: true },
    code: { value: code, writable: true, configurable: true },
    [BRANDS]: { value: brands },
  })
}

/**
 * The root of every error the library raises.
 *
 * `instanceof` holds across two installed copies of the package: it looks at brands, not at prototypes.
 * `request` and `response` are not enumerable, so that printing an error prints no headers.
 *
 * @remedy Catch it to treat all errors of the library alike. Its own code is that of a response closed before its end and of pages that are none: do as the message says.
 */
export class RequestException extends Error {
  static {
    identify(this, 'RequestException', 'ERR_REQUEST')
  }

  static override [Symbol.hasInstance](this: { prototype: object }, value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false
    const own = Object.hasOwn(this.prototype, BRANDS) ? (this.prototype as Branded)[BRANDS] : undefined
    if (own === undefined) return Object.prototype.isPrototypeOf.call(this.prototype, value)
    return (value as Branded)[BRANDS]?.includes(own[own.length - 1] as string) ?? false
  }

  /** Stable, upper-case, such as `ERR_READ_TIMEOUT`. Messages may change between versions; codes do not. */
  declare readonly code: ErrorCode | (string & {})
  /** The request that failed, as it was to be sent. */
  declare request: PreparedRequest | undefined
  /** The response, where there is one. */
  declare response: Response | undefined
  /** Whether the request travelled on a connection that had served another one before. */
  declare connectionReused: boolean | undefined
  /** Bytes of the request's body handed to the connection; `null` if unknown, 0 if nothing was written or the server says that it has processed nothing (HTTP/2). */
  declare requestBytesSent: number | null | undefined
  /** Whether any byte of the response had arrived. */
  declare responseStarted: boolean | undefined

  /**
   * @param message - what failed, on what, and what to do.
   * @param options - code (default: the class's own), cause, request, response and facts about the connection.
   */
  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    hide(this, 'request', options.request ?? options.response?.request)
    hide(this, 'response', options.response)
    if (options.code !== undefined) hide(this, 'code', options.code)
    if (options.connectionReused !== undefined) hide(this, 'connectionReused', options.connectionReused)
    if (options.requestBytesSent !== undefined) hide(this, 'requestBytesSent', options.requestBytesSent)
    if (options.responseStarted !== undefined) hide(this, 'responseStarted', options.responseStarted)
  }

  /** Name, code, message, method and URL: nothing that could hold a secret. */
  toJSON(): { name: string; code: string; message: string; method: string | null; url: string | null } {
    const { name, code, message, request } = this
    return { name, code, message, method: request?.method ?? null, url: request ? redactUrl(request.url) : null }
  }
}

/** @internal Defines a property that is not shown when the error is printed. */
export function hide(error: RequestException, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false })
}
