import { ConnectionError, redactUrl } from '../errors.ts'
import type { ResolvedLimits } from '../limits.ts'
import type { ConnectionOwner, HTTPConnection } from './connection.ts'
import { Http2Connection } from './http2-connection.ts'
import { retold } from './network-error.ts'
import type { PoolKey } from './pool-key.ts'
import { Slots } from './slots.ts'
import { NOTHING_SENT, type PooledConnection, Waiter, type Wanted } from './waiter.ts'

interface Pool {
  readonly key: PoolKey
  readonly idle: HTTPConnection[]
  /** Connections with several slots, whether any of them is free or not; those opened first come first. */
  readonly shared: Http2Connection[]
  readonly all: Set<PooledConnection>
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
  readonly #poolOf = new WeakMap<PooledConnection, Pool>()
  readonly #slots = new Slots()
  /** Pools with requests that wait for a slot. */
  readonly #blocked = new Set<Pool>()
  /** Connections and attempts, by origin and in all. */
  readonly #openTo = new Map<string, number>()
  #open = 0
  #usedLast: Pool | null = null

  /** An idle connection at once, or `null`. */
  take({ text }: PoolKey): HTTPConnection | null {
    const idle = this.#pools.get(text)?.idle
    for (let connection = idle?.pop(); connection !== undefined; connection = idle?.pop()) {
      if (!connection.closed) return connection
    }
    return null
  }

  /** A free slot of a shared connection at once, or `null`. */
  takeSlot({ text }: PoolKey): Http2Connection | null {
    return this.#pools.get(text)?.shared.find((connection) => connection.reserve()) ?? null
  }

  /** Takes an idle connection that anybody may use, and keeps it under another key from now on. */
  adopt(from: PoolKey, to: PoolKey): HTTPConnection | null {
    const connection = this.take(from)
    if (connection === null) return null
    this.#pools.get(from.text)?.all.delete(connection)
    const pool = this.#poolFor(to)
    pool.all.add(connection)
    this.#poolOf.set(connection, pool)
    return connection
  }

  /**
   * An idle connection, or the next that opens or falls free.
   *
   * @throws PoolTimeout, ConnectTimeout, the signal's reason, or why connecting failed.
   */
  acquire(wanted: Wanted): Promise<PooledConnection> {
    if (wanted.signal?.aborted === true) return Promise.reject(wanted.signal.reason as Error)
    return new Promise((resolve, reject) => {
      const pool = this.#poolFor(wanted.key)
      const waiter = new Waiter(wanted, resolve, reject, (one, error) => this.#leave(pool, one, error))
      pool.waiters.push(waiter)
      this.#serve(pool)
      if (pool.waiters.includes(waiter)) waiter.startPoolTime()
    })
  }

  #poolFor(key: PoolKey): Pool {
    let pool = this.#pools.get(key.text)
    if (pool === undefined) {
      pool = { key, idle: [], shared: [], all: new Set(), attempts: new Set(), waiters: [] }
      this.#pools.set(key.text, pool)
    }
    return pool
  }

  /** Gives what is idle, and opens what may be opened, to those who wait. */
  #serve(pool: Pool): void {
    while (pool.waiters.length > 0) {
      const free = this.take(pool.key) ?? this.takeSlot(pool.key)
      if (free !== null) {
        ;(pool.waiters.shift() as Waiter).give(free)
        continue
      }
      const next = pool.waiters[this.#awaited(pool)]
      if (next === undefined || pool.shared.some(({ mayTakeMore }) => mayTakeMore)) break
      if (!this.#mayOpen(pool, next.wanted.limits)) break
      this.#attempt(pool, next)
    }
    while (pool.attempts.size > this.#slots.connectionsFor(pool.waiters.length, pool.key))
      this.#cancel(pool, [...pool.attempts].at(-1) as AbortController)
    const awaited = this.#awaited(pool)
    for (const waiter of pool.waiters.slice(0, awaited)) waiter.startConnectTime()
    if (pool.waiters.length > awaited) this.#blocked.add(pool)
    else this.#blocked.delete(pool)
    if (pool.all.size + pool.waiters.length === 0) this.#pools.delete(pool.key.text)
  }

  /** How many requests the attempts under way will serve, as far as one can tell. */
  #awaited({ attempts, key }: Pool): number {
    return attempts.size === 0 ? 0 : attempts.size * this.#slots.of(key)
  }

  #mayOpen(pool: Pool, limits: ResolvedLimits): boolean {
    const { origin } = pool.key
    if ((this.#openTo.get(origin) ?? 0) >= limits.connectionsPerOrigin && !this.#evictIdle(origin)) return false
    return this.#open < limits.connections || this.#evictIdle(null)
  }

  /** Closes the connection that has been idle longest in the pool used longest ago, of one origin or of all. */
  #evictIdle(origin: string | null): boolean {
    for (const pool of this.#pools.values()) {
      if (origin !== null && pool.key.origin !== origin) continue
      const oldest = pool.idle.shift() ?? pool.shared.find(({ active }) => active === 0)
      if (oldest === undefined) continue
      this.#forget(pool, oldest)
      oldest.destroy()
      return true
    }
    return false
  }

  #count(pool: Pool, change: 1 | -1): void {
    const { origin } = pool.key
    const open = (this.#openTo.get(origin) ?? 0) + change
    if (open === 0) this.#openTo.delete(origin)
    else this.#openTo.set(origin, open)
    this.#open += change
  }

  #attempt(pool: Pool, waiter: Waiter): void {
    const attempt = new AbortController()
    pool.attempts.add(attempt)
    this.#count(pool, 1)
    waiter.attempt = attempt
    waiter.wanted.open(attempt.signal, this).then(
      (connection) => this.#opened(pool, attempt, waiter, connection),
      (error: unknown) => this.#failed(pool, attempt, waiter, error),
    )
  }

  #opened(pool: Pool, attempt: AbortController, waiter: Waiter, connection: PooledConnection): void {
    if (!pool.attempts.has(attempt)) return connection.destroy()
    if (connection.closed) return this.#failed(pool, attempt, waiter, closedAtOnce(waiter.wanted))
    pool.attempts.delete(attempt)
    pool.all.add(connection)
    this.#poolOf.set(connection, pool)
    if (connection instanceof Http2Connection) {
      connection.expect(this.#slots.of(pool.key))
      pool.shared.push(connection)
    } else {
      if (pool.key.mayShare === true) this.#slots.learn(pool.key, 1)
      this.#giveFirst(pool, connection)
    }
    this.#serve(pool)
  }

  /** All who waited may have left in this very moment. */
  #giveFirst(pool: Pool, connection: HTTPConnection): void {
    const first = pool.waiters.shift()
    if (first === undefined) connection.destroy()
    else first.give(connection)
  }

  #failed(pool: Pool, attempt: AbortController, waiter: Waiter, error: unknown): void {
    if (!pool.attempts.delete(attempt)) return
    this.#count(pool, -1)
    const unlucky = pool.waiters.includes(waiter) ? waiter : pool.waiters.find(({ isConnecting }) => isConnecting)
    if (unlucky !== undefined) this.#remove(pool, unlucky)?.fail(error)
    if (pool.key.mayShare === true) this.#failOthers(pool, error)
    this.#serve(pool)
    this.#serveBlocked()
  }

  /** An attempt for several fails for all of them: otherwise each would try in his turn. */
  #failOthers(pool: Pool, error: unknown): void {
    const connecting = pool.waiters.filter(({ isConnecting }) => isConnecting)
    for (const waiter of connecting.slice(this.#awaited(pool)))
      this.#remove(pool, waiter)?.fail(retold(error, waiter.wanted.request))
  }

  /** A request gives up. The attempt that it began may be as hopeless: others get a new one. */
  #leave(pool: Pool, waiter: Waiter, error: unknown): void {
    this.#remove(pool, waiter)?.fail(error)
    if (waiter.attempt !== null && pool.attempts.has(waiter.attempt)) this.#cancel(pool, waiter.attempt)
    // Of those who wait for one attempt, many may give up in this very moment.
    if (pool.key.mayShare === true) setImmediate(() => this.#pools.get(pool.key.text) === pool && this.#serve(pool))
    else this.#serve(pool)
    this.#serveBlocked()
  }

  #remove(pool: Pool, waiter: Waiter): Waiter | null {
    const at = pool.waiters.indexOf(waiter)
    if (at === -1) return null
    pool.waiters.splice(at, 1)
    return waiter
  }

  #cancel(pool: Pool, attempt: AbortController): void {
    pool.attempts.delete(attempt)
    this.#count(pool, -1)
    attempt.abort(new Error('nobody waits for this connection any more'))
  }

  onIdle(connection: HTTPConnection): void {
    const pool = this.#poolOf.get(connection)
    if (pool === undefined) return
    const first = pool.waiters.shift()
    if (first !== undefined) {
      first.give(connection)
      return this.#serve(pool)
    }
    pool.idle.push(connection)
    this.#markUsed(pool)
    if (this.#blocked.size > 0) this.#serveBlocked()
  }

  onSlots(connection: Http2Connection): void {
    const pool = this.#poolOf.get(connection)
    if (pool === undefined) return
    this.#slots.learn(pool.key, connection.slots)
    if (pool.waiters.length > 0) this.#serve(pool)
    if (connection.active > 0) return
    this.#markUsed(pool)
    if (this.#blocked.size > 0) this.#serveBlocked()
  }

  /** Used last: the pools idle longest come first. */
  #markUsed(pool: Pool): void {
    if (this.#usedLast === pool) return
    this.#usedLast = pool
    this.#pools.delete(pool.key.text)
    this.#pools.set(pool.key.text, pool)
  }

  onClosed(connection: PooledConnection): void {
    const pool = this.#poolOf.get(connection)
    if (pool === undefined) return
    remove(connection instanceof Http2Connection ? pool.shared : pool.idle, connection)
    this.#forget(pool, connection)
    this.#serve(pool)
    this.#serveBlocked()
  }

  #forget(pool: Pool, connection: PooledConnection): void {
    if (pool.all.delete(connection)) this.#count(pool, -1)
  }

  #serveBlocked(): void {
    for (const pool of this.#blocked) this.#serve(pool)
  }

  /** Ends every connection and every attempt; resolves when the sockets are gone. Requests that wait or run fail with ERR_CLOSED. */
  async close(): Promise<void> {
    const sockets: Promise<void>[] = []
    for (const pool of this.#pools.values()) {
      for (const waiter of pool.waiters.splice(0)) waiter.fail(closedError(waiter.wanted))
      for (const attempt of pool.attempts) this.#cancel(pool, attempt)
      this.#blocked.delete(pool)
      for (const connection of pool.all) {
        const { socket } = connection
        if (!socket.closed) sockets.push(new Promise((resolve) => socket.once('close', () => resolve())))
        connection.destroy(closedError(null))
      }
    }
    await Promise.all(sockets)
  }
}

function remove<T>(list: T[], one: T): void {
  const at = list.indexOf(one)
  if (at !== -1) list.splice(at, 1)
}

function closedAtOnce({ request }: Wanted): ConnectionError {
  const message = `${request.method} ${redactUrl(request.url)}: the connection closed as soon as it was open`
  return new ConnectionError(message, { request, ...NOTHING_SENT })
}

function closedError(wanted: Wanted | null): ConnectionError {
  const facts = wanted === null ? {} : { request: wanted.request, ...NOTHING_SENT }
  return new ConnectionError('the adapter was closed', { code: 'ERR_CLOSED', ...facts })
}
