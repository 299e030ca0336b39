import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2'
import { InvalidHeader, LimitExceededError, ReadTimeout, redactUrl, type RequestException } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { Response } from '../message/response.ts'
import type { Marks, Opening } from '../message/timings.ts'
import { elsewhereAfter, NotProcessed, resetError } from './http2-error.ts'
import { encodeHttp2Head } from './http2-head.ts'
import { type BodyTap, IncomingBody } from './incoming-body.ts'
import { networkError, retold } from './network-error.ts'
import { OutgoingBody, SLICE_BYTES, slices, wrongLength } from './outgoing-body.ts'
import type { Stallable, StallTimer } from './stall-timer.ts'
import type { TransportOptions } from './transport-adapter.ts'

/** An HTTP/2 connection as one of its exchanges sees it. */
export interface Http2Link {
  readonly session: ClientHttp2Session
  readonly opening: Opening
  readonly isTunnelled: boolean
  /** Whether it is TLS 1.3 and has answered nothing yet. */
  readonly freshTls13: boolean
  /** Responses whose head has come. */
  readonly answered: number
  /** Why it is of no use any more, where that is known. */
  readonly failure: unknown
  /** Streams with a higher number have not been processed (RFC 9113 section 6.8). */
  readonly lastProcessed: number
  takeTimer(): StallTimer
  onAnswer(): void
  /** Nothing came for an exchange: perhaps the connection is dead. */
  onStall(): void
  /** A stream was reset before anything of its response. @param code - of the reset (RFC 9113 section 7). */
  onRefusal(code: number): void
  /** It has no numbers left for streams. */
  retire(): void
  /** The exchange is over, and its slot is free. */
  onStreamClosed(timer: StallTimer): void
}

/** What Node refuses in a head. */
const REFUSED_HEAD = /^ERR_(?:HTTP2_(?:HEADER_SINGLE_VALUE|INVALID_|CONNECT_)|INVALID_HTTP_TOKEN|INVALID_CHAR)/
/** The request could not be begun: somebody closed the connection a moment ago, or it has served its time. */
const NOT_BEGUN = new Set(['ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_OUT_OF_STREAMS'])

/**
 * Sends a request as one stream of a connection and gives its response once the head is there.
 *
 * @throws NotProcessed where the server has said that it has done nothing with it.
 */
export function exchangeHttp2(link: Http2Link, request: PreparedRequest, options: TransportOptions): Promise<Response> {
  return new Promise((resolve, reject) => new Http2Exchange(link, request, options, resolve, reject).start())
}

class Http2Exchange implements BodyTap, Stallable {
  readonly #link: Http2Link
  readonly #request: PreparedRequest
  readonly #options: TransportOptions
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  readonly #readTimer: StallTimer
  readonly #marks: Marks
  readonly #answeredBefore: number
  readonly #body: IncomingBody = new IncomingBody(this)
  #stream: ClientHttp2Stream | null = null
  #outgoing: OutgoingBody | null = null
  #onDrain: (() => void) | null = null
  #responseStarted = false
  #headSeen = false
  /** Whether END_STREAM came: what looks like an end without it is none. */
  #endSeen = false
  #isOver = false
  #error: unknown = null
  /** What Node said of the stream. */
  #streamFailure: unknown = null
  readonly #onAbort = (): void => this.#fail(this.#options.signal?.reason)

  constructor(
    link: Http2Link,
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
    this.#answeredBefore = link.answered
    this.#marks = { opening: link.answered > 0 ? null : link.opening, sent: null, firstByte: null, end: null }
    this.#readTimer = link.takeTimer()
    this.#readTimer.reset(options.timeout.read, this)
  }

  start(): void {
    const { signal } = this.#options
    try {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', this.#onAbort, { once: true })
      const head = encodeHttp2Head(this.#request, this.#link.isTunnelled)
      const content = this.#request.body?.open() ?? null
      checkLength(content, this.#request.body?.length ?? null)
      const isEmpty = content === null || (content instanceof Uint8Array && content.length === 0)
      const stream = this.#link.session.request(head, { endStream: isEmpty })
      this.#stream = stream
      this.#listen(stream)
      if (isEmpty) this.#sent()
      else this.#send(content, stream)
    } catch (error) {
      this.#fail(error)
      if (this.#stream === null) this.#link.onStreamClosed(this.#readTimer)
    }
  }

  #listen(stream: ClientHttp2Stream): void {
    const push = stream.push.bind(stream)
    // The one place that tells END_STREAM from a reset without an error: after a reset, Node has closed the stream already.
    stream.push = (piece: unknown, encoding?: BufferEncoding): boolean => {
      if (piece === null && !stream.closed) {
        this.#endSeen = true
        // All of it is here: what happens to the connection from now on must not take it away from a slow reader.
        if (stream.isPaused()) stream.resume()
      }
      return push(piece, encoding)
    }
    stream.on('headers', () => (this.#responseStarted = true))
    stream.on('response', (head: IncomingHttpStatusHeader, _flags: number, raw: readonly string[]) =>
      this.#answered(head, raw),
    )
    stream.on('trailers', (_fields: IncomingHttpHeaders, _flags: number, raw: readonly string[]) => this.#trailed(raw))
    stream.on('data', (piece: Buffer) => {
      this.#readTimer.touch()
      this.#body.push(piece)
    })
    stream.on('end', () => this.#ended(stream))
    stream.on('error', (error: Error) => (this.#streamFailure = error))
    stream.on('close', () => this.#closed(stream))
  }

  // ── the request ─────────────────────────────────────────────────────────

  #send(content: Uint8Array | AsyncIterable<Uint8Array>, stream: ClientHttp2Stream): void {
    const { write } = this.#options.timeout
    stream.once('finish', () => this.#sent())
    if (content instanceof Uint8Array && (write === null || content.length <= SLICE_BYTES)) {
      stream.end(content)
      return
    }
    stream.on('drain', () => this.#drained())
    const observer = {
      onFailure: (error: unknown) => this.#fail(error, true),
      onEmpty: () => {},
      onFault: (error: Error) => this.#fail(error),
    }
    const pieces = content instanceof Uint8Array ? slices(content) : content
    this.#outgoing = new OutgoingBody(pieces, this.#request.body?.length ?? null, observer, write)
    this.#pump(this.#outgoing, stream).catch((error: unknown) => this.#fail(error))
  }

  async #pump(pieces: OutgoingBody, stream: ClientHttp2Stream): Promise<void> {
    for await (const piece of pieces) {
      if (!stream.write(piece)) await new Promise<void>((resolve) => (this.#onDrain = resolve))
    }
    if (!this.#isOver) stream.end()
  }

  #drained(): void {
    const resolve = this.#onDrain
    this.#onDrain = null
    resolve?.()
  }

  #sent(): void {
    this.#marks.sent = performance.now()
    if (!this.#headSeen && !this.#isOver) this.#readTimer.start()
  }

  // ── the response ────────────────────────────────────────────────────────

  #answered(head: IncomingHttpStatusHeader, raw: readonly string[]): void {
    if (this.#isOver) return
    this.#responseStarted = true
    this.#link.onAnswer()
    const statusCode = head[':status'] ?? 0
    const { lines, bytes } = fieldsOf(raw)
    if (statusCode < 200) return this.#fail(resetError(constants.NGHTTP2_NO_ERROR))
    if (bytes > this.#options.limits.headerBytes) return this.#fail(headTooLong())
    this.#headSeen = true
    this.#marks.firstByte = performance.now()
    this.#readTimer.start()
    const response = new Response({
      request: this.#request,
      statusCode,
      headers: Headers.fromFields(lines),
      body: this.#body,
    })
    response.marks = this.#marks
    this.#resolve(response)
  }

  #trailed(raw: readonly string[]): void {
    const { lines, bytes } = fieldsOf(raw)
    if (bytes > this.#options.limits.headerBytes) this.#fail(headTooLong())
    else this.#body.trailers = Headers.fromFields(lines)
  }

  #ended(stream: ClientHttp2Stream): void {
    if (this.#isOver || !this.#endSeen || !this.#headSeen) return
    this.#isOver = true
    this.#marks.end = performance.now()
    this.#letGo()
    this.#body.end()
    // The server does not want the rest of the request.
    if (!stream.writableFinished && !stream.writableEnded) stream.close(constants.NGHTTP2_CANCEL)
  }

  #closed(stream: ClientHttp2Stream): void {
    if (!this.#isOver && !this.#responseStarted) this.#link.onRefusal(stream.rstCode ?? 0)
    if (!this.#isOver) this.#fail(this.#streamFailure ?? this.#link.failure ?? resetError(stream.rstCode ?? 0))
    this.#drained()
    this.#link.onStreamClosed(this.#readTimer)
  }

  // ── the response's body ─────────────────────────────────────────────────

  pause(): void {
    if (this.#endSeen) return
    this.#readTimer.stop()
    this.#stream?.pause()
  }

  resume(): void {
    if (!this.#endSeen) this.#readTimer.start()
    this.#stream?.resume()
  }

  cancel(error: RequestException): unknown {
    this.#fail(error)
    // A body that is here already can still be longer than it may be.
    return this.#error ?? this.#described(error, null)
  }

  // ── the end, good or bad ────────────────────────────────────────────────

  #letGo(): void {
    this.#readTimer.release()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#outgoing === null) return
    this.#outgoing.stop(this.#error ?? new Error('the response is complete'))
    this.#drained()
  }

  /** Ends the exchange with the first error, whoever reports it. The other streams go on. */
  #fail(error: unknown, asItIs = false): void {
    if (this.#isOver) return
    this.#isOver = true
    const isOurs = asItIs || error === this.#options.signal?.reason
    this.#error = isOurs ? error : this.#told(error)
    this.#letGo()
    if (this.#headSeen) this.#body.fail(this.#error)
    else this.#reject(this.#error)
    this.#stream?.close(constants.NGHTTP2_CANCEL)
  }

  #told(error: unknown): unknown {
    const elsewhere = this.#elsewhere(error)
    const described = this.#described(error, elsewhere !== null || this.#stream === null ? 0 : null)
    if (elsewhere === null) return described
    return new NotProcessed(described, elsewhere, this.#isUnsent(error) || this.#link.answered > this.#answeredBefore)
  }

  #elsewhere(error: unknown): ReturnType<typeof elsewhereAfter> {
    if (this.#responseStarted) return null
    if (this.#isUnsent(error)) return 'http/2'
    const stream = this.#stream
    if (stream === null || !stream.closed) return null
    const isBeyond = stream.id !== undefined && stream.id > this.#link.lastProcessed
    return isBeyond ? 'http/2' : elsewhereAfter(stream.rstCode ?? 0)
  }

  #isUnsent(error: unknown): boolean {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_HTTP2_OUT_OF_STREAMS') this.#link.retire()
    return NOT_BEGUN.has(code ?? '')
  }

  #described(error: unknown, requestBytesSent: number | null): RequestException {
    const request = this.#request
    if (REFUSED_HEAD.test((error as NodeJS.ErrnoException).code ?? '')) {
      const text = `${request.method} ${redactUrl(request.url)}: ${(error as Error).message}`
      return new InvalidHeader(text, { cause: error, request, requestBytesSent: 0, responseStarted: false })
    }
    const { failure, freshTls13 } = this.#link
    const own = error === failure ? retold(error, request) : error
    return networkError(own, {
      request,
      phase: this.#headSeen ? 'body' : 'head',
      connectionReused: this.#answeredBefore > 0,
      requestBytesSent,
      responseStarted: this.#responseStarted,
      freshTls13: freshTls13 && !this.#responseStarted,
    })
  }

  onStall(): void {
    const { method, url } = this.#request
    const ms = this.#options.timeout.read
    const where = this.#headSeen ? 'inside the response body' : 'before the response'
    this.#link.onStall()
    this.#fail(
      new ReadTimeout(`${method} ${redactUrl(url)}: the server sent nothing for timeout.read = ${ms} ms, ${where}`, {
        request: this.#request,
      }),
    )
  }
}

/** Fields without the pseudo ones, and how long they would be as lines of HTTP/1.1. */
function fieldsOf(raw: readonly string[]): { lines: readonly string[]; bytes: number } {
  const lines: string[] = []
  let bytes = 0
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name, value] = [raw[index] as string, raw[index + 1] as string]
    bytes += name.length + value.length + 4
    if (!name.startsWith(':')) lines.push(name, value)
  }
  return { lines, bytes }
}

function headTooLong(): LimitExceededError {
  return new LimitExceededError('the head of the response is longer than limits.headerBytes')
}

/** A body from memory may be another than was promised as well. */
function checkLength(content: unknown, promised: number | null): void {
  if (!(content instanceof Uint8Array) || promised === null || content.length === promised) return
  throw wrongLength(content.length, promised, content.length > promised)
}
