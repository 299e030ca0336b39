import type { Token } from '../token.ts'
import type { Clock } from './clock.ts'

/** A token with its end on a clock that nobody can set. */
export class HeldToken {
  readonly token: Token
  /** On the monotonic clock, in milliseconds; `Infinity` if the server does not say. */
  readonly deadline: number
  /** Milliseconds from asking for it to its end, or from now where that is not known. */
  readonly lifetimeMs: number | undefined

  private constructor(token: Token, deadline: number, lifetimeMs: number | undefined) {
    this.token = token
    this.deadline = deadline
    this.lifetimeMs = lifetimeMs
  }

  /** Reads the wall clock this once. */
  static begin(token: Token, clock: Clock): HeldToken {
    const { expiresAt, obtainedAt } = token
    if (expiresAt === undefined) return new HeldToken(token, Number.POSITIVE_INFINITY, undefined)
    const leftMs = expiresAt - clock.now()
    const lifetimeMs = obtainedAt === undefined ? Math.max(leftMs, 0) : expiresAt - obtainedAt
    // A wall clock that was set back must not make a stored token live longer than the server gave it.
    return new HeldToken(token, clock.monotonic() + Math.min(leftMs, lifetimeMs), lifetimeMs)
  }

  /** The same access token, with other things that came with it. */
  with(token: Token): HeldToken {
    return new HeldToken(token, this.deadline, this.lifetimeMs)
  }

  /**
   * Whether it lives for some time yet.
   *
   * @param leewayMs - how long at least; at most a quarter of its life, so that short tokens are not renewed for every request.
   */
  isFresh(monotonicNow: number, leewayMs: number): boolean {
    const capped = Math.min(leewayMs, (this.lifetimeMs ?? 0) / 4)
    return monotonicNow < this.deadline - capped
  }

  /** How much of its life is over, from 0 to 1; 0 if it has no end. */
  shareOver(monotonicNow: number): number {
    if (this.lifetimeMs === undefined || this.lifetimeMs <= 0) return 0
    return 1 - (this.deadline - monotonicNow) / this.lifetimeMs
  }
}
