import { readOptions, type Response, UsageError } from '@entreat/core'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { serverPauseMs } from './server-pause.ts'
import { type BucketRate, TokenBucket } from './token-bucket.ts'

/** Options of {@link RateLimiter}. */
export interface RateLimiterOptions {
  /** Requests for each interval. */
  readonly limit: number
  /** Default 1,000. */
  readonly intervalMs?: number
  /** Requests that may go at once after a rest. Default: `limit`. 1 spreads them evenly. */
  readonly burst?: number
  /** Count each origin by itself. Default `true`. */
  readonly perOrigin?: boolean
  /** Wait as long as servers ask for by Retry-After and RateLimit headers. Default `true`. */
  readonly honoursServer?: boolean
  /** Longest wait that a server may ask for, in milliseconds. Default 10 minutes. */
  readonly maxPauseMs?: number
  /** Default: the machine's. */
  readonly clock?: Clock
}

const OPTIONS: ReadonlySet<string> = new Set<keyof RateLimiterOptions>([
  'limit',
  'intervalMs',
  'burst',
  'perOrigin',
  'honoursServer',
  'maxPauseMs',
  'clock',
])
/** Buckets that are kept before those that are as good as new are let go. */
const MOST_BUCKETS = 1000

/** Lets so many requests go in an interval, in the order in which they ask: a token bucket for each origin. */
export class RateLimiter {
  readonly #rate: BucketRate
  readonly #perOrigin: boolean
  readonly #honoursServer: boolean
  readonly #maxPauseMs: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, TokenBucket>()

  /** @throws UsageError for a limit, interval or burst that lets nothing through. */
  constructor(options: RateLimiterOptions) {
    const own = readOptions(options, OPTIONS, 'RateLimiter')
    const limit = positive('limit', own.limit)
    this.#rate = {
      limit,
      intervalMs: positive('intervalMs', own.intervalMs ?? 1000),
      burst: positive('burst', own.burst ?? Math.max(1, limit)),
    }
    if (this.#rate.burst < 1) throw new UsageError('RateLimiter: burst must be 1 or more')
    this.#perOrigin = own.perOrigin ?? true
    this.#honoursServer = own.honoursServer ?? true
    this.#maxPauseMs = own.maxPauseMs ?? 600_000
    this.#clock = own.clock ?? SYSTEM_CLOCK
  }

  /**
   * Resolves when a request may go.
   *
   * @param origin - as `request.origin`.
   * @throws the signal's reason.
   */
  acquire(origin: string, signal?: AbortSignal): Promise<void> {
    return this.#bucket(origin).take(signal)
  }

  /** Learns from a response how long the server wants to be left alone. */
  observe(origin: string, response: Response): void {
    if (!this.#honoursServer) return
    const pauseMs = Math.min(serverPauseMs(response, this.#clock.now()), this.#maxPauseMs)
    if (pauseMs > 0) this.pause(origin, pauseMs)
  }

  /** Lets no request go for so many milliseconds. */
  pause(origin: string, pauseMs: number): void {
    this.#bucket(origin).pauseUntil(this.#clock.now() + pauseMs)
  }

  #bucket(origin: string): TokenBucket {
    const key = this.#perOrigin ? origin : ''
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      if (this.#buckets.size >= MOST_BUCKETS) this.#forgetIdle()
      bucket = new TokenBucket(this.#rate, this.#clock)
      this.#buckets.set(key, bucket)
    }
    return bucket
  }

  #forgetIdle(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isIdle) this.#buckets.delete(key)
  }
}

function positive(name: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value < Infinity) return value
  throw new UsageError(`RateLimiter: ${name} must be a positive number, not ${String(value)}`)
}
