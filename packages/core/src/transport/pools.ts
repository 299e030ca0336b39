import { ConnectionError, ConnectTimeout, PoolTimeout } from '../errors.ts'
import type { ResolvedTimeout } from '../timeout.ts'
import type { ConnectionOwner, HTTPConnection } from './connection.ts'
import type { ResolvedLimits } from '../limits.ts'

/** Opens one connection; cancelled through the signal. */
export type OpenConnection = (signal: AbortSignal, owner: ConnectionOwner) => Promise<HTTPConnection>

/** What a request that needs a connection brings along. */
export interface Wanted {
  readonly key: string
  readonly open: OpenConnection
  readonly limits: ResolvedLimits
  readonly timeout: ResolvedTimeout
  readonly signal: AbortSignal | undefined
  /** What is asked for, for errors. */
  readonly what: string
}

/** A request that waits: first for a slot (`pool` time), then for an attempt (`connect` time). */
interface Waiter extends Wanted {
  readonly resolve: (connection: HTTPConnection) => void
  readonly reject: (error: unknown) => void
  readonly onAbort: () => void
  timer: NodeJS.Timeout | undefined
  connecting: boolean
}

interface Pool {
  readonly key: string
  readonly idle: HTTPConnection[]
  readonly all: Set<HTTPConnection>
  readonly attempts: Set<AbortController>
  readonly waiters: Waiter[]
}

/**
 * Every connection of one adapter, by key. A key says all that must be equal for two requests to share a connection.
 *
 * An attempt to connect belongs to the pool, not to the request that caused it: whichever connection is free first goes to the request that has waited
 * longest, and an attempt that nobody waits for any more is cancelled. When all connections are in use, the one idle longest elsewhere makes room.
 */
export class Pools implements ConnectionOwner {
  readonly #pools = new Map<string, Pool>()
  readonly #poolOf = new WeakMap<HTTPConnection, Pool>()
  readonly #blocked = new Set<Pool>()
  #open = 0

  /** An idle connection at once, or `null`. */
  take(key: string): HTTPConnection | null {
    const pool = this.#pools.get(key)
    for (let connection = pool?.idle.pop(); connection !== undefined; connection = pool?.idle.pop()) {
      if (!connection.closed) return connection
    }
    return null
  }

  /**
   * An idle connection, or the next that opens or falls free.
   *
   * @throws PoolTimeout, ConnectTimeout, the signal's reason, or why connecting failed.
   */
  acquire(wanted: Wanted): Promise<HTTPConnection> {
    if (wanted.signal?.aborted === true) return Promise.reject(wanted.signal.reason as Error)
    return new Promise((resolve, reject) => {
      const pool = this.#poolFor(wanted.key)
      const fail = (error: unknown): void => this.#leave(pool, waiter, error)
      const waiter: Waiter = {
        ...wanted,
        resolve,
        reject,
        timer: undefined,
        connecting: false,
        onAbort: () => fail(wanted.signal?.reason),
      }
      wanted.signal?.addEventListener('abort', waiter.onAbort, { once: true })
      pool.waiters.push(waiter)
      this.#serve(pool)
      const { pool: poolMs } = wanted.timeout
      if (!waiter.connecting && poolMs !== null && pool.waiters.includes(waiter)) {
        const message = `${wanted.what}: no connection became free within timeout.pool = ${poolMs} ms`
        waiter.timer = setTimeout(() => fail(new PoolTimeout(message)), poolMs)
      }
    })
  }

  #poolFor(key: string): Pool {
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = { key, idle: [], all: new Set(), attempts: new Set(), waiters: [] }
      this.#pools.set(key, pool)
    }
    return pool
  }

  /** Gives what is idle, and opens what may be opened, to those who wait. */
  #serve(pool: Pool): void {
    while (pool.waiters.length > 0) {
      const idle = this.take(pool.key)
      if (idle !== null) {
        this.#give(pool, idle)
        continue
      }
      const next = pool.waiters[pool.attempts.size]
      if (next === undefined || !this.#mayOpen(pool, next.limits)) break
      this.#attempt(pool, next)
    }
    if (pool.waiters.length <= pool.attempts.size) this.#blocked.delete(pool)
    else this.#blocked.add(pool)
    this.#cancelSurplus(pool)
    if (pool.all.size + pool.attempts.size + pool.waiters.length === 0) this.#pools.delete(pool.key)
  }

  #mayOpen(pool: Pool, limits: ResolvedLimits): boolean {
    if (pool.all.size + pool.attempts.size >= limits.connectionsPerOrigin) return false
    return this.#open < limits.connections || this.#evictIdle()
  }

  /** Closes the connection that has been idle longest in the pool used longest ago. */
  #evictIdle(): boolean {
    for (const pool of this.#pools.values()) {
      const oldest = pool.idle.shift()
      if (oldest === undefined) continue
      this.#forget(pool, oldest)
      oldest.destroy()
      return true
    }
    return false
  }

  #attempt(pool: Pool, waiter: Waiter): void {
    const attempt = new AbortController()
    pool.attempts.add(attempt)
    this.#open++
    waiter.connecting = true
    clearTimeout(waiter.timer)
    const { connect } = waiter.timeout
    if (connect !== null) {
      const message = `${waiter.what}: could not connect within timeout.connect = ${connect} ms`
      const facts = { connectionReused: false, requestBytesSent: 0, responseStarted: false }
      waiter.timer = setTimeout(() => this.#leave(pool, waiter, new ConnectTimeout(message, facts)), connect)
    }
    waiter.open(attempt.signal, this).then(
      (connection) => this.#opened(pool, attempt, connection),
      (error: unknown) => this.#failed(pool, attempt, waiter, error),
    )
  }

  #opened(pool: Pool, attempt: AbortController, connection: HTTPConnection): void {
    if (!pool.attempts.delete(attempt)) {
      connection.destroy()
      return
    }
    if (connection.closed) {
      this.#open--
      return this.#serve(pool)
    }
    pool.all.add(connection)
    this.#poolOf.set(connection, pool)
    if (pool.waiters.length > 0) {
      this.#give(pool, connection)
      this.#serve(pool)
    } else {
      connection.destroy()
    }
  }

  #failed(pool: Pool, attempt: AbortController, waiter: Waiter, error: unknown): void {
    if (!pool.attempts.delete(attempt)) return
    this.#open--
    const unlucky = pool.waiters.includes(waiter) ? waiter : pool.waiters.find(({ connecting }) => connecting)
    if (unlucky !== undefined) this.#leave(pool, unlucky, error)
    else this.#serve(pool)
    this.#serveBlocked()
  }

  #give(pool: Pool, connection: HTTPConnection): void {
    const waiter = pool.waiters.shift() as Waiter
    this.#settle(waiter)
    waiter.resolve(connection)
  }

  #leave(pool: Pool, waiter: Waiter, error: unknown): void {
    const at = pool.waiters.indexOf(waiter)
    if (at === -1) return
    pool.waiters.splice(at, 1)
    this.#settle(waiter)
    waiter.reject(error)
    this.#serve(pool)
  }

  #settle(waiter: Waiter): void {
    clearTimeout(waiter.timer)
    waiter.signal?.removeEventListener('abort', waiter.onAbort)
  }

  #cancelSurplus(pool: Pool): void {
    for (const attempt of pool.attempts) {
      if (pool.attempts.size <= pool.waiters.length) return
      pool.attempts.delete(attempt)
      this.#open--
      attempt.abort(new Error('nobody waits for this connection any more'))
    }
  }

  onIdle(connection: HTTPConnection): void {
    const pool = this.#poolOf.get(connection)
    if (pool === undefined) return
    if (pool.waiters.length > 0) {
      this.#give(pool, connection)
      this.#serve(pool)
      return
    }
    pool.idle.push(connection)
    // Used last: the pools idle longest come first.
    this.#pools.delete(pool.key)
    this.#pools.set(pool.key, pool)
    if (this.#blocked.size > 0) this.#serveBlocked()
  }

  onClosed(connection: HTTPConnection): void {
    const pool = this.#poolOf.get(connection)
    if (pool === undefined) return
    const at = pool.idle.indexOf(connection)
    if (at !== -1) pool.idle.splice(at, 1)
    this.#forget(pool, connection)
    this.#serve(pool)
    this.#serveBlocked()
  }

  #forget(pool: Pool, connection: HTTPConnection): void {
    if (pool.all.delete(connection)) this.#open--
  }

  #serveBlocked(): void {
    for (const pool of this.#blocked) this.#serve(pool)
  }

  /** Ends every connection and every attempt; resolves when the sockets are gone. Waiters fail with ERR_CLOSED. */
  async close(): Promise<void> {
    const closed = (): ConnectionError => new ConnectionError('the adapter was closed', { code: 'ERR_CLOSED' })
    const sockets: Promise<void>[] = []
    for (const pool of this.#pools.values()) {
      for (const waiter of pool.waiters.splice(0)) {
        this.#settle(waiter)
        waiter.reject(closed())
      }
      this.#cancelSurplus(pool)
      for (const connection of pool.all) {
        if (!connection.socket.closed)
          sockets.push(new Promise((resolve) => connection.socket.once('close', () => resolve())))
        connection.destroy(closed())
      }
    }
    await Promise.all(sockets)
  }
}
