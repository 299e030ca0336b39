import { ConnectTimeout, PoolTimeout, redactUrl } from '../errors.ts'
import type { ResolvedLimits } from '../limits.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { ResolvedTimeout } from '../timeout.ts'
import type { ConnectionOwner, HTTPConnection } from './connection.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { PoolKey } from './pool-key.ts'

/** What a pool holds: with one slot, or with many. */
export type PooledConnection = HTTPConnection | Http2Connection

/** Opens one connection; cancelled through the signal. */
export type OpenConnection = (signal: AbortSignal, owner: ConnectionOwner) => Promise<PooledConnection>

/** What a request that needs a connection brings along. */
export interface Wanted {
  readonly key: PoolKey
  readonly request: PreparedRequest
  readonly open: OpenConnection
  readonly limits: ResolvedLimits
  readonly timeout: ResolvedTimeout
  readonly signal: AbortSignal | undefined
}

/** Nothing was sent when a request fails while it waits. */
export const NOTHING_SENT = { connectionReused: false, requestBytesSent: 0, responseStarted: false }

/** A request that waits: first for a slot (`timeout.pool`), then for an attempt to connect (`timeout.connect`). Each has its own timers and signal. */
export class Waiter {
  readonly wanted: Wanted
  /** The attempt that this request began, if it did. */
  attempt: AbortController | null = null
  readonly #resolve: (connection: PooledConnection) => void
  readonly #reject: (error: unknown) => void
  readonly #leave: (error: unknown) => void
  readonly #onAbort: () => void
  #timer: NodeJS.Timeout | undefined
  #isConnecting = false
  #isSettled = false

  /** @param leave - called when a timer or the signal ends the waiting. */
  constructor(
    wanted: Wanted,
    resolve: (connection: PooledConnection) => void,
    reject: (error: unknown) => void,
    leave: (waiter: Waiter, error: unknown) => void,
  ) {
    this.wanted = wanted
    this.#resolve = resolve
    this.#reject = reject
    this.#leave = (error) => leave(this, error)
    this.#onAbort = () => this.#leave(wanted.signal?.reason)
    wanted.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Whether it waits for an attempt, no longer for a slot. */
  get isConnecting(): boolean {
    return this.#isConnecting
  }

  /** Whether it waits no more. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Starts `timeout.pool`, unless it waits for an attempt, or no more. */
  startPoolTime(): void {
    const { pool } = this.wanted.timeout
    if (pool === null || this.#isConnecting || this.#isSettled) return
    const message = `${this.#what()}: no connection became free within timeout.pool = ${pool} ms`
    this.#timer = setTimeout(() => this.#leave(new PoolTimeout(message, this.#facts())), pool)
  }

  /** Ends `timeout.pool` and starts `timeout.connect`. */
  startConnectTime(): void {
    if (this.#isConnecting) return
    this.#isConnecting = true
    clearTimeout(this.#timer)
    const { connect } = this.wanted.timeout
    if (connect === null) return
    const message = `${this.#what()}: could not connect within timeout.connect = ${connect} ms`
    this.#timer = setTimeout(() => this.#leave(new ConnectTimeout(message, this.#facts())), connect)
  }

  give(connection: PooledConnection): void {
    this.#settle()
    this.#resolve(connection)
  }

  fail(error: unknown): void {
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.wanted.signal?.removeEventListener('abort', this.#onAbort)
  }

  #what(): string {
    const { method, url } = this.wanted.request
    return `${method} ${redactUrl(url)}`
  }

  #facts(): typeof NOTHING_SENT & { request: PreparedRequest } {
    return { request: this.wanted.request, ...NOTHING_SENT }
  }
}
