import { UsageError } from './errors.ts'

/**
 * What time it is, and who calls when some of it has passed.
 *
 * A Session takes `timeout.total`, the waits between retries, the dates of Retry-After and what authentication schemes call now from it. The timers of
 * adapters (connect, read, write, pool) watch real sockets and follow real time, whatever clock there is; cookies expire by the machine's.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /**
   * Calls back once.
   *
   * @param ms - milliseconds from now, 0 or more, with no upper bound.
   * @returns what {@link clearTimeout} takes.
   */
  setTimeout(callback: () => void, ms: number): unknown
  /** Forgets a timer; does nothing to one that has run or been forgotten, nor to `undefined`. */
  clearTimeout(timer: unknown): void
}

/** The longest time that one of Node's timers can wait: it takes anything longer for 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1

/** This machine's clock. Asks the globals each time, so that runners' fake timers hold for it too. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(ms, LONGEST_TIMER)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
}

/** @throws UsageError for what is no clock. */
export function resolveClock(clock: Clock | null | undefined): Clock {
  if (clock === undefined || clock === null) return systemClock
  for (const name of ['now', 'setTimeout', 'clearTimeout'] as const) {
    if (typeof clock[name] !== 'function')
      throw new UsageError(`clock must have now(), setTimeout() and clearTimeout(): this one has no ${name}()`)
  }
  return clock
}
