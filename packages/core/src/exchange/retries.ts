import type { Clock } from '../clock.ts'
import { announceRetry } from '../diagnostics.ts'
import {
  ConnectionError,
  PoolTimeout,
  RequestException,
  RetryError,
  SSLError,
  Timeout,
  TotalTimeout,
  redactUrl,
} from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { isIdempotent, parseRetryAfter, type Retry, type RetryReason } from '../retry.ts'
import { delay } from '../timeout.ts'
import type { Exchange, ExchangeOptions } from './exchange.ts'

/** What one attempt came to. */
type Outcome =
  | { readonly response: Response; readonly error?: undefined }
  | { readonly error: unknown; readonly response?: undefined }

/** Repeats what is safe to repeat. Above authentication, so that every attempt is signed anew. */
export function retries(next: Exchange): Exchange {
  return (request, options) =>
    options.retry === null
      ? withStaleRepeat(next, request, options)
      : withRetries(next, request, options, options.retry)
}

async function withRetries(
  next: Exchange,
  request: PreparedRequest,
  options: ExchangeOptions,
  retry: Retry,
): Promise<Response> {
  const made: Record<RetryReason, number> = { connect: 0, read: 0, status: 0, other: 0 }
  for (let attempt = 0; ; attempt++) {
    const outcome = await tried(() => withStaleRepeat(next, request, attempt === 0 ? options : { ...options, attempt }))
    const reason = retryReason(retry, request, outcome)
    if (reason === null) return settle(outcome)
    if (retry.isExhausted(made, reason)) return exhausted(retry, request, outcome)
    made[reason]++
    const delayMs = waitBefore(retry, attempt + 1, outcome.response, options.clock)
    if (delayMs === null) return settle(outcome)
    if (!(await isWanted(request, outcome, attempt + 1, delayMs))) return settle(outcome)
    announceRetry(options.id, request, { attempt: attempt + 1, delayMs, ...outcome })
    await outcome.response?.drain()
    if (delayMs > 0) await delay(delayMs, options)
  }
}

async function tried(send: () => Promise<Response>): Promise<Outcome> {
  try {
    return { response: await send() }
  } catch (error) {
    return { error }
  }
}

function settle(outcome: Outcome): Response {
  if (outcome.response === undefined) throw outcome.error
  return outcome.response
}

/**
 * A kept connection may have been closed by the server just as it was used again: no byte came back, and the request goes out once more; so does an
 * exchange that was bound to it, from its beginning.
 */
function withStaleRepeat(next: Exchange, request: PreparedRequest, options: ExchangeOptions): Promise<Response> {
  return next(request, options).catch((error: unknown) => {
    if (!isStale(error) || !mayGoAgain(request, error) || options.signal?.aborted === true) throw error
    return next(request, options)
  })
}

/** Requests that may be repeated, or of which nothing was sent, or no more than a leg that left the body out to be asked for credentials. */
function mayGoAgain(request: PreparedRequest, error: ConnectionError): boolean {
  const { body } = request
  if (body !== null && !body.isReplayable && body.isSpent !== false) return false
  if (isIdempotent(request.method) || error.requestBytesSent === 0) return true
  return body !== null && error.request?.body === null
}

/** Whether a kept connection failed before a byte of the response, whatever the failure was called; not because we closed it. */
function isStale(error: unknown): error is ConnectionError {
  if (!(error instanceof ConnectionError) || error.code === 'ERR_CLOSED') return false
  return error.connectionReused === true && error.responseStarted === false
}

/** Why an outcome is to be retried, or `null` if it stands. */
function retryReason(retry: Retry, request: PreparedRequest, { response, error }: Outcome): RetryReason | null {
  if (response !== undefined) {
    if (!request.isReplayable) return null
    return retry.retriesStatus(request.method, response.statusCode, response.headers.has('retry-after'))
      ? 'status'
      : null
  }
  if (
    !(error instanceof RequestException) ||
    error instanceof TotalTimeout ||
    error instanceof PoolTimeout ||
    error instanceof SSLError
  )
    return null
  if (!(error instanceof ConnectionError || error instanceof Timeout) || error.code === 'ERR_CLOSED') return null
  if (error.requestBytesSent === 0) return 'connect'
  return retry.allowsMethod(request.method) && request.isReplayable ? 'read' : null
}

/** Milliseconds to wait, or `null` if the server asks for longer than we are willing. */
function waitBefore(retry: Retry, attempt: number, response: Response | undefined, clock: Clock): number | null {
  const header = retry.respectRetryAfter ? response?.headers.get('retry-after') : null
  const asked = header ? parseRetryAfter(header, clock.now()) : null
  if (asked === null) return retry.backoff(attempt)
  return asked > retry.maxRetryAfterMs ? null : asked
}

async function isWanted(
  request: PreparedRequest,
  { response, error }: Outcome,
  attempt: number,
  delayMs: number,
): Promise<boolean> {
  const told = response === undefined ? { error: error as Error } : { response }
  try {
    for (const hook of request.hooks.retry) {
      if ((await hook({ attempt, delayMs, ...told })) === false) return false
    }
  } catch (failure) {
    response?.close()
    throw failure
  }
  return true
}

function exhausted(retry: Retry, request: PreparedRequest, outcome: Outcome): Response {
  const { response } = outcome
  if (response === undefined || !retry.raiseOnStatus || !retry.statusForcelist.has(response.statusCode))
    return settle(outcome)
  response.close()
  throw new RetryError(
    `${request.method} ${redactUrl(request.url)}: retries used up, the last answer was ${response.statusCode}`,
    { response },
  )
}
