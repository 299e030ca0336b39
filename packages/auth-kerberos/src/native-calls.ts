import { untilImpatient, type Patience } from './patience.ts'

/**
 * Bounds how many native calls are running. They block threads of the pool that also serves `fs` and `dns`, and cannot be cancelled: a KDC that does not
 * answer holds one for half a minute.
 *
 * A caller that gives up is rejected at once; the call goes on and keeps its place until it returns.
 */
export class NativeCalls {
  readonly #limit: number
  #running = 0
  readonly #queue = new Set<() => void>()

  /** @param limit - calls at a time, 1 or more. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Calls that are running, those included whose caller has given up. */
  get running(): number {
    return this.#running
  }

  /**
   * Makes a call when it is its turn, in the order of asking. One that is still waiting when its caller gives up is never made.
   *
   * @throws what the call throws; what {@link untilImpatient} throws.
   */
  run<T>(call: () => Promise<T>, patience: Patience): Promise<T> {
    let leaveQueue = (): void => {}
    const made = new Promise<T>((resolve, reject) => {
      const start = (): void => {
        this.#queue.delete(start)
        this.#running++
        void call()
          .finally(() => this.#end())
          .then(resolve, reject)
      }
      leaveQueue = () => void this.#queue.delete(start)
      if (this.#running < this.#limit) start()
      else this.#queue.add(start)
    })
    return untilImpatient(made, patience).finally(() => leaveQueue())
  }

  #end(): void {
    this.#running--
    const [next] = this.#queue
    next?.()
  }
}

/** Two copies of this package in one process share one bound. The number changes when the shape does. */
const SHARED = Symbol.for('@entreat/auth-kerberos/native-calls/1')

/** koffi refuses more than 64 at a time, and processors do not gain from more than this. */
const MOST_CALLS = 32

/** The bound of this process: all threads of the pool but two, from 1 to 32. */
export function sharedNativeCalls(): NativeCalls {
  const place = globalThis as { [SHARED]?: NativeCalls }
  return (place[SHARED] ??= new NativeCalls(mostNativeCalls(process.env['UV_THREADPOOL_SIZE'])))
}

/** The bound for a size of the pool as libuv reads it: 4 threads unless told otherwise, at least 1. */
export function mostNativeCalls(poolSize: string | undefined): number {
  const asked = Number.parseInt(poolSize ?? '4', 10)
  const threads = Math.max(Number.isNaN(asked) ? 1 : asked, 1)
  return Math.min(Math.max(1, threads - 2), MOST_CALLS)
}
