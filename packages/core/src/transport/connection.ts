import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Client } from 'undici'
import { ConnectionError, redactUrl } from '../errors.ts'
import { ownOptions } from '../options.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Opening } from '../message/timings.ts'
import { dispatch, type Link } from './dispatch.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Place } from './idle-connections.ts'
import type { ResolvedLimits } from '../limits.ts'
import type { Route } from './route.ts'
import { StallTimer } from './stall-timer.ts'
import type { Connection, TransportOptions } from './transport-adapter.ts'
import { guardParser, type ParserGuard } from './undici-guard.ts'

/** Whom a connection tells of its life. */
export interface ConnectionOwner {
  onIdle(connection: HTTPConnection): void
  /** It may have free slots, or have lost those it had. */
  onSlots(connection: Http2Connection): void
  onClosed(connection: HTTPConnection | Http2Connection): void
}

/** A socket that is ready for requests. */
export interface OpenedSocket {
  readonly socket: Socket
  readonly route: Route
  readonly opening: Opening
}

/** Subtracted from the time that a server's Keep-Alive header names, for the way there. */
const KEEP_ALIVE_MARGIN_MS = 500

/**
 * One socket with one undici Client around it. The socket is opened before and never replaced: once it has closed, so has the connection.
 */
export class HTTPConnection implements Connection, Link {
  readonly protocol = 'http/1.1'
  readonly peerCertificate?: Uint8Array
  readonly socket: Socket
  readonly dispatcher: Client
  readonly opening: Opening
  readonly readTimer: StallTimer = new StallTimer()
  guard: ParserGuard | null = null
  /** Where it stands among others; its owner's. */
  place: Place | null = null
  /** Reserved for one exchange of several legs. */
  leased = false
  #served = 0
  #busy = false
  #isRetired = false
  /** Why it is of no use any more. */
  #failure: unknown = null
  readonly #route: Route
  readonly #isTls13: boolean
  readonly #owner: ConnectionOwner

  constructor({ socket, route, opening }: OpenedSocket, limits: ResolvedLimits, owner: ConnectionOwner) {
    this.socket = socket
    this.opening = opening
    this.#route = route
    this.#isTls13 = 'getProtocol' in socket && (socket as TLSSocket).getProtocol() === 'TLSv1.3'
    this.#owner = owner
    const certificate = 'getPeerCertificate' in socket ? (socket as TLSSocket).getPeerCertificate().raw : undefined
    if (certificate !== undefined) this.peerCertificate = certificate
    this.dispatcher = this.#createClient(limits)
    socket.once('close', () => {
      this.readTimer.close()
      void this.dispatcher.destroy().catch(() => {})
      this.#owner.onClosed(this)
    })
  }

  /** The origin is a name only: TLS is done already, and Host comes with each request. */
  #createClient(limits: ResolvedLimits): Client {
    let given = false
    const idleMs = Math.max(1, Math.min(limits.idleMs, 2 ** 31 - 1))
    const options: Client.Options = {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: limits.headerBytes,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      connect: (_options, callback) => {
        if (given) return callback(new ConnectionError('the connection closed and is not replaced'), null)
        given = true
        // Called back synchronously, undici would stall for ever.
        queueMicrotask(() => this.#handOver(callback))
      },
    }
    return new Client('http://connection.invalid', ownOptions(options))
  }

  #handOver(callback: (error: null, socket: Socket) => void): void {
    callback(null, this.socket)
    if (!this.socket.destroyed) this.guard = guardParser(this.socket)
  }

  get closed(): boolean {
    return this.#failure !== null || this.socket.destroyed || !this.socket.writable || this.dispatcher.destroyed
  }

  get reused(): boolean {
    return this.#served > 1
  }

  get freshTls13(): boolean {
    return this.#isTls13 && this.#served <= 1
  }

  get isForwarded(): boolean {
    return this.#route === 'forwarded'
  }

  get isTunnelled(): boolean {
    return this.#route === 'tunnelled'
  }

  targetOf(request: PreparedRequest): string {
    return this.#route === 'forwarded' ? request.origin + request.pathUrl : request.pathUrl
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    if (this.closed || this.#busy) {
      const cause = this.#failure instanceof Error ? `: ${this.#failure.message}` : ''
      const why = this.closed
        ? `the reserved connection has closed${cause}`
        : 'the connection is still busy with another response'
      return Promise.reject(
        new ConnectionError(`${request.method} ${redactUrl(request.url)}: ${why}`, {
          cause: this.#failure ?? undefined,
          request,
          connectionReused: this.#served > 0,
          requestBytesSent: 0,
          responseStarted: false,
        }),
      )
    }
    this.#busy = true
    this.#served++
    return dispatch(this, request, options)
  }

  onMessageEnd(): void {
    // undici decides right after this call whether the socket is kept.
    queueMicrotask(() => {
      this.#busy = false
      if (this.#isRetired) return this.destroy()
      if (!this.leased && !this.closed) this.#owner.onIdle(this)
    })
  }

  retire(): void {
    // A scheme that is bound to it goes on with it: it sends no body before it is signed in.
    this.#isRetired = !this.leased
  }

  onFailure(error: unknown): void {
    this.#failure ??= error
  }

  release(): void {
    if (!this.leased) return
    this.leased = false
    if (this.#busy || this.closed) return
    // A socket that undici has not been given has no idle timer and keeps the process alive.
    if (this.#served === 0) this.destroy()
    else this.#owner.onIdle(this)
  }

  destroy(cause?: Error): void {
    this.leased = false
    this.#failure ??= cause ?? null
    void this.dispatcher.destroy(cause ?? null).catch(() => {})
    this.socket.destroy()
  }
}
