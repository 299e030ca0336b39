import type { Clock } from './clock.ts'

/** How fast a bucket fills, and how much it holds. */
export interface BucketRate {
  /** Tokens for each interval. */
  readonly limit: number
  readonly intervalMs: number
  /** Tokens that a full bucket has. */
  readonly burst: number
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * A token bucket with a queue: whoever asks gets a token at once if there is one, else in turn as they come in. Pauses hold everybody up.
 */
export class TokenBucket {
  readonly #rate: BucketRate
  readonly #clock: Clock
  readonly #waiters: Waiter[] = []
  #tokens: number
  #filledAt: number
  #pausedUntil = 0
  #cancelTimer: (() => void) | null = null

  constructor(rate: BucketRate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
    this.#tokens = rate.burst
    this.#filledAt = clock.now()
  }

  /** Whether it is full and nobody waits: as good as a new one. */
  get isIdle(): boolean {
    this.#fill()
    return this.#waiters.length === 0 && this.#tokens >= this.#rate.burst && this.#pausedUntil <= this.#clock.now()
  }

  /** Resolves with a token taken. Rejects with the signal's reason. */
  take(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    if (this.#waiters.length === 0 && this.#waitMs() === 0) {
      this.#tokens--
      return Promise.resolve()
    }
    return new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiters.indexOf(waiter)
        if (at !== -1) this.#waiters.splice(at, 1)
        waiter.reject(signal?.reason)
        this.#serve()
      }
      const over = (): void => signal?.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        resolve: () => {
          over()
          resolve()
        },
        reject: (error) => {
          over()
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
      this.#serve()
    })
  }

  /** Gives no token before then. */
  pauseUntil(time: number): void {
    if (time <= this.#pausedUntil) return
    this.#pausedUntil = time
    this.#serve()
  }

  #serve(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    while (this.#waiters.length > 0) {
      const waitMs = this.#waitMs()
      if (waitMs > 0) {
        this.#cancelTimer = this.#clock.after(waitMs, () => this.#serve())
        return
      }
      this.#tokens--
      this.#waiters.shift()?.resolve()
    }
  }

  #waitMs(): number {
    this.#fill()
    const pause = Math.max(0, this.#pausedUntil - this.#clock.now())
    // A hair less than a token is a token: time is not counted in fractions of a nanosecond.
    const missing = Math.max(0, 1 - this.#tokens - 1e-9)
    return Math.max(pause, Math.ceil((missing * this.#rate.intervalMs) / this.#rate.limit))
  }

  #fill(): void {
    const now = this.#clock.now()
    const { limit, intervalMs, burst } = this.#rate
    // A clock that was set back fills nothing.
    const elapsed = Math.max(0, now - this.#filledAt)
    this.#tokens = Math.min(burst, this.#tokens + (elapsed * limit) / intervalMs)
    this.#filledAt = now
  }
}
