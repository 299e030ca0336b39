import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import { ReadTimeout, redactUrl, type RequestException } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { Response } from '../message/response.ts'
import type { Marks, Opening } from '../message/timings.ts'
import { type BodyTap, IncomingBody } from './incoming-body.ts'
import { networkError } from './network-error.ts'
import { OutgoingBody, SLICE_BYTES, slices, wrongLength } from './outgoing-body.ts'
import type { Stallable, StallTimer } from './stall-timer.ts'
import type { TransportOptions } from './transport-adapter.ts'
import { editNextHead, type ParserGuard } from './undici-guard.ts'
import { encodeHead } from './wire-head.ts'

/** One connection as the dispatcher sees it. */
export interface Link {
  readonly dispatcher: Dispatcher
  /** `null` under a dispatcher that is not ours. */
  readonly socket: Socket | null
  /** `null` until undici holds the socket. */
  readonly guard: ParserGuard | null
  readonly reused: boolean
  readonly freshTls13: boolean
  /** When it was opened; `null` if that is not ours to know. */
  readonly opening: Opening | null
  /** Watches one exchange after another. */
  readonly readTimer: StallTimer
  /** Whether it leads through a proxy's tunnel. */
  readonly isTunnelled: boolean
  /** Whether the other side is a forwarding proxy. */
  readonly isForwarded: boolean
  /** What the request line names: path, or absolute form to a proxy. */
  targetOf(request: PreparedRequest): string
  /** This is the last exchange: the server may have left some of the request unread. */
  retire(): void
  /** The response is complete, or nothing was sent: the connection may serve the next request. */
  onMessageEnd(): void
  /** The exchange failed, and the connection with it. */
  onFailure(error: unknown): void
}

/** What a server reads of a body that it does not want, before it gives up on the connection: Squid's `client_request_buffer`. */
const MOST_SKIPPED_BYTES = 60 * 1024

/**
 * Sends a request down a link and gives its response once the head is there.
 *
 * This is undici's raw handler (its own timers are off), and what the response's body comes from: two objects a request, no stream unless one is asked for.
 */
export function dispatch(link: Link, request: PreparedRequest, options: TransportOptions): Promise<Response> {
  return new Promise((resolve, reject) => new Leg(link, request, options, resolve, reject).start())
}

class Leg implements BodyTap, Stallable {
  readonly #link: Link
  readonly #request: PreparedRequest
  readonly #options: TransportOptions
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  readonly #readTimer: StallTimer
  readonly #marks: Marks
  #outgoing: OutgoingBody | null = null
  #abort: ((error: Error) => void) | null = null
  #resume: (() => void) | null = null
  #refusedLines = ''
  #bytesBefore = 0
  #responseStarted = false
  #expectsEmpty = false
  #ended = false
  #error: unknown = null
  #hasFailed = false
  /** From the head of the response on. */
  #body: IncomingBody | null = null
  #onAbort: (() => void) | null = null

  constructor(
    link: Link,
    request: PreparedRequest,
    options: TransportOptions,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.#link = link
    this.#request = request
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#marks = { opening: link.reused ? null : link.opening, sent: null, firstByte: null, end: null }
    this.#readTimer = link.readTimer
    this.#readTimer.reset(options.timeout.read, this)
  }

  start(): void {
    const { signal } = this.#options
    try {
      signal?.throwIfAborted()
      if (signal !== undefined) this.#listenTo(signal)
      const head = encodeHead(this.#request, this.#link.isTunnelled)
      const body = this.#openBody()
      const { method } = this.#request
      this.#refusedLines = head.refused
      const wire = {
        origin: this.#request.origin,
        path: this.#link.targetOf(this.#request),
        method,
        headers: head.lines,
        body,
        reset: false,
      }
      this.#link.dispatcher.dispatch(wire as Dispatcher.DispatchOptions, this)
    } catch (error) {
      this.#fail(error)
      this.#link.onMessageEnd()
    }
  }

  #listenTo(signal: AbortSignal): void {
    this.#onAbort = (): void => this.#fail(signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  #openBody(): Uint8Array | OutgoingBody | null {
    const promised = this.#request.body?.length ?? null
    const content = this.#request.body?.open() ?? null
    if (content instanceof Uint8Array && promised !== null && content.length !== promised) {
      throw wrongLength(content.length, promised, content.length > promised)
    }
    const { write } = this.#options.timeout
    if (content === null || (content instanceof Uint8Array && (write === null || content.length <= SLICE_BYTES)))
      return content
    // In one piece, nobody could tell whether the server takes it.
    const opened = content instanceof Uint8Array ? slices(content) : content
    const observer = {
      onFailure: (error: unknown) => this.#fail(error, true),
      onEmpty: () => this.#sendEmptyChunked(),
      onFault: (error: Error) => this.#fail(error),
    }
    this.#outgoing = new OutgoingBody(opened, promised, observer, write)
    return this.#outgoing
  }

  /** Without a piece, undici drops the chunked framing that the headers promise. */
  #sendEmptyChunked(): void {
    const { socket } = this.#link
    if (socket === null || this.#request.body?.length !== null) return
    editNextHead(
      socket,
      (head) => `${head.replace(/(?:content-length: 0\r\n)?\r\n$/, '')}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    )
  }

  // ── undici's raw handler ────────────────────────────────────────────────

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#hasFailed) return abort(this.#error as Error)
    const { socket } = this.#link
    if (socket === null) return
    this.#bytesBefore = socket.bytesWritten
    this.#link.guard?.limitHead(this.#options.limits.headerBytes)
    if (this.#refusedLines !== '') {
      const lines = this.#refusedLines
      editNextHead(socket, (head) => head.replace('\r\n', `\r\n${lines}`))
    }
  }

  onRequestSent(): void {
    const now = performance.now()
    this.#marks.sent = now
    if (this.#body === null && !this.#hasFailed) this.#readTimer.start(now)
  }

  onResponseStarted(): void {
    this.#responseStarted = true
  }

  onHeaders(statusCode: number, rawHeaders: Buffer[], resume: () => void, reason: string): boolean {
    if (statusCode < 200) return true
    const now = performance.now()
    this.#marks.firstByte = now
    this.#resume = resume
    if (statusCode === 204 || statusCode === 304) {
      this.#expectsEmpty = true
      this.#link.guard?.expectNoBody()
    }
    if (this.#request.body !== null) this.#link.guard?.answersBody()
    if (isRefusal(statusCode) && (this.#bytesSent() ?? 0) > MOST_SKIPPED_BYTES) this.#link.retire()
    this.#readTimer.start(now)
    const headers = Headers.fromRaw(rawHeaders)
    const body = new IncomingBody(this)
    this.#body = body
    const response = new Response({ request: this.#request, statusCode, reason: reason.trim(), headers, body })
    response.marks = this.#marks
    this.#resolve(response)
    return true
  }

  onData(piece: Buffer): boolean {
    this.#readTimer.touch()
    const body = this.#body as IncomingBody
    body.push(piece)
    return !body.isPaused
  }

  onComplete(trailers: readonly unknown[] | null = null): void {
    if (this.#hasFailed) return
    const body = this.#body as IncomingBody
    if (trailers !== null && trailers.length > 0) body.trailers = Headers.fromRaw(trailers as readonly Uint8Array[])
    this.#ended = true
    this.#marks.end = performance.now()
    this.#outgoing?.stop(new Error('the response is complete'))
    this.#letGo()
    body.end()
    this.#link.onMessageEnd()
  }

  onError(error: Error): void {
    if (this.#expectsEmpty && !this.#hasFailed) return this.onComplete()
    this.#fail(error)
    // Refused before it reached the connection, which is none the worse for it.
    if (this.#abort === null) this.#link.onMessageEnd()
  }

  // ── the response's body ─────────────────────────────────────────────────

  pause(): void {
    this.#readTimer.stop()
  }

  resume(): void {
    this.#readTimer.start()
    this.#resume?.()
    this.#link.guard?.resumed()
  }

  cancel(error: RequestException): unknown {
    this.#fail(error)
    // A body that is here already can still be longer than it may be.
    return this.#error ?? this.#described(error)
  }

  // ── the end, good or bad ────────────────────────────────────────────────

  #letGo(): void {
    this.#readTimer.release()
    if (this.#onAbort !== null) this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }

  /** Ends the exchange with the first error, whoever reports it: undici, a timer, the caller's signal, or the body that is being sent. */
  #fail(error: unknown, asItIs = false): void {
    if (this.#hasFailed || this.#ended) return
    this.#hasFailed = true
    this.#error = asItIs || error === this.#options.signal?.reason ? error : this.#described(error)
    this.#letGo()
    if (this.#abort !== null) this.#link.onFailure(this.#error)
    this.#outgoing?.stop(this.#error)
    if (this.#body === null) this.#reject(this.#error)
    else this.#body.fail(this.#error)
    this.#abort?.(this.#error instanceof Error ? this.#error : new Error('aborted', { cause: this.#error }))
  }

  #described(error: unknown): RequestException {
    const { reused } = this.#link
    return networkError(error, {
      request: this.#request,
      phase: this.#body === null ? 'head' : 'body',
      connectionReused: reused,
      requestBytesSent: this.#bytesSent(),
      responseStarted: this.#responseStarted,
      isForwarded: this.#link.isForwarded,
      freshTls13: this.#link.freshTls13 && !this.#responseStarted,
    })
  }

  /** Bytes of this exchange that the socket was given; `null` if it is not ours. */
  #bytesSent(): number | null {
    const { socket } = this.#link
    if (socket === null) return null
    return this.#abort === null ? 0 : socket.bytesWritten - this.#bytesBefore
  }

  onStall(): void {
    const { method, url } = this.#request
    const where = this.#body === null ? 'before the response' : 'inside the response body'
    const { read } = this.#options.timeout
    const message = `${method} ${redactUrl(url)}: the server sent nothing for timeout.read = ${read} ms, ${where}`
    this.#fail(new ReadTimeout(message, { request: this.#request }))
  }
}

/** Statuses that servers answer with before they have read the request, and without saying that they will not. */
function isRefusal(statusCode: number): boolean {
  return statusCode === 401 || statusCode === 407 || statusCode === 413
}
