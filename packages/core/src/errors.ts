// The tree, as it is caught:
//
//   RequestException                 everything the library raises
//   ├─ ConnectionError               no response could be had
//   │  ├─ ProxyError                 the proxy refused, failed or lied
//   │  ├─ SSLError                   TLS failed, on either side
//   │  └─ ConnectTimeout             also a Timeout
//   ├─ Timeout
//   │  ├─ ConnectTimeout             also a ConnectionError
//   │  ├─ ReadTimeout                no byte from the server for `timeout.read`
//   │  ├─ WriteTimeout               no byte taken by the server for `timeout.write`
//   │  ├─ PoolTimeout                no free connection within `timeout.pool`
//   │  └─ TotalTimeout               the whole exchange took longer than `timeout.total`
//   ├─ HTTPError                     raiseForStatus() on 4xx and 5xx
//   ├─ TooManyRedirects
//   ├─ InvalidURL
//   │  └─ InvalidProxyURL
//   ├─ MissingSchema  InvalidSchema  InvalidHeader
//   ├─ InvalidJSONError
//   │  └─ JSONDecodeError
//   ├─ ChunkedEncodingError          the body broke off or was badly framed
//   ├─ ContentDecodingError          the body is not what Content-Encoding says
//   ├─ StreamConsumedError  ContentNotReadError
//   ├─ RetryError                    retries used up on statuses
//   ├─ UnrewindableBodyError         a one-shot body would have to be sent twice
//   ├─ LimitExceededError            one of `limits`
//   ├─ AuthenticationError
//   ├─ CookieStoreError
//   └─ UsageError                    a call that cannot be meant
import type { PreparedRequest } from './message/prepared-request.ts'
import type { Response } from './message/response.ts'

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

/** Gives a class its name, its default code and its brands: its parent's, its own, and `alsoKnownAs`. */
function identify(type: { prototype: RequestException }, name: string, code: string, ...alsoKnownAs: string[]): void {
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
  declare readonly code: string
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

function hide(error: RequestException, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false })
}

/** No response could be had: name resolution, connection, protocol. */
export class ConnectionError extends RequestException {
  static {
    identify(this, 'ConnectionError', 'ERR_CONNECTION')
  }
}

/** The proxy could not be reached, refused the tunnel, or broke the protocol. `response` is the proxy's, where it gave one. */
export class ProxyError extends ConnectionError {
  static {
    identify(this, 'ProxyError', 'ERR_PROXY')
  }
}

/** The TLS handshake failed: certificate, protocol version, client certificate. */
export class SSLError extends ConnectionError {
  static {
    identify(this, 'SSLError', 'ERR_SSL')
  }
}

/** Something took longer than a `timeout` allows. */
export class Timeout extends RequestException {
  static {
    identify(this, 'Timeout', 'ERR_TIMEOUT')
  }
}

/** No connection within `timeout.connect`: name resolution, TCP, proxy and TLS together. Also a {@link Timeout}. */
export class ConnectTimeout extends ConnectionError {
  static {
    identify(this, 'ConnectTimeout', 'ERR_CONNECT_TIMEOUT', 'Timeout')
  }
}

/** The server sent nothing for `timeout.read`, before or inside the body. */
export class ReadTimeout extends Timeout {
  static {
    identify(this, 'ReadTimeout', 'ERR_READ_TIMEOUT')
  }
}

/** The server took nothing of the request's body for `timeout.write`. */
export class WriteTimeout extends Timeout {
  static {
    identify(this, 'WriteTimeout', 'ERR_WRITE_TIMEOUT')
  }
}

/** Every connection stayed busy for `timeout.pool`. */
export class PoolTimeout extends Timeout {
  static {
    identify(this, 'PoolTimeout', 'ERR_POOL_TIMEOUT')
  }
}

/** The whole exchange, redirects, retries and body included, took longer than `timeout.total`. */
export class TotalTimeout extends Timeout {
  static {
    identify(this, 'TotalTimeout', 'ERR_TOTAL_TIMEOUT')
  }
}

/** A status of 4xx or 5xx, raised by `response.raiseForStatus()`. */
export class HTTPError extends RequestException {
  static {
    identify(this, 'HTTPError', 'ERR_HTTP_STATUS')
  }
}

/** More than `maxRedirects` redirects. `response` is the last one, its history the others. */
export class TooManyRedirects extends RequestException {
  static {
    identify(this, 'TooManyRedirects', 'ERR_TOO_MANY_REDIRECTS')
  }
}

/** A URL that cannot be parsed, or has no host. */
export class InvalidURL extends RequestException {
  static {
    identify(this, 'InvalidURL', 'ERR_INVALID_URL')
  }
}

/** A proxy URL that cannot be parsed, or has no host. */
export class InvalidProxyURL extends InvalidURL {
  static {
    identify(this, 'InvalidProxyURL', 'ERR_INVALID_PROXY_URL')
  }
}

/** A URL without a scheme. */
export class MissingSchema extends RequestException {
  static {
    identify(this, 'MissingSchema', 'ERR_MISSING_SCHEMA')
  }
}

/** A URL whose scheme no mounted adapter serves. */
export class InvalidSchema extends RequestException {
  static {
    identify(this, 'InvalidSchema', 'ERR_INVALID_SCHEMA')
  }
}

/** A header name or value that must not travel, or headers that contradict each other. */
export class InvalidHeader extends RequestException {
  static {
    identify(this, 'InvalidHeader', 'ERR_INVALID_HEADER')
  }
}

/** A value that JSON cannot say, or text that is not JSON. */
export class InvalidJSONError extends RequestException {
  static {
    identify(this, 'InvalidJSONError', 'ERR_INVALID_JSON')
  }
}

/** A response body that is not JSON. The message does not repeat the body. */
export class JSONDecodeError extends InvalidJSONError {
  static {
    identify(this, 'JSONDecodeError', 'ERR_JSON_DECODE')
  }

  /** The text that could not be parsed. Not enumerable. */
  declare readonly doc: string

  /** @param doc - the text; `options` as for every error. */
  constructor(message: string, doc: string, options: RequestExceptionOptions = {}) {
    super(message, options)
    hide(this, 'doc', doc)
  }
}

/** The body ended early or its framing is broken. */
export class ChunkedEncodingError extends RequestException {
  static {
    identify(this, 'ChunkedEncodingError', 'ERR_BODY_TRUNCATED')
  }
}

/** The body is not in the coding that Content-Encoding names. */
export class ContentDecodingError extends RequestException {
  static {
    identify(this, 'ContentDecodingError', 'ERR_CONTENT_DECODING')
  }
}

/** The stream was read before and was not kept. */
export class StreamConsumedError extends RequestException {
  static {
    identify(this, 'StreamConsumedError', 'ERR_STREAM_CONSUMED')
  }
}

/** `content`, `text` or `json()` of a streamed response before `await response.read()`. */
export class ContentNotReadError extends RequestException {
  static {
    identify(this, 'ContentNotReadError', 'ERR_CONTENT_NOT_READ')
  }
}

/** Retries ran out on a status in `statusForcelist`. */
export class RetryError extends RequestException {
  static {
    identify(this, 'RetryError', 'ERR_RETRIES_EXHAUSTED')
  }
}

/** A body that can be read once would have to be sent again. */
export class UnrewindableBodyError extends RequestException {
  static {
    identify(this, 'UnrewindableBodyError', 'ERR_BODY_NOT_REPLAYABLE')
  }
}

/** Something was larger than one of `limits` allows. */
export class LimitExceededError extends RequestException {
  static {
    identify(this, 'LimitExceededError', 'ERR_LIMIT_EXCEEDED')
  }
}

/** An authentication scheme could not do its work, or refused the server. */
export class AuthenticationError extends RequestException {
  static {
    identify(this, 'AuthenticationError', 'ERR_AUTHENTICATION')
  }
}

/** The cookie store failed, is not synchronous where it has to be, or holds several cookies where one was asked for. */
export class CookieStoreError extends RequestException {
  static {
    identify(this, 'CookieStoreError', 'ERR_COOKIE_STORE')
  }
}

/** A call that cannot be meant: an unknown option, a value of the wrong type. */
export class UsageError extends RequestException {
  static {
    identify(this, 'UsageError', 'ERR_USAGE')
  }
}

const SECRET_PARAMETERS =
  /([?&#](?:access_token|refresh_token|id_token|token|api_?key|secret|client_secret|password|passwd|pwd|signature|sig|oauth_signature|oauth_token|oauth_verifier|x-amz-signature|x-amz-security-token)=)[^&#]*/gi

/**
 * A URL as it may be shown: without userinfo, and with the values of parameters that usually hold secrets masked.
 *
 * @param url - any text that is meant as a URL; need not be valid.
 */
export function redactUrl(url: string): string {
  const scheme = url.indexOf('://')
  let shown = url
  if (scheme !== -1) {
    const start = scheme + 3
    const length = url.slice(start).search(/[/?#\\]/)
    const end = length === -1 ? url.length : start + length
    const at = url.lastIndexOf('@', end - 1)
    if (at >= start) shown = url.slice(0, start) + url.slice(at + 1)
  }
  return shown.replace(SECRET_PARAMETERS, '$1***')
}

/** Schemes in which the text before an @ is an address, not a credential. */
const ADDRESS_SCHEMES = /^(?:mailto|sips?|xmpp|acct):/i

/**
 * Text that is no URL, but was meant as one, as it may be shown: whatever stands before its last @ could be a password.
 */
export function redactInvalidUrl(text: string): string {
  const at = text.lastIndexOf('@')
  if (at === -1 || ADDRESS_SCHEMES.test(text)) return redactUrl(text)
  const [start = ''] = /^\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]*/i.exec(text) ?? []
  return `${start}***@${redactUrl(text.slice(at + 1))}`
}
