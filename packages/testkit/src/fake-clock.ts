import type { Clock } from '@entreat/core'

/** A callback and when it is due. */
interface Timer {
  readonly due: number
  readonly callback: () => void
}

/** Node runs a timer of 0 ms after one. */
const SHORTEST_TIMER = 1

/** Timers that one `advance()` runs at most: more come from a timer that starts itself anew without end. */
const MOST_TIMERS = 100_000

/**
 * Time that passes when a test says so, for `new Session({ clock })`: waits between retries, Retry-After dates, `timeout.total` and the lifetimes of tokens
 * take no time and come out the same on every machine.
 *
 * The network is as real as before: the timeouts of adapters (connect, read, write, pool) watch real sockets and follow real time. It has `monotonic()` and
 * `sleep()` as well, so that it serves whoever takes a clock of more than core's three methods.
 */
export class FakeClock implements Clock {
  #now: number
  #elapsed = 0
  /** In the order in which they were set, so that those due at once run in it. */
  readonly #timers = new Set<Timer>()
  readonly #watchers = new Set<() => void>()

  /**
   * @param start - what time it is at first: a date, or milliseconds since the epoch. Default: the first moment of 2024, UTC.
   * @throws RangeError for what is no time.
   */
  constructor(start: Date | number = Date.UTC(2024, 0, 1)) {
    this.#now = Number(start)
    if (!Number.isFinite(this.#now)) throw new RangeError(`FakeClock: ${String(start)} is no time to start at`)
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now
  }

  /** Milliseconds since this clock was made. */
  monotonic(): number {
    return this.#elapsed
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Milliseconds until the next timer is due, or `null` if none waits. */
  get nextIn(): number | null {
    const next = this.#next()
    return next === null ? null : next.due - this.#elapsed
  }

  /** Calls back once, when `ms` milliseconds have been let pass. @returns what {@link clearTimeout} takes. */
  setTimeout(callback: () => void, ms: number): object {
    const timer = { due: this.#elapsed + Math.max(SHORTEST_TIMER, Number.isNaN(ms) ? 0 : ms), callback }
    this.#timers.add(timer)
    for (const told of this.#watchers) told()
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Resolves when `ms` milliseconds have been let pass; rejects with the signal's reason if it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const leave = (): void => {
        this.clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const timer = this.setTimeout(wake, ms)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /**
   * Lets time pass: timers that come due run in the order of their times, each at its own time, with what follows from it in promises done before the next.
   *
   * What waits for a socket is not waited for: it takes real time. {@link waits} tells when it has come to a timer.
   *
   * @param ms - milliseconds, 0 or more.
   * @throws RangeError for a time that is no number of 0 or more; Error if timers never stop setting new ones.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`FakeClock: time cannot advance by ${String(ms)} ms`)
    const end = this.#elapsed + ms
    await settled()
    for (let count = 0; ; count++) {
      const timer = this.#next()
      if (timer === null || timer.due > end) break
      if (count === MOST_TIMERS)
        throw new Error(`FakeClock: ${count} timers ran within ${ms} ms; one of them may set itself anew without end`)
      this.#moveTo(timer.due)
      this.#timers.delete(timer)
      timer.callback()
      await settled()
    }
    this.#moveTo(end)
  }

  /**
   * Waits, in real time, until somebody waits on this clock: until so many timers are pending.
   *
   * @param count - default 1.
   */
  async waits(count = 1): Promise<void> {
    while (this.#timers.size < count) {
      await new Promise<void>((resolve) => {
        const told = (): void => {
          this.#watchers.delete(told)
          resolve()
        }
        this.#watchers.add(told)
      })
    }
  }

  #next(): Timer | null {
    let next: Timer | null = null
    for (const timer of this.#timers) if (next === null || timer.due < next.due) next = timer
    return next
  }

  #moveTo(elapsed: number): void {
    this.#now += elapsed - this.#elapsed
    this.#elapsed = elapsed
  }
}

/** After the microtasks that are queued, and those that they queue. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
