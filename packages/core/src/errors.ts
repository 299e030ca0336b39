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
import { identify, RequestException } from './request-exception.ts'

export { InvalidJSONError, JSONDecodeError } from './json-errors.ts'
export { redactInvalidUrl, redactUrl } from './redact-url.ts'
export { RequestException, type RequestExceptionOptions } from './request-exception.ts'

/**
 * No response could be had: name resolution, connection, protocol.
 *
 * @remedy Check the host, the port and the network; `cause` has the code of the system, such as `ECONNREFUSED` or `ENOTFOUND`. Where it may be repeated, give the Session `retry`.
 * @code ERR_CLOSED - The Session or the adapter was closed while the request waited or ran.
 * @remedy Await what is running before `close()`, or give `close({ graceMs })` time for it.
 */
export class ConnectionError extends RequestException {
  static {
    identify(this, 'ConnectionError', 'ERR_CONNECTION')
  }
}

/**
 * The proxy could not be reached, refused the tunnel, or broke the protocol. `response` is the proxy's, where it gave one.
 *
 * @remedy Check the proxy's address and credentials (`proxyAuth`), and whether the host belongs into `NO_PROXY`; `response` is what the proxy said.
 */
export class ProxyError extends ConnectionError {
  static {
    identify(this, 'ProxyError', 'ERR_PROXY')
  }

  declare readonly code: 'ERR_PROXY'
}

/**
 * The TLS handshake failed: certificate, protocol version, client certificate.
 *
 * @remedy Give the CA of the server as `verify`, or a client certificate as `cert`; `cause` has the code of OpenSSL, such as `SELF_SIGNED_CERT_IN_CHAIN`.
 */
export class SSLError extends ConnectionError {
  static {
    identify(this, 'SSLError', 'ERR_SSL')
  }

  declare readonly code: 'ERR_SSL'
}

/**
 * Something took longer than a `timeout` allows.
 *
 * @remedy Catch it to treat all timeouts alike. The library raises the five below it, each of which names its own setting.
 */
export class Timeout extends RequestException {
  static {
    identify(this, 'Timeout', 'ERR_TIMEOUT')
  }
}

/**
 * No connection within `timeout.connect`: name resolution, TCP, proxy and TLS together. Also a {@link Timeout}.
 *
 * @remedy Check that the host can be reached, or raise `timeout.connect`. Nothing was sent: it may be repeated.
 */
export class ConnectTimeout extends ConnectionError {
  static {
    identify(this, 'ConnectTimeout', 'ERR_CONNECT_TIMEOUT', 'Timeout')
  }

  declare readonly code: 'ERR_CONNECT_TIMEOUT'
}

/**
 * The server sent nothing for `timeout.read`, before or inside the body.
 *
 * @remedy Raise `timeout.read` for servers that take their time, or `null` for streams that may be silent. The server may have done what it was asked.
 */
export class ReadTimeout extends Timeout {
  static {
    identify(this, 'ReadTimeout', 'ERR_READ_TIMEOUT')
  }

  declare readonly code: 'ERR_READ_TIMEOUT'
}

/**
 * The server took nothing of the request's body for `timeout.write`.
 *
 * @remedy Raise `timeout.write`, or send less at once; the server reads too slowly.
 */
export class WriteTimeout extends Timeout {
  static {
    identify(this, 'WriteTimeout', 'ERR_WRITE_TIMEOUT')
  }

  declare readonly code: 'ERR_WRITE_TIMEOUT'
}

/**
 * Every connection stayed busy for `timeout.pool`.
 *
 * @remedy Read or close every streamed response, raise `limits.connectionsPerOrigin` or `timeout.pool`, or send less at once.
 */
export class PoolTimeout extends Timeout {
  static {
    identify(this, 'PoolTimeout', 'ERR_POOL_TIMEOUT')
  }

  declare readonly code: 'ERR_POOL_TIMEOUT'
}

/**
 * The whole exchange, redirects, retries and body included, took longer than `timeout.total`.
 *
 * @remedy Raise `timeout.total`, or stream the response and take what has arrived.
 */
export class TotalTimeout extends Timeout {
  static {
    identify(this, 'TotalTimeout', 'ERR_TOTAL_TIMEOUT')
  }

  declare readonly code: 'ERR_TOTAL_TIMEOUT'
}

/**
 * A status of 4xx or 5xx, raised by `response.raiseForStatus()`.
 *
 * @remedy Read `response`: its status, and often its body, say what the server did not like.
 */
export class HTTPError extends RequestException {
  static {
    identify(this, 'HTTPError', 'ERR_HTTP_STATUS')
  }

  declare readonly code: 'ERR_HTTP_STATUS'
}

/**
 * More than `maxRedirects` redirects. `response` is the last one, its history the others.
 *
 * @remedy Look at `response.history`: it is usually a loop that a cookie or a header would end. Otherwise raise `maxRedirects`.
 */
export class TooManyRedirects extends RequestException {
  static {
    identify(this, 'TooManyRedirects', 'ERR_TOO_MANY_REDIRECTS')
  }

  declare readonly code: 'ERR_TOO_MANY_REDIRECTS'
}

/**
 * A URL that cannot be parsed, or has no host.
 *
 * @remedy Correct the URL; user input goes into `params`, or through `encodeURIComponent`.
 */
export class InvalidURL extends RequestException {
  static {
    identify(this, 'InvalidURL', 'ERR_INVALID_URL')
  }
}

/**
 * A proxy URL that cannot be parsed, or has no host.
 *
 * @remedy Write the proxy as `http://host:port`, in `proxies` or in the environment (`HTTPS_PROXY`).
 */
export class InvalidProxyURL extends InvalidURL {
  static {
    identify(this, 'InvalidProxyURL', 'ERR_INVALID_PROXY_URL')
  }

  declare readonly code: 'ERR_INVALID_PROXY_URL'
}

/**
 * A URL without a scheme.
 *
 * @remedy Write `https://` in front of it, or give the Session a `baseUrl`.
 */
export class MissingSchema extends RequestException {
  static {
    identify(this, 'MissingSchema', 'ERR_MISSING_SCHEMA')
  }

  declare readonly code: 'ERR_MISSING_SCHEMA'
}

/**
 * A URL whose scheme no mounted adapter serves.
 *
 * @remedy Mount an adapter for the scheme (`session.mount`), or correct the URL. A redirect may only lead to http and https.
 */
export class InvalidSchema extends RequestException {
  static {
    identify(this, 'InvalidSchema', 'ERR_INVALID_SCHEMA')
  }

  declare readonly code: 'ERR_INVALID_SCHEMA'
}

/**
 * A header name or value that must not travel, or headers that contradict each other.
 *
 * @remedy Take line breaks and other controls out of names and values, and leave Content-Length and Transfer-Encoding to the library.
 */
export class InvalidHeader extends RequestException {
  static {
    identify(this, 'InvalidHeader', 'ERR_INVALID_HEADER')
  }

  declare readonly code: 'ERR_INVALID_HEADER'
}

/**
 * The body ended early or its framing is broken.
 *
 * @remedy Repeat the request if its method is safe; what has arrived is not to be trusted as whole.
 */
export class ChunkedEncodingError extends RequestException {
  static {
    identify(this, 'ChunkedEncodingError', 'ERR_BODY_TRUNCATED')
  }

  declare readonly code: 'ERR_BODY_TRUNCATED'
}

/**
 * The body is not in the coding that Content-Encoding names.
 *
 * @remedy Ask for no coding (`Accept-Encoding: identity`), or read `raw`.
 */
export class ContentDecodingError extends RequestException {
  static {
    identify(this, 'ContentDecodingError', 'ERR_CONTENT_DECODING')
  }

  declare readonly code: 'ERR_CONTENT_DECODING'
}

/**
 * The stream was read before and was not kept.
 *
 * @remedy Read a response once; to read it again, `await response.read()` instead of iterating.
 */
export class StreamConsumedError extends RequestException {
  static {
    identify(this, 'StreamConsumedError', 'ERR_STREAM_CONSUMED')
  }

  declare readonly code: 'ERR_STREAM_CONSUMED'
}

/**
 * `content`, `text` or `json()` of a streamed response before `await response.read()`.
 *
 * @remedy `await response.read()` first, or send the request without `stream`.
 */
export class ContentNotReadError extends RequestException {
  static {
    identify(this, 'ContentNotReadError', 'ERR_CONTENT_NOT_READ')
  }

  declare readonly code: 'ERR_CONTENT_NOT_READ'
}

/**
 * Retries ran out on a status in `statusForcelist`.
 *
 * @remedy Read `response`, the last one; raise `retry.total`, or wait and try again later.
 */
export class RetryError extends RequestException {
  static {
    identify(this, 'RetryError', 'ERR_RETRIES_EXHAUSTED')
  }

  declare readonly code: 'ERR_RETRIES_EXHAUSTED'
}

/**
 * A body that can be read once would have to be sent again.
 *
 * @remedy Give a function that opens the stream anew, a Blob, a buffer, or a file stream; or authenticate before the body is sent.
 */
export class UnrewindableBodyError extends RequestException {
  static {
    identify(this, 'UnrewindableBodyError', 'ERR_BODY_NOT_REPLAYABLE')
  }

  declare readonly code: 'ERR_BODY_NOT_REPLAYABLE'
}

/**
 * Something was larger than one of `limits` allows.
 *
 * @remedy Raise the limit that the message names if the server is to be trusted, or stream the response.
 */
export class LimitExceededError extends RequestException {
  static {
    identify(this, 'LimitExceededError', 'ERR_LIMIT_EXCEEDED')
  }

  declare readonly code: 'ERR_LIMIT_EXCEEDED'
}

/**
 * An authentication scheme could not do its work, or refused the server.
 *
 * @remedy Check the credentials, and that the server offers a scheme that this one can answer; `response` is its last answer.
 */
export class AuthenticationError extends RequestException {
  static {
    identify(this, 'AuthenticationError', 'ERR_AUTHENTICATION')
  }
}

/**
 * The cookie store failed, is not synchronous where it has to be, or holds several cookies where one was asked for.
 *
 * @remedy Use `jar.tough` for an asynchronous store; name `domain` or `path` where several cookies match; mend the line of the cookie file that the message names.
 */
export class CookieStoreError extends RequestException {
  static {
    identify(this, 'CookieStoreError', 'ERR_COOKIE_STORE')
  }

  declare readonly code: 'ERR_COOKIE_STORE'
}

/**
 * A call that cannot be meant: an unknown option, a value of the wrong type.
 *
 * @remedy Correct the call; the message names the option and the nearest one that exists.
 */
export class UsageError extends RequestException {
  static {
    identify(this, 'UsageError', 'ERR_USAGE')
  }
}
