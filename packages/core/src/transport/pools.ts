import { ConnectionError, redactUrl } from '../errors.ts'
import type { ResolvedLimits } from '../limits.ts'
import type { ConnectionOwner, HTTPConnection } from './connection.ts'
import { Http2Connection } from './http2-connection.ts'
import { IdleConnections, Place } from './idle-connections.ts'
import { retold } from './network-error.ts'
import type { PoolKey } from './pool-key.ts'
import {
  isEmpty,
  leaveLine,
  type Line,
  newOrigin,
  newPool,
  type Origin,
  type Pool,
  serveLines,
  standInLine,
} from './pool.ts'
import { Slots } from './slots.ts'
import { NOTHING_SENT, type PooledConnection, Waiter, type Wanted } from './waiter.ts'

/** How long attempts live that nobody waits for. Under load the next request comes sooner, and would have to begin again. */
const SURPLUS_MS = 50

/**
 * Every connection of one adapter, by key. A key says all that must be equal for two requests to share a connection.
 *
 * An attempt to connect belongs to the pool, not to the request that caused it: whichever connection is free first goes to the request that has waited
 * longest, and attempts that nobody waits for any more are cancelled. When all connections are in use, the one idle longest elsewhere makes room.
 */
export class Pools implements ConnectionOwner {
  readonly #pools = new Map<string, Pool>()
  readonly #origins = new Map<string, Origin>()
  readonly #slots = new Slots()
  readonly #idle = new IdleConnections()
  /** Pools that wait because of the limit for all, by limit. */
  readonly #lines = new Map<number, Line>()
  /** Connections and attempts. */
  #open = 0

  /** An idle connection at once, or `null`. */
  take({ text }: PoolKey): HTTPConnection | null {
    const pool = this.#pools.get(text)
    return pool === undefined ? null : this.#takeIdle(pool)
  }

  /** A free slot of a shared connection at once, or `null`. */
  takeSlot({ text }: PoolKey): Http2Connection | null {
    const pool = this.#pools.get(text)
    return pool === undefined ? null : this.#takeSlot(pool)
  }

  #takeIdle({ idle }: Pool): HTTPConnection | null {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      this.#idle.remove(connection.place as Place)
      if (!connection.closed) return connection
    }
    return null
  }

  #takeSlot({ shared }: Pool): Http2Connection | null {
    const free = shared.find((connection) => connection.reserve())
    if (free === undefined) return null
    this.#idle.remove(free.place as Place)
    return free
  }

  /** Takes an idle connection that anybody may use, and keeps it under another key of the same origin from now on. */
  adopt(from: PoolKey, to: PoolKey): HTTPConnection | null {
    const connection = this.take(from)
    if (connection === null) return null
    const place = connection.place as Place
    const former = place.pool
    former.all.delete(connection)
    place.pool = this.#poolFor(to)
    place.pool.all.add(connection)
    this.#dropIfEmpty(former)
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
      waiter.startPoolTime()
    })
  }

  #poolFor(key: PoolKey): Pool {
    let pool = this.#pools.get(key.text)
    if (pool === undefined) {
      let origin = this.#origins.get(key.origin)
      if (origin === undefined) this.#origins.set(key.origin, (origin = newOrigin()))
      this.#pools.set(key.text, (pool = newPool(key, origin)))
    }
    return pool
  }

  #dropIfEmpty(pool: Pool): void {
    const { key, origin } = pool
    if (!isEmpty(pool) || this.#pools.get(key.text) !== pool) return
    this.#pools.delete(key.text)
    if (--origin.pools === 0) this.#origins.delete(key.origin)
  }

  /** Gives what is idle, and opens what may be opened, to those who wait. */
  #serve(pool: Pool): void {
    if (!this.#findRoom(pool)) leaveLine(pool)
    this.#trim(pool)
    // Those who are connecting come first: once one of them is met, so are all before it.
    for (let at = Math.min(this.#awaited(pool), pool.waiters.length) - 1; at >= 0; at--) {
      const waiter = pool.waiters[at] as Waiter
      if (waiter.isConnecting) break
      waiter.startConnectTime()
    }
    this.#dropIfEmpty(pool)
  }

  /** @returns whether it stands in line now, because there is no room. */
  #findRoom(pool: Pool): boolean {
    while (pool.waiters.length > 0) {
      const free = this.#takeIdle(pool) ?? this.#takeSlot(pool)
      if (free !== null) {
        ;(pool.waiters.shift() as Waiter).give(free)
        continue
      }
      const next = pool.waiters[this.#awaited(pool)]
      if (next === undefined || pool.shared.some(({ mayTakeMore }) => mayTakeMore)) return false
      if (this.#standsInLine(pool, next.wanted.limits)) return true
      this.#attempt(pool, next)
    }
    return false
  }

  /** How many requests the attempts under way will serve, as far as one can tell. */
  #awaited({ attempts, key }: Pool): number {
    return attempts.size === 0 ? 0 : attempts.size * this.#slots.of(key)
  }

  /** Makes room for one more connection, or makes the pool wait for room. */
  #standsInLine(pool: Pool, { connections, connectionsPerOrigin }: ResolvedLimits): boolean {
    const { origin } = pool
    if (origin.open >= connectionsPerOrigin && !this.#evictIdle(origin))
      standInLine(pool, origin.lines, connectionsPerOrigin)
    else if (this.#open >= connections && !this.#evictIdle(null)) standInLine(pool, this.#lines, connections)
    else return false
    return true
  }

  /** Closes the connection that has been idle longest, of one origin or of all. */
  #evictIdle(origin: Origin | null): boolean {
    const place = this.#idle.oldest(origin)
    if (place === null) return false
    this.#forget(place)
    this.#dropIfEmpty(place.pool)
    place.connection.destroy()
    return true
  }

  #count({ origin }: Pool, change: 1 | -1): void {
    origin.open += change
    this.#open += change
  }

  /** Ends attempts that nobody waits for: soon, or at once where others wait for room. */
  #trim(pool: Pool): void {
    if (this.#surplusOf(pool) <= 0) return
    if (this.#lines.size + pool.origin.lines.size > 0) return this.#cancelSurplus(pool)
    pool.trimming ??= setTimeout(() => {
      pool.trimming = null
      this.#cancelSurplus(pool)
    }, SURPLUS_MS).unref()
  }

  #surplusOf({ attempts, waiters, key }: Pool): number {
    return attempts.size === 0 ? 0 : attempts.size - this.#slots.connectionsFor(waiters.length, key)
  }

  #cancelSurplus(pool: Pool): void {
    const surplus = this.#surplusOf(pool)
    if (surplus <= 0) return
    for (const attempt of [...pool.attempts].slice(-surplus)) this.#cancel(pool, attempt)
    this.#dropIfEmpty(pool)
    this.#serveLines(pool.origin)
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
    const place = new Place(connection, pool)
    connection.place = place
    if (connection instanceof Http2Connection) {
      connection.expect(this.#slots.of(pool.key))
      pool.shared.push(connection)
      this.#idle.add(place)
    } else {
      if (pool.key.mayShare === true) this.#slots.learn(pool.key, 1)
      this.#giveFirst(pool, connection)
    }
    this.#serve(pool)
    if (place.isIdle) this.#serveLines(pool.origin)
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
    const unlucky = waiter.isSettled ? pool.waiters.find(({ isConnecting }) => isConnecting) : waiter
    if (unlucky !== undefined) this.#remove(pool, unlucky)?.fail(error)
    if (pool.key.mayShare === true) this.#failOthers(pool, error)
    this.#serve(pool)
    this.#serveLines(pool.origin)
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
    this.#serveLines(pool.origin)
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
    const place = connection.place as Place
    const { pool } = place
    const first = pool.waiters.shift()
    if (first !== undefined) {
      first.give(connection)
      return this.#serve(pool)
    }
    pool.idle.push(connection)
    this.#idle.add(place)
    this.#serveLines(pool.origin)
  }

  onSlots(connection: Http2Connection): void {
    const { place } = connection
    if (place === null) return
    const { pool } = place
    this.#slots.learn(pool.key, connection.slots)
    if (pool.waiters.length > 0) this.#serve(pool)
    if (connection.active > 0) return
    this.#idle.add(place)
    this.#serveLines(pool.origin)
  }

  onClosed(connection: PooledConnection): void {
    const { place } = connection
    if (place === null) return
    this.#forget(place)
    this.#serve(place.pool)
    this.#serveLines(place.pool.origin)
  }

  /** It is closed, or will be in a moment. */
  #forget(place: Place): void {
    const { connection, pool } = place
    this.#idle.remove(place)
    remove(connection instanceof Http2Connection ? pool.shared : pool.idle, connection)
    pool.all.delete(connection)
    connection.place = null
    this.#count(pool, -1)
  }

  /** There may be room for those who wait for it. */
  #serveLines({ lines }: Origin): void {
    if (lines.size > 0) serveLines(lines, (pool) => this.#serve(pool))
    if (this.#lines.size > 0) serveLines(this.#lines, (pool) => this.#serve(pool))
  }

  /** Ends every connection and every attempt; resolves when the sockets are gone. Requests that wait or run fail with ERR_CLOSED. */
  async close(): Promise<void> {
    const sockets: Promise<void>[] = []
    for (const pool of this.#pools.values()) {
      for (const waiter of pool.waiters.splice(0)) waiter.fail(closedError(waiter.wanted))
      for (const attempt of pool.attempts) this.#cancel(pool, attempt)
      leaveLine(pool)
      clearTimeout(pool.trimming ?? undefined)
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
