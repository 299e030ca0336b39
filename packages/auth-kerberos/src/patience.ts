/** How long a caller is willing to wait. */
export interface Patience {
  /** Whose abort ends the waiting, with its reason. */
  readonly signal?: AbortSignal | undefined
  /** When to stop, in milliseconds of `performance.now()`; `Infinity` for never. */
  readonly until: number
}

/** The wait was longer than its caller had patience for. */
export class OutOfPatience extends Error {}

/** `setTimeout` takes no more. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/**
 * The same as a promise, but rejects as soon as patience ends.
 *
 * @throws what the promise rejects with; the signal's reason; OutOfPatience.
 */
export function untilImpatient<T>(promise: Promise<T>, { signal, until }: Patience): Promise<T> {
  if (signal === undefined && until === Infinity) return promise
  return new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const onAbort = (): void => {
      settle()
      reject(signal?.reason)
    }
    const onTimeout = (): void => {
      settle()
      reject(new OutOfPatience('waited for too long'))
    }
    const leftMs = Math.min(until - performance.now(), LONGEST_TIMEOUT_MS)
    const timer = until === Infinity ? undefined : setTimeout(onTimeout, leftMs)
    promise.finally(settle).then(resolve, reject)
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort)
  })
}
