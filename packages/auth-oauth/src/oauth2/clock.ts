import { setTimeout as delay } from 'node:timers/promises'

/** What time it is. Give one of your own in tests. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when the machine's clock is set. */
  now(): number
  /** Milliseconds from any start; never jumps. */
  monotonic(): number
  /** Resolves after `ms` milliseconds; rejects with the signal's reason if it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The longest time that one timer can wait. */
const LONGEST_TIMER = 2 ** 31 - 1

/** This machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(Math.min(Math.max(ms, 0), LONGEST_TIMER), undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    }
  },
}
