import type { Clock } from './clock.ts'
import { redactUrl, TotalTimeout, UsageError } from './errors.ts'
import type { PreparedRequest } from './message/prepared-request.ts'

/** Milliseconds for each phase; `null` is for ever. */
export interface Timeouts {
  /** Name resolution, TCP, proxy and TLS together. Default 10,000. */
  readonly connect?: number | null
  /** From one byte of the response to the next. Default 60,000. */
  readonly read?: number | null
  /** From one piece of the request's body that the connection takes to the next. Default none. */
  readonly write?: number | null
  /** Waiting for a free connection. Default none. */
  readonly pool?: number | null
  /** The whole call: preparation, redirects, retries, body. Default none. */
  readonly total?: number | null
}

/** What options take: milliseconds for connect and read, `[connect, read]`, phases by name, or `null` for none at all. */
export type TimeoutInit = number | null | readonly [connect: number | null, read: number | null] | Timeouts

/** Every phase, in milliseconds or `null`. */
export interface ResolvedTimeout {
  readonly connect: number | null
  readonly read: number | null
  readonly write: number | null
  readonly pool: number | null
  readonly total: number | null
}

/** What holds when nobody says otherwise. */
const DEFAULT_TIMEOUT: ResolvedTimeout = { connect: 10_000, read: 60_000, write: null, pool: null, total: null }

const PHASES = ['connect', 'read', 'write', 'pool', 'total'] as const

/**
 * Reads a timeout. Phases that an object does not name keep the value of `base`.
 *
 * @throws UsageError unless every time is a positive number or `null`.
 */
export function resolveTimeout(init: TimeoutInit, base: ResolvedTimeout = DEFAULT_TIMEOUT): ResolvedTimeout {
  if (init === null) return { connect: null, read: null, write: null, pool: null, total: null }
  if (typeof init === 'number') return { ...base, connect: checked('connect', init), read: init }
  if (Array.isArray(init)) {
    if (init.length !== 2) throw new UsageError('timeout given as a list must be [connect, read], in milliseconds')
    return { ...base, connect: checked('connect', init[0]), read: checked('read', init[1]) }
  }
  if (typeof init !== 'object')
    throw new UsageError(`timeout must be milliseconds, [connect, read], phases or null, not ${typeof init}`)
  const resolved: Record<string, number | null> = { ...base }
  for (const phase of Object.keys(init)) {
    if (!(PHASES as readonly string[]).includes(phase)) {
      throw new UsageError(`timeout has no phase "${phase}": the phases are ${PHASES.join(', ')}`)
    }
    const value = (init as Record<string, number | null | undefined>)[phase]
    if (value !== undefined) resolved[phase] = checked(phase, value)
  }
  return resolved as unknown as ResolvedTimeout
}

function checked(phase: string, value: number | null): number | null {
  if (value === null || (typeof value === 'number' && value > 0)) return value === Infinity ? null : value
  throw new UsageError(
    `timeout.${phase} must be a positive number of milliseconds, or null for none, not ${String(value)}`,
  )
}

/** Who waits for a signal: one listener on it, however many they are. */
interface Audience {
  readonly callbacks: Set<() => void>
  readonly onAbort: () => void
}

const audiences = new WeakMap<AbortSignal, Audience>()

/** Calls back when the signal aborts. @returns to be called when nobody is interested any more. */
function onceAborted(signal: AbortSignal, callback: () => void): () => void {
  const audience = audiences.get(signal) ?? gather(signal)
  audience.callbacks.add(callback)
  return () => {
    if (!audience.callbacks.delete(callback) || audience.callbacks.size > 0) return
    audiences.delete(signal)
    signal.removeEventListener('abort', audience.onAbort)
  }
}

function gather(signal: AbortSignal): Audience {
  const callbacks = new Set<() => void>()
  const audience = { callbacks, onAbort: () => callbacks.forEach((callback) => callback()) }
  audiences.set(signal, audience)
  signal.addEventListener('abort', audience.onAbort, { once: true })
  return audience
}

/**
 * The caller's signal and `timeout.total` as one signal, for a whole call. However many calls share the caller's signal, it gets one listener.
 */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  #timer: unknown
  #letGo: (() => void) | undefined
  /** What is being sent, once that is known: for the error. */
  request: PreparedRequest | undefined

  /** @param totalMs - milliseconds by the clock, or `null` for no end. */
  constructor(totalMs: number | null, signal: AbortSignal | undefined, clock: Clock) {
    this.#clock = clock
    if (signal !== undefined && typeof signal.addEventListener !== 'function')
      throw new UsageError('signal must be an AbortSignal')
    if (signal?.aborted === true) this.#controller.abort(signal.reason)
    else if (signal !== undefined) this.#letGo = onceAborted(signal, () => this.#controller.abort(signal.reason))
    if (totalMs !== null) {
      const expire = (): void => this.#controller.abort(this.#totalTimeout(totalMs))
      this.#timer = clock.setTimeout(expire, totalMs)
    }
  }

  #totalTimeout(totalMs: number): TotalTimeout {
    const { request } = this
    const what = request === undefined ? 'a request' : `${request.method} ${redactUrl(request.url)}`
    return new TotalTimeout(`${what}: the whole exchange took longer than timeout.total = ${totalMs} ms`, { request })
  }

  /** Aborts with the caller's reason, or with a TotalTimeout. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Stops the timer and lets go of the caller's signal. */
  dispose(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#letGo?.()
  }
}

/** Who wants to know when a Session closes. */
export interface EndListener {
  /** Its place in the list of those who listen; the list's own. */
  place: number
  /** The Session closes. */
  onEnd(): void
}

/** A Session's time from one close() to the next, shared by all that runs in it. */
export class Lifetime {
  /** What the Session was closed with; `null` while it is open. */
  endedWith: Error | null = null
  readonly #listeners: EndListener[] = []

  /**
   * Adds a listener that is in no list.
   *
   * A list in no order, not a Set: a Set to which something is added and from which something is removed for every request leaves a chain of its former
   * tables, each of which keeps the next one from being collected young. Half of all garbage became old so, and collecting it cost a quarter of a request.
   */
  listen(listener: EndListener): void {
    listener.place = this.#listeners.length
    this.#listeners.push(listener)
  }

  leave(listener: EndListener): void {
    if (this.#listeners[listener.place] !== listener) return
    const last = this.#listeners.pop() as EndListener
    if (last === listener) return
    this.#listeners[listener.place] = last
    last.place = listener.place
  }

  end(error: Error): void {
    this.endedWith = error
    for (const listener of this.#listeners.splice(0)) listener.onEnd()
  }
}

/** What can end a wait before its time. */
export interface Interrupts {
  readonly signal?: AbortSignal | undefined
  readonly lifetime?: Lifetime | undefined
}

/**
 * A promise that also rejects when the signal aborts, with its reason, or when the Session closes.
 *
 * @param discard - called with what the promise gives after that, so that nothing stays open.
 */
export function untilInterrupted<T>(
  promise: Promise<T>,
  { signal, lifetime }: Interrupts,
  discard: (late: T) => void = () => {},
): Promise<T> {
  if (signal === undefined && lifetime === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const interrupt = (): void => {
      letGo()
      reject((signal?.aborted === true ? signal.reason : lifetime?.endedWith) as Error)
      promise.then(discard, () => {})
    }
    const letGo = (): void => {
      signal?.removeEventListener('abort', interrupt)
      lifetime?.leave(listener)
    }
    const listener: EndListener = { place: -1, onEnd: interrupt }
    if (signal?.aborted === true || (lifetime?.endedWith ?? null) !== null) return interrupt()
    signal?.addEventListener('abort', interrupt, { once: true })
    lifetime?.listen(listener)
    promise.then(
      (value) => {
        letGo()
        resolve(value)
      },
      (error: unknown) => {
        letGo()
        reject(error)
      },
    )
  })
}

/** Waits by the clock, unless it is interrupted. */
export async function delay(ms: number, interrupts: Interrupts & { readonly clock: Clock }): Promise<void> {
  const { clock } = interrupts
  let timer: unknown
  const elapsed = new Promise<void>((resolve) => {
    timer = clock.setTimeout(resolve, ms)
  })
  try {
    await untilInterrupted(elapsed, interrupts)
  } finally {
    clock.clearTimeout(timer)
  }
}
