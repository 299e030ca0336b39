import {
  ChunkedEncodingError,
  ConnectionError,
  InvalidHeader,
  LimitExceededError,
  ProxyError,
  RequestException,
  type RequestExceptionOptions,
  SSLError,
  redactUrl,
  UsageError,
} from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { isTlsError, tlsReason } from './tls-reason.ts'

/** How far an exchange had come when it failed. */
export interface Progress {
  readonly request: PreparedRequest
  /** Connecting, before the head of the response, or inside its body. */
  readonly phase: 'connect' | 'head' | 'body'
  readonly connectionReused: boolean
  readonly requestBytesSent: number | null
  readonly responseStarted: boolean
  /** Whether the connection is TLS 1.3 and gave nothing yet: a client certificate refused looks like a plain close. */
  readonly freshTls13?: boolean
  /** Whether a proxy forwards the request, so that it is the proxy who did not answer. */
  readonly isForwarded?: boolean
}

/** How a server that refuses a client certificate under TLS 1.3 ends the connection, after the handshake. */
const CLOSED_CODES: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** What llhttp says of Content-Length twice, or beside Transfer-Encoding: whoever believes one of them may be smuggled another response (RFC 9112 section 6.3). */
const CONTRADICTING_LENGTHS =
  /\((?:Duplicate Content-Length|(?:Content-Length|Transfer-Encoding) can't be present with .*)\)/

/**
 * The RequestException for what a socket, TLS or the HTTP engine reported, with the original as its cause.
 * An error that is a RequestException already is returned itself, told of the request if it knew none.
 */
export function networkError(error: unknown, progress: Progress): RequestException {
  const { request, phase, connectionReused, requestBytesSent, responseStarted } = progress
  const where = `${request.method} ${redactUrl(request.url)}`
  if (error instanceof RequestException) {
    if (error.request === undefined) error.message = `${where}: ${error.message}`
    error.request ??= request
    error.connectionReused ??= connectionReused
    error.requestBytesSent ??= requestBytesSent
    error.responseStarted ??= responseStarted
    return error
  }
  const options: RequestExceptionOptions = {
    cause: error,
    request,
    connectionReused,
    requestBytesSent,
    responseStarted,
  }
  const reason = reasonOf(error)
  const code = (error as NodeJS.ErrnoException).code ?? ''
  // RFC 7301 section 3.2: none of the protocols offered is one of the server's.
  if (code.endsWith('NO_APPLICATION_PROTOCOL'))
    return new SSLError(`${where}: the server does not speak HTTP/1.1, perhaps HTTP/2 alone`, options)
  const isProxys = progress.isForwarded === true && phase === 'head'
  if (isTlsError(error) && !isProxys) return new SSLError(`${where}: TLS failed: ${tlsReason(error)}`, options)
  if (phase === 'head' && CONTRADICTING_LENGTHS.test(reason))
    return new InvalidHeader(`${where}: the response says its length twice: ${reason}`, options)
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    const Refused = reason.includes('header') ? InvalidHeader : UsageError
    return new Refused(`${where}: ${reason}`, options)
  }
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new InvalidHeader(`${where}: the body has not the length that Content-Length says`, options)
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return new LimitExceededError(`${where}: the head of the response is longer than limits.headerBytes`, options)
  if (phase === 'body') return new ChunkedEncodingError(`${where}: the response body broke off: ${reason}`, options)
  if (progress.freshTls13 === true && CLOSED_CODES.has(code)) {
    const [Failed, who] = isProxys ? ([ProxyError, 'proxy'] as const) : ([SSLError, 'server'] as const)
    const why = 'closed right after the TLS handshake: perhaps it wants a client certificate (cert)'
    return new Failed(`${where}: the ${who} ${why}`, options)
  }
  if (isProxys) {
    const why = isTlsError(error) ? tlsReason(error) : reason
    return new ProxyError(`${where}: the proxy did not answer: ${why}`, options)
  }
  return new ConnectionError(
    `${where}: ${phase === 'connect' ? 'could not connect' : 'no response'}: ${reason}`,
    options,
  )
}

/** The same failure told of another request that it befell too: errors name their request. What is no RequestException is returned itself. */
export function retold(error: unknown, request: PreparedRequest): unknown {
  if (!(error instanceof RequestException)) return error
  const { message, code, cause, response, connectionReused, requestBytesSent, responseStarted } = error
  const before = error.request === undefined ? '' : `${error.request.method} ${redactUrl(error.request.url)}: `
  const text = message.startsWith(before) ? message.slice(before.length) : message
  const facts = { connectionReused, requestBytesSent, responseStarted }
  const Same = error.constructor as typeof RequestException
  return new Same(`${request.method} ${redactUrl(request.url)}: ${text}`, { code, cause, request, response, ...facts })
}

/** The error for a proxy that could not be reached, or whose tunnel failed. */
export function proxyError(error: unknown, proxyUrl: string, request: PreparedRequest): RequestException {
  if (error instanceof RequestException) return error
  const shown = redactUrl(proxyUrl)
  return new ProxyError(
    `Cannot connect to proxy ${shown}: ${isTlsError(error) ? `TLS failed: ${tlsReason(error)}` : reasonOf(error)}`,
    {
      cause: error,
      request,
      connectionReused: false,
      requestBytesSent: 0,
      responseStarted: false,
    },
  )
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(reasonOf))].join('; ')
  }
  const { message, code } = error as NodeJS.ErrnoException
  return message || code || String(error)
}
