import type { Clock } from '../../src/index.ts'

/** A clock that stands still until it is moved; sleeping moves it. */
export class FakeClock implements Clock {
  /** What was slept, in milliseconds. */
  readonly slept: number[] = []
  #wall: number
  #monotonic = 1000

  constructor(now: number = Date.now()) {
    this.#wall = now
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
    this.pass(ms)
    return Promise.resolve()
  }

  /** Time goes by. */
  pass(ms: number): void {
    this.#wall += ms
    this.#monotonic += ms
  }

  /** Somebody sets the machine's clock. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
