import { type ClientHttp2Session, connect, constants } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ConnectionError } from '../errors.ts'
import type { ResolvedLimits } from '../limits.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Opening } from '../message/timings.ts'
import type { ConnectionOwner, OpenedSocket } from './connection.ts'
import { exchangeHttp2, type Http2Link } from './http2-exchange.ts'
import type { Place } from './idle-connections.ts'
import { StallTimer } from './stall-timer.ts'
import type { TransportOptions } from './transport-adapter.ts'

/** What one stream may send before we have read it: at 50 ms there and back, 20 MiB/s. Also what an unread response can make us hold. */
const STREAM_WINDOW_BYTES = 1024 * 1024
/** The same for all streams together. A slow reader does not use it up: only his own stream waits for him. */
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024
/** RFC 9113 section 6.5.2: no server should allow less, so nothing else is assumed before its SETTINGS are there. */
const STREAMS_AT_FIRST = 100
/** How long a server that did not answer a request may take to answer a PING. */
const PING_MS = 5_000
/** How long the last frames may take to leave. */
const FLUSH_MS = 50
/** How long a server may take to close its side. */
const LINGER_MS = 500
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * One socket with HTTP/2 on it: a connection with as many slots as the server's SETTINGS allow streams.
 *
 * Whoever wants to send reserves a slot first; `send()` uses it up. A server that says GOAWAY gets no new streams, and those it is at go on.
 */
export class Http2Connection implements Http2Link {
  readonly socket: Socket
  readonly session: ClientHttp2Session
  readonly opening: Opening
  readonly isTunnelled: boolean
  answered = 0
  lastProcessed: number = Infinity
  failure: unknown = null
  /** Where it stands among others; its owner's. */
  place: Place | null = null
  /** Slots in use. */
  active = 0
  #slots: number = STREAMS_AT_FIRST
  #hasSettings = false
  #isRetired = false
  #isSuspect = false
  #isFinishing = false
  #idleTimer: NodeJS.Timeout | null = null
  #idleSince = 0
  readonly #idleMs: number
  readonly #isTls13: boolean
  readonly #timers: StallTimer[] = []
  readonly #owner: ConnectionOwner

  constructor({ socket, route, opening }: OpenedSocket, limits: ResolvedLimits, owner: ConnectionOwner) {
    this.socket = socket
    this.opening = opening
    this.isTunnelled = route === 'tunnelled'
    this.#isTls13 = (socket as TLSSocket).getProtocol() === 'TLSv1.3'
    this.#idleMs = Math.max(1, Math.min(limits.idleMs, LONGEST_TIMER))
    this.#owner = owner
    this.session = openSession(socket, limits)
    this.#listen()
  }

  #listen(): void {
    const { session, socket } = this
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    session.on('error', (error) => (this.failure ??= error))
    session.on('remoteSettings', ({ maxConcurrentStreams }) => {
      this.#hasSettings = true
      this.#slots = maxConcurrentStreams ?? STREAMS_AT_FIRST
      this.#owner.onSlots(this)
    })
    session.on('goaway', (_code, lastStreamId) => {
      this.lastProcessed = Math.min(this.lastProcessed, lastStreamId)
      this.retire()
    })
    // Half-open connections are allowed: that the server has said its last is ours to notice. What it said before is on its way to the streams, and
    // arrives there first.
    socket.once('end', () => {
      this.#noteLoss()
      setImmediate(() => {
        this.#finish()
        socket.destroy()
      })
    })
    socket.once('close', () => {
      this.#noteLoss()
      session.destroy()
      clearTimeout(this.#idleTimer ?? undefined)
      for (const timer of this.#timers) timer.close()
      this.#owner.onClosed(this)
    })
    this.#becomeIdle()
  }

  #noteLoss(): void {
    this.failure ??= Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })
  }

  /**
   * Ends every stream, says GOAWAY and waits a moment for the server to close too. To tear a connection down while bytes are on their way is a reset,
   * which loses the GOAWAY, and which Node's own servers may not notice in the middle of a write.
   */
  #finish(): void {
    if (this.#isFinishing || this.socket.destroyed) return
    this.#isFinishing = true
    this.session.ref()
    // Closed before it is destroyed, the session leaves the socket to end by itself.
    this.session.close()
    this.session.destroy()
    const { socket } = this
    // Where the last frames cannot leave, Node does not end the socket.
    const flushing = setTimeout(() => socket.writableEnded || socket.destroy(), FLUSH_MS)
    const lingering = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => {
      clearTimeout(flushing)
      clearTimeout(lingering)
    })
  }

  get closed(): boolean {
    return this.#isRetired || this.failure !== null || this.session.closed || this.session.destroyed
  }

  /** The streams it may carry at a time. */
  get slots(): number {
    return this.#slots
  }

  /** Whether it may soon take more than it does now: its SETTINGS are not there yet, or allow nothing for the time being. */
  get mayTakeMore(): boolean {
    return !this.closed && (!this.#hasSettings || this.#slots === 0)
  }

  get freshTls13(): boolean {
    return this.#isTls13 && this.answered === 0
  }

  /** What is to be expected until its SETTINGS are there: what the server allowed before. */
  expect(slots: number): void {
    if (!this.#hasSettings) this.#slots = Math.min(slots, STREAMS_AT_FIRST)
  }

  /** Takes a slot, if there is one. Each must be used by one `send()`. */
  reserve(): boolean {
    if (this.active >= this.#slots || this.#isSuspect || this.closed) return false
    if (this.active++ === 0) this.session.ref()
    return true
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return exchangeHttp2(this, request, options)
  }

  takeTimer(): StallTimer {
    return this.#timers.pop() ?? new StallTimer()
  }

  onAnswer(): void {
    this.answered++
  }

  onStreamClosed(timer: StallTimer): void {
    if (this.socket.destroyed) timer.close()
    else this.#timers.push(timer)
    if (--this.active === 0) this.#becomeIdle()
    if (this.active === 0 && this.#isRetired) this.#finish()
    this.#owner.onSlots(this)
  }

  /**
   * A server that asks for calm in place of an answer gets no new streams here. Node's servers ask so for ever once a stream was reset for which they
   * held more than their `maxSessionMemory`, 10 MB: they never let go of it.
   */
  onRefusal(code: number): void {
    if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) this.retire()
  }

  /** Takes no more requests, and closes when the last has ended. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.session.close()
    if (this.active === 0) this.#finish()
    this.#owner.onSlots(this)
  }

  /** A silent server is asked whether it is there, and gets nothing new before it has answered. */
  onStall(): void {
    if (this.#isSuspect || this.closed) return
    this.#isSuspect = true
    const timer = setTimeout(() => this.destroy(new ConnectionError('the server does not answer PING')), PING_MS)
    timer.unref()
    this.session.ping((error) => {
      clearTimeout(timer)
      this.#isSuspect = false
      if (error === null) this.#owner.onSlots(this)
    })
  }

  /** Keeps nothing alive while it is idle, and closes after a time. */
  #becomeIdle(): void {
    if (this.closed) return
    this.session.unref()
    this.#idleSince = performance.now()
    this.#idleTimer ??= setTimeout(() => this.#closeIfIdle(), this.#idleMs).unref()
  }

  #closeIfIdle(): void {
    this.#idleTimer = null
    if (this.active > 0) return
    const left = this.#idleSince + this.#idleMs - performance.now()
    if (left <= 0) this.retire()
    else this.#idleTimer = setTimeout(() => this.#closeIfIdle(), Math.ceil(left)).unref()
  }

  destroy(cause?: Error): void {
    this.failure ??= cause ?? new ConnectionError('the connection was closed')
    this.#finish()
  }
}

/** The socket is open and has TLS: the authority is a name only, and each request brings its own. */
function openSession(socket: Socket, limits: ResolvedLimits): ClientHttp2Session {
  // Node resets a stream whose head passes this without telling us, so that we count as far as what a stream may hold anyway.
  const maxHeaderListSize = Math.min(2 ** 32 - 1, Math.max(limits.headerBytes * 4, STREAM_WINDOW_BYTES))
  return connect('https://connection.invalid', {
    createConnection: () => socket,
    // Lines are counted in bytes, as those of HTTP/1.1 are.
    maxHeaderListPairs: Math.min(2 ** 31 - 1, limits.headerBytes),
    // What all streams hold for slow readers is bounded by their windows.
    maxSessionMemory: 1024,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize },
  })
}
