/** Lets one caller of this process at a time in, for each key, in order of arrival: only that one need ask the medium. */
export class KeyQueue {
  readonly #tails = new Map<string, Promise<void>>()

  /**
   * Waits until everyone before has left.
   *
   * @returns how to leave; may be called again.
   * @throws the signal's reason, when it aborts the waiting.
   */
  async enter(key: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    const before = this.#tails.get(key) ?? Promise.resolve()
    let leave = (): void => {}
    const mine = new Promise<void>((resolve) => {
      leave = resolve
    })
    const tail = before.then(() => mine)
    this.#tails.set(key, tail)
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    })
    try {
      await unlessAborted(before, signal)
    } catch (error) {
      leave()
      throw error
    }
    return leave
  }
}

/** Lets a number of callers in at a time, the others in order of arrival. */
export class Turnstile {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(most: number) {
    this.#free = most
  }

  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    try {
      return await action()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

/** Waits for a promise, or for the signal. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Waits between two looks at a lock: longer each time, and never in step with others. */
export class PollingPause {
  #attempts = 0
  readonly #longestMs: number

  constructor(longestMs: number) {
    this.#longestMs = longestMs
  }

  /** @throws the signal's reason. */
  async next(signal?: AbortSignal): Promise<void> {
    const most = Math.min(this.#longestMs, 10 * 2 ** Math.min(this.#attempts++, 10))
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, most * (0.5 + Math.random() / 2))
    })
    try {
      await unlessAborted(over, signal)
    } finally {
      clearTimeout(timer)
    }
  }
}
