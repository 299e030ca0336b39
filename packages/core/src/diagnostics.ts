import { channel } from 'node:diagnostics_channel'
import { redactUrl, RequestException } from './errors.ts'
import type { PreparedRequest } from './message/prepared-request.ts'
import type { Response } from './message/response.ts'
import type { Timings } from './message/timings.ts'

/** What every message has. Plain values, none of them a secret: URLs are redacted, headers and bodies are not there. */
export interface DiagnosticsMessage {
  /** Equal in all messages of one call. */
  readonly id: number
  readonly method: string
  readonly url: string
}

/** `entreat:leg`: one exchange on the wire, auth legs and requests out of band included, when its head was there or it failed. */
export interface LegMessage extends DiagnosticsMessage {
  /** Redirects before it. */
  readonly hop: number
  /** Retries before it. */
  readonly attempt: number
  /** `null` if it failed. */
  readonly statusCode: number | null
  readonly timings: Timings | null
  readonly error: FailureMessage | null
}

/** `entreat:redirect`: a redirect that is followed. */
export interface RedirectMessage extends DiagnosticsMessage {
  readonly statusCode: number
  readonly location: string
}

/** `entreat:retry`: an attempt that is repeated. */
export interface RetryMessage extends DiagnosticsMessage {
  /** Of the attempt to come, from 1. */
  readonly attempt: number
  readonly delayMs: number
  readonly statusCode: number | null
  readonly error: FailureMessage | null
}

/** `entreat:end`: the call has its response. Its body has been read, unless it is streamed. */
export interface EndMessage extends DiagnosticsMessage {
  readonly statusCode: number
  readonly timings: Timings
  /** Redirects and refused auth legs. */
  readonly legsBefore: number
}

/** `entreat:error`: the call failed. */
export interface ErrorMessage extends DiagnosticsMessage {
  readonly error: FailureMessage
}

/** An error as it may be shown. */
export interface FailureMessage {
  readonly name: string
  /** The stable code of an error of this library; `null` for any other. */
  readonly code: string | null
  readonly message: string
}

const starts = channel('entreat:start')
const legs = channel('entreat:leg')
const redirections = channel('entreat:redirect')
const retrials = channel('entreat:retry')
const ends = channel('entreat:end')
const errors = channel('entreat:error')

let calls = 0

/** Tells the messages of one call from those of others. */
export function nextCallId(): number {
  return ++calls
}

export function announceStart(id: number, request: PreparedRequest): void {
  if (starts.hasSubscribers) starts.publish(aboutRequest(id, request) satisfies DiagnosticsMessage)
}

/** Whether somebody wants to know of legs: noting what they were costs a little. */
export function tellsLegs(): boolean {
  return legs.hasSubscribers
}

export function announceLeg(
  { id, hop, attempt }: { readonly id: number; readonly hop: number; readonly attempt: number },
  request: PreparedRequest,
  outcome: { readonly response?: Response; readonly error?: unknown },
): void {
  const { response } = outcome
  legs.publish({
    ...aboutRequest(id, request),
    hop,
    attempt,
    statusCode: response?.statusCode ?? null,
    timings: response?.timings ?? null,
    error: response === undefined ? aboutError(outcome.error) : null,
  } satisfies LegMessage)
}

export function announceRedirect(
  id: number,
  request: PreparedRequest,
  response: Response,
  next: PreparedRequest,
): void {
  if (!redirections.hasSubscribers) return
  const location = redactUrl(next.url)
  redirections.publish({
    ...aboutRequest(id, request),
    statusCode: response.statusCode,
    location,
  } satisfies RedirectMessage)
}

export function announceRetry(
  id: number,
  request: PreparedRequest,
  next: {
    readonly attempt: number
    readonly delayMs: number
    readonly response?: Response | undefined
    readonly error?: unknown
  },
): void {
  if (!retrials.hasSubscribers) return
  const { attempt, delayMs, response } = next
  retrials.publish({
    ...aboutRequest(id, request),
    attempt,
    delayMs,
    statusCode: response?.statusCode ?? null,
    error: response === undefined ? aboutError(next.error) : null,
  } satisfies RetryMessage)
}

export function announceEnd(id: number, request: PreparedRequest, response: Response): void {
  if (!ends.hasSubscribers) return
  const { statusCode, timings, history } = response
  ends.publish({
    ...aboutRequest(id, request),
    statusCode,
    timings,
    legsBefore: history.length,
  } satisfies EndMessage)
}

export function announceError(id: number, request: PreparedRequest, error: unknown): void {
  if (errors.hasSubscribers)
    errors.publish({ ...aboutRequest(id, request), error: aboutError(error) } satisfies ErrorMessage)
}

function aboutRequest(id: number, request: PreparedRequest): DiagnosticsMessage {
  return { id, method: request.method, url: redactUrl(request.url) }
}

/** What is not an error of ours, such as a caller's reason to abort, is shown by its name alone: nobody knows what it says. */
function aboutError(error: unknown): FailureMessage {
  if (error instanceof RequestException) return { name: error.name, code: error.code, message: error.message }
  const name = error instanceof Error ? error.name : typeof error
  return { name, code: null, message: '' }
}
