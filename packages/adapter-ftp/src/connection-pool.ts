import { ConnectionError, PoolTimeout, type ResolvedLimits } from '@entreat/core'
import { connectTimeout } from './failures.ts'
import type { FTPConnection } from './protocol/ftp-connection.ts'
import { describeTask, type Task } from './task.ts'

/** What a connection belongs to. */
export interface PoolKey {
  /** Equal for requests that may share a connection. */
  readonly text: string
  /** What `limits.connectionsPerOrigin` counts. */
  readonly origin: string
}

/** What a request that needs a connection brings along. */
export interface Wanted {
  readonly key: PoolKey
  readonly task: Task
  readonly limits: ResolvedLimits
  readonly noopIntervalMs: number | null
  /** Opens one and signs in; cancelled through the signal, with its reason. */
  readonly open: (signal: AbortSignal) => Promise<FTPConnection>
}

/** A request that waits: for a connection, or for leave (`null`) to open one. */
interface Waiter {
  readonly wanted: Wanted
  readonly give: (connection: FTPConnection | null) => void
  readonly fail: (error: unknown) => void
}

const LONGEST_TIMER = 2 ** 31 - 1
/** How long the answer to NOOP may take, in milliseconds. */
const MOST_NOOP_MS = 10_000

/**
 * Every control connection of one adapter. One is idle, or serves one request; who waits longest is served first. When all slots are taken, the
 * connection that has been idle longest elsewhere makes room.
 */
export class ConnectionPool {
  /** Idle connections, those idle longest first. */
  readonly #idle = new Map<FTPConnection, Wanted>()
  /** What happens to a connection while nobody uses it. */
  readonly #timers = new WeakMap<FTPConnection, readonly NodeJS.Timeout[]>()
  readonly #busy = new Map<FTPConnection, Wanted>()
  readonly #attempts = new Set<AbortController>()
  readonly #waiters: Waiter[] = []
  readonly #openTo = new Map<string, number>()
  #open = 0

  /**
   * A connection for this request alone, until it is given back by {@link release} or has closed.
   *
   * @throws PoolTimeout, ConnectTimeout, the signal's reason, or why opening failed.
   */
  async acquire(wanted: Wanted): Promise<FTPConnection> {
    wanted.task.options.signal?.throwIfAborted()
    const idle = this.#takeIdle(wanted.key.text)
    if (idle !== null) return this.#begin(idle, wanted)
    if (this.#waiters.length > 0 || !this.#takeSlot(wanted)) {
      const given = await this.#wait(wanted)
      if (given !== null) return this.#begin(given, wanted)
    }
    return this.#openInSlot(wanted)
  }

  #begin(connection: FTPConnection, wanted: Wanted): FTPConnection {
    wanted.task.connectionReused = connection.served > 0
    connection.served++
    connection.channel.isIdle = false
    this.#busy.set(connection, wanted)
    return connection
  }

  #takeIdle(key: string): FTPConnection | null {
    // The one used last is the most likely to be alive still.
    for (const [connection, wanted] of [...this.#idle].reverse()) {
      if (wanted.key.text !== key) continue
      this.#forgetIdle(connection)
      if (!connection.isClosed) return connection
    }
    return null
  }

  #takeSlot({ key, limits }: Wanted): boolean {
    if ((this.#openTo.get(key.origin) ?? 0) >= limits.connectionsPerOrigin && !this.#evict(key.origin)) return false
    if (this.#open >= limits.connections && !this.#evict(null)) return false
    this.#count(key.origin, 1)
    return true
  }

  #evict(origin: string | null): boolean {
    for (const [connection, { key }] of this.#idle) {
      if (origin !== null && key.origin !== origin) continue
      connection.channel.onClosed = () => {}
      this.#forgetIdle(connection)
      this.#count(key.origin, -1)
      connection.quit()
      return true
    }
    return false
  }

  #count(origin: string, change: 1 | -1): void {
    const open = (this.#openTo.get(origin) ?? 0) + change
    if (open === 0) this.#openTo.delete(origin)
    else this.#openTo.set(origin, open)
    this.#open += change
  }

  #wait(wanted: Wanted): Promise<FTPConnection | null> {
    const { task } = wanted
    const { signal } = task.options
    const { pool } = task.options.timeout
    return new Promise((resolve, reject) => {
      const leave = (error: unknown): void => {
        const at = this.#waiters.indexOf(waiter)
        if (at === -1) return
        this.#waiters.splice(at, 1)
        settle()
        reject(error)
      }
      const onAbort = (): void => leave(signal?.reason)
      const timer =
        pool === null ? undefined : setTimeout(() => leave(poolTimeout(task, pool)), Math.min(pool, LONGEST_TIMER))
      const settle = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      const give = (connection: FTPConnection | null): void => {
        settle()
        resolve(connection)
      }
      const waiter: Waiter = { wanted, give, fail: leave }
      this.#waiters.push(waiter)
      this.#serve()
      if (!this.#waiters.includes(waiter)) return
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  async #openInSlot(wanted: Wanted): Promise<FTPConnection> {
    const { task, key } = wanted
    const { signal } = task.options
    const { connect } = task.options.timeout
    const attempt = new AbortController()
    this.#attempts.add(attempt)
    const onAbort = (): void => attempt.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    const giveUp = (): void => attempt.abort(connectTimeout(task, connect ?? 0))
    const timer = connect === null ? undefined : setTimeout(giveUp, Math.min(connect, LONGEST_TIMER))
    try {
      const connection = await wanted.open(attempt.signal)
      if (attempt.signal.aborted || connection.isClosed) {
        connection.destroy()
        throw attempt.signal.aborted
          ? attempt.signal.reason
          : new ConnectionError('the connection closed as soon as it was open')
      }
      connection.channel.onClosed = () => this.#closed(connection, key.origin)
      return this.#begin(connection, wanted)
    } catch (error) {
      this.#count(key.origin, -1)
      this.#serve()
      throw error
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      this.#attempts.delete(attempt)
    }
  }

  /** Gives a connection back, once its request is over. One that has closed is none. */
  release(connection: FTPConnection): void {
    const wanted = this.#busy.get(connection)
    if (wanted === undefined || connection.isClosed) return
    this.#busy.delete(connection)
    connection.channel.transcript.take()
    connection.channel.isIdle = true
    if (connection.isClosed) return
    const at = this.#waiters.findIndex((waiter) => waiter.wanted.key.text === wanted.key.text)
    if (at !== -1) {
      const [waiter] = this.#waiters.splice(at, 1)
      waiter?.give(connection)
      return
    }
    this.#keep(connection, wanted)
    this.#serve()
  }

  #keep(connection: FTPConnection, wanted: Wanted): void {
    const { limits, noopIntervalMs, task } = wanted
    const idleMs = Math.min(limits.idleMs, LONGEST_TIMER)
    const timers = [setTimeout(() => connection.quit(), idleMs).unref()]
    if (noopIntervalMs !== null && noopIntervalMs < idleMs) {
      const stayAlive = (): void => void this.#keepAlive(connection, wanted, task.options.timeout.read)
      timers.push(setInterval(stayAlive, noopIntervalMs).unref())
    }
    this.#timers.set(connection, timers)
    this.#idle.set(connection, wanted)
  }

  /** It is nobody's while it speaks: whoever comes meanwhile opens another, or waits for the answer. */
  async #keepAlive(connection: FTPConnection, wanted: Wanted, readMs: number | null): Promise<void> {
    if (!this.#idle.delete(connection)) return
    this.#busy.set(connection, wanted)
    await connection.keepAlive(Math.min(readMs ?? LONGEST_TIMER, MOST_NOOP_MS))
    if (!this.#busy.delete(connection)) return
    connection.channel.isIdle = true
    if (connection.isClosed) return
    this.#idle.set(connection, wanted)
    this.#serve()
  }

  #forgetIdle(connection: FTPConnection): void {
    for (const timer of this.#timers.get(connection) ?? []) clearTimeout(timer)
    this.#timers.delete(connection)
    this.#idle.delete(connection)
  }

  #closed(connection: FTPConnection, origin: string): void {
    this.#forgetIdle(connection)
    this.#busy.delete(connection)
    this.#count(origin, -1)
    this.#serve()
  }

  /** Gives what is idle, and what may be opened, to those who wait. */
  #serve(): void {
    for (const waiter of this.#waiters.slice()) {
      if (!this.#waiters.includes(waiter)) continue
      const connection = this.#takeIdle(waiter.wanted.key.text)
      if (connection === null && !this.#takeSlot(waiter.wanted)) continue
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
      waiter.give(connection)
    }
  }

  /** Ends everything; resolves when the sockets are gone. Requests that wait or run fail with ERR_CLOSED. */
  async close(): Promise<void> {
    for (const waiter of this.#waiters.slice()) waiter.fail(closedError())
    for (const attempt of this.#attempts) attempt.abort(closedError())
    const gone: Promise<void>[] = []
    for (const connection of [...this.#idle.keys(), ...this.#busy.keys()]) {
      const { socket } = connection.channel
      if (!socket.closed) gone.push(new Promise((resolve) => void socket.once('close', () => resolve())))
      connection.destroy(closedError())
    }
    await Promise.all(gone)
  }
}

function poolTimeout(task: Task, waitMs: number): PoolTimeout {
  const { request } = task
  const facts = { request, connectionReused: false, requestBytesSent: 0, responseStarted: false }
  return new PoolTimeout(`${describeTask(task)}: no connection became free within timeout.pool = ${waitMs} ms`, facts)
}

function closedError(): ConnectionError {
  return new ConnectionError('the adapter was closed', { code: 'ERR_CLOSED' })
}
