const LONGEST_TIMER = 2 ** 31 - 1

/** A timer for "nothing happened for so long": started, touched at each sign of life, stopped. Without a time it does nothing. */
export class StallTimer {
  readonly #ms: number | null
  readonly #onStall: () => void
  #timer: NodeJS.Timeout | null = null

  /** @param ms - milliseconds, or `null` for never. */
  constructor(ms: number | null, onStall: () => void) {
    this.#ms = ms === null ? null : Math.min(ms, LONGEST_TIMER)
    this.#onStall = onStall
  }

  start(): void {
    if (this.#ms === null) return
    if (this.#timer === null) this.#timer = setTimeout(this.#onStall, this.#ms)
    else this.#timer.refresh()
  }

  /** Starts over, if it is running. */
  touch(): void {
    this.#timer?.refresh()
  }

  stop(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}
