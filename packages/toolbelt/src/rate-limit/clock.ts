/** What tells the time, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back after so many milliseconds. @returns to be called if it is not to. */
  after(ms: number, callback: () => void): () => void
}

/** Longest time that one timer of Node can wait. */
const LONGEST_MS = 2 ** 31 - 1

/** The machine's. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, LONGEST_MS))
    return () => clearTimeout(timer)
  },
}
