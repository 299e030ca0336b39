import {
  ChunkedEncodingError,
  ConnectionError,
  ConnectTimeout,
  RequestException,
  type RequestExceptionOptions,
  SSLError,
} from '@entreat/core'
import { describeTask, type Task } from './task.ts'

const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO$|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/

/** The error of TLS on a connection that was to be secured: the certificate, or what OpenSSL said. */
export class TlsFailure extends Error {
  override readonly name = 'TlsFailure'

  constructor(cause: unknown) {
    super(reasonOf(cause), { cause })
  }
}

/**
 * The RequestException for what went wrong on a control or data connection, with the original as its cause.
 * One that is a RequestException already is told of the request.
 */
export function failure(error: unknown, task: Task, phase: 'connect' | 'head' | 'body' = 'head'): RequestException {
  const { request, connectionReused, requestBytesSent, responseStarted } = task
  const where = describeTask(task)
  if (error instanceof RequestException) {
    if (error.request === undefined) error.message = `${where}: ${error.message}`
    error.request ??= request
    error.connectionReused ??= connectionReused
    error.requestBytesSent ??= requestBytesSent
    error.responseStarted ??= responseStarted
    if (error.cause === undefined) hideCause(error)
    return error
  }
  const original = error instanceof TlsFailure ? error.cause : error
  const options: RequestExceptionOptions = {
    cause: original,
    request,
    connectionReused,
    requestBytesSent,
    responseStarted,
  }
  const reason = reasonOf(original)
  if (error instanceof TlsFailure || TLS_CODE.test((original as NodeJS.ErrnoException).code ?? ''))
    return new SSLError(`${where}: TLS failed: ${reason}`, options)
  if (phase === 'body') return new ChunkedEncodingError(`${where}: the transfer broke off: ${reason}`, options)
  const what = phase === 'connect' ? 'could not connect' : 'no reply'
  return new ConnectionError(`${where}: ${what}: ${reason}`, options)
}

/** Rule 4.2.7 wants a cause; where we noticed ourselves what is wrong, it is that. */
function hideCause(error: RequestException): void {
  Object.defineProperty(error, 'cause', { value: new Error(error.message), writable: true, configurable: true })
}

/** The error for a connection that did not come about in time. */
export function connectTimeout(task: Task, waitMs: number, what = 'could not connect'): ConnectTimeout {
  const { request, connectionReused, requestBytesSent, responseStarted } = task
  const message = `${describeTask(task)}: ${what} within timeout.connect = ${waitMs} ms`
  return new ConnectTimeout(message, { request, connectionReused, requestBytesSent, responseStarted })
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0)
    return [...new Set(error.errors.map(reasonOf))].join('; ')
  const { message, code } = error as NodeJS.ErrnoException
  return message || code || String(error)
}
