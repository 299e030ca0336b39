const LONGEST_TIMER = 2 ** 31 - 1

/** Who is told that nothing happened. An object and not a function: it costs a request nothing to be one. */
export interface Stallable {
  onStall(): void
}

/**
 * A timer for "nothing happened for so long": started, touched at each sign of life, stopped. Without a time it does nothing.
 *
 * One serves a connection for all its exchanges. Node's own timer is set once and looks, when it fires, whether it is still wanted: to set and to clear
 * one for every request cost a twentieth of what a request costs.
 */
export class StallTimer {
  #ms: number | null
  #watched: Stallable | null
  #timer: NodeJS.Timeout | null = null
  #isRunning = false
  /** When it has stalled, and when Node's timer fires, by `performance.now()`. */
  #due = 0
  #firesAt = 0

  /** @param ms - milliseconds, or `null` for never. */
  constructor(ms: number | null = null, watched: Stallable | null = null) {
    this.#ms = ms
    this.#watched = watched
  }

  /** For the next exchange. */
  reset(ms: number | null, watched: Stallable): void {
    this.stop()
    this.#ms = ms
    this.#watched = watched
  }

  /** @param now - by `performance.now()`, if that is known already. */
  start(now: number = performance.now()): void {
    if (this.#ms === null || this.#watched === null) return
    this.#isRunning = true
    this.#due = now + this.#ms
    if (this.#timer === null || this.#firesAt > this.#due) this.#arm()
    else this.#timer.ref()
  }

  /** Starts over, if it is running. */
  touch(): void {
    if (this.#isRunning) this.#due = performance.now() + (this.#ms as number)
  }

  stop(): void {
    if (!this.#isRunning) return
    this.#isRunning = false
    // What is left of it must not keep the process alive.
    this.#timer?.unref()
  }

  /** Stops, and holds nothing of the exchange any more: an idle connection would keep its last response in memory. */
  release(): void {
    this.stop()
    this.#watched = null
  }

  /** Stops for good. */
  close(): void {
    this.release()
    clearTimeout(this.#timer ?? undefined)
    this.#timer = null
  }

  #arm(): void {
    clearTimeout(this.#timer ?? undefined)
    this.#firesAt = this.#due
    const wait = Math.max(1, this.#due - performance.now())
    this.#timer = setTimeout(() => this.#look(), Math.min(wait, LONGEST_TIMER))
  }

  #look(): void {
    this.#timer = null
    if (!this.#isRunning) return
    if (performance.now() < this.#due) return this.#arm()
    this.#isRunning = false
    this.#watched?.onStall()
  }
}
