import type { Headers } from '@entreat/core'
import type { Clock } from './clock.ts'
import { PerOrigin } from './per-origin.ts'

/** Differences smaller than this come from the one-second resolution of `Date`, and from the way. */
const NOTICEABLE_MS = 5_000

/**
 * What time servers think it is, by their `Date` headers: signed assertions are refused when clocks differ.
 *
 * Only a difference of more than five seconds counts.
 */
export class ServerClock {
  readonly #clock: Clock
  #offsets: PerOrigin<number> = new PerOrigin()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes over what another one has learned. */
  follow(other: ServerClock): void {
    this.#offsets = other.#offsets
  }

  /** Milliseconds since the epoch, as that server sees it. */
  now(origin: string): number {
    return this.#clock.now() + (this.#offsets.get(origin) ?? 0)
  }

  /**
   * Learns from an answer.
   *
   * @returns whether the difference is another one than was known.
   */
  observe(origin: string, headers: Headers): boolean {
    const date = Date.parse(headers.get('date') ?? '')
    if (Number.isNaN(date)) return false
    const measured = date - this.#clock.now()
    const offset = Math.abs(measured) > NOTICEABLE_MS ? measured : 0
    const known = this.#offsets.get(origin) ?? 0
    if (Math.abs(offset - known) <= NOTICEABLE_MS) return false
    this.#offsets.set(origin, offset)
    return true
  }
}
