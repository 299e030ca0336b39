import { UsageError } from './errors.ts'
import { readOptions } from './options.ts'

/** What `new Retry()` takes: the parameters of urllib3's Retry, in milliseconds. `null` is no limit of its own kind. */
export interface RetryOptions {
  /** Retries in all, whatever the reason. Default 10; `null` leaves it to the others. */
  readonly total?: number | null
  /** Retries of failed connections: nothing was sent. Default: `total`. */
  readonly connect?: number | null
  /** Retries of exchanges that broke off or timed out after something was sent. Default: `total`. */
  readonly read?: number | null
  /** Retries of statuses in `statusForcelist`, and of those with Retry-After. Default: `total`. */
  readonly status?: number | null
  /** Retries for any other failure. Default: `total`. */
  readonly other?: number | null
  /** Methods that may be repeated after something was sent or answered; `null` for all. Default: the idempotent ones (RFC 9110 section 9.2.2). */
  readonly allowedMethods?: readonly string[] | null
  /** Statuses that are retried. Default none. */
  readonly statusForcelist?: readonly number[]
  /** Milliseconds of back-off: the first retry comes at once, the second after twice this, then doubled each time. Default 0. */
  readonly backoffMs?: number
  /** Longest back-off in milliseconds. Default 120,000. */
  readonly maxBackoffMs?: number
  /** Up to so many random milliseconds are added to each back-off. Default 0. */
  readonly jitterMs?: number
  /** Whether 413, 429 and 503 with Retry-After are retried, after the time it names. Default `true`. */
  readonly respectRetryAfter?: boolean
  /** Longest Retry-After that is waited for, in milliseconds; a longer one ends the retries. Default 120,000. */
  readonly maxRetryAfterMs?: number
  /** Whether a status that is still in the list at the end raises RetryError (`true`, default) or is returned. */
  readonly raiseOnStatus?: boolean
}

const RETRY_OPTIONS: ReadonlySet<string> = new Set<keyof RetryOptions>([
  'total',
  'connect',
  'read',
  'status',
  'other',
  'allowedMethods',
  'statusForcelist',
  'backoffMs',
  'maxBackoffMs',
  'jitterMs',
  'respectRetryAfter',
  'maxRetryAfterMs',
  'raiseOnStatus',
])

const IDEMPOTENT = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'TRACE']
const RETRY_AFTER_STATUSES = [413, 429, 503]

/** The kinds of failure that have a count of their own. */
export type RetryReason = 'connect' | 'read' | 'status' | 'other'

/** When a request is repeated, how often and how soon. Immutable; each exchange counts for itself. */
export class Retry {
  readonly total: number | null
  readonly connect: number | null
  readonly read: number | null
  readonly status: number | null
  readonly other: number | null
  readonly allowedMethods: ReadonlySet<string> | null
  readonly statusForcelist: ReadonlySet<number>
  readonly backoffMs: number
  readonly maxBackoffMs: number
  readonly jitterMs: number
  readonly respectRetryAfter: boolean
  readonly maxRetryAfterMs: number
  readonly raiseOnStatus: boolean

  /** @throws UsageError for counts or times that are no non-negative numbers. */
  constructor(init: RetryOptions = {}) {
    const options = readOptions(init, RETRY_OPTIONS, 'Retry')
    const { total = 10, allowedMethods = IDEMPOTENT, statusForcelist = [] } = options
    this.total = checked('total', total)
    this.connect = checked('connect', options.connect ?? null)
    this.read = checked('read', options.read ?? null)
    this.status = checked('status', options.status ?? null)
    this.other = checked('other', options.other ?? null)
    this.allowedMethods = allowedMethods === null ? null : new Set(allowedMethods.map((method) => method.toUpperCase()))
    this.statusForcelist = new Set(statusForcelist)
    this.backoffMs = checked('backoffMs', options.backoffMs ?? 0) as number
    this.maxBackoffMs = checked('maxBackoffMs', options.maxBackoffMs ?? 120_000) as number
    this.jitterMs = checked('jitterMs', options.jitterMs ?? 0) as number
    this.respectRetryAfter = options.respectRetryAfter ?? true
    this.maxRetryAfterMs = checked('maxRetryAfterMs', options.maxRetryAfterMs ?? 120_000) as number
    this.raiseOnStatus = options.raiseOnStatus ?? true
  }

  /** `n` retries on idempotent methods, a Retry as it is, or none. */
  static from(value: Retry | number | null): Retry | null {
    if (value === null || value === 0) return null
    if (typeof value === 'number') return new Retry({ total: value })
    if (typeof value.retriesStatus === 'function') return value
    throw new UsageError('retry must be a Retry (`new Retry({ … })`), a number, or null')
  }

  /** Whether a request of this method may be repeated once something was sent. */
  allowsMethod(method: string): boolean {
    return this.allowedMethods === null || this.allowedMethods.has(method)
  }

  /** Whether an answer is a reason to ask again. */
  retriesStatus(method: string, status: number, hasRetryAfter: boolean): boolean {
    if (!this.allowsMethod(method)) return false
    if (this.statusForcelist.has(status)) return true
    return this.respectRetryAfter && hasRetryAfter && RETRY_AFTER_STATUSES.includes(status)
  }

  /** How often this reason may still be retried, given how often each was. */
  isExhausted(made: Readonly<Record<RetryReason, number>>, reason: RetryReason): boolean {
    const all = made.connect + made.read + made.status + made.other
    if (this.total !== null && all >= this.total) return true
    const own = this[reason]
    return own === null ? this.total === null : made[reason] >= own
  }

  /**
   * Milliseconds of back-off before a retry.
   *
   * @param attempt - attempts already made, 1 or more: the first retry comes at once.
   */
  backoff(attempt: number): number {
    if (attempt <= 1) return 0
    const delay = this.backoffMs * 2 ** (attempt - 1) + Math.random() * this.jitterMs
    return Math.min(delay, this.maxBackoffMs)
  }
}

function checked(name: string, value: number | null): number | null {
  if (value === null || (typeof value === 'number' && value >= 0)) return value
  throw new UsageError(`retry.${name} must be a number of 0 or more, not ${String(value)}`)
}

/** Whether a request of this method may be sent twice without harm (RFC 9110 section 9.2.2). */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.includes(method)
}

/**
 * Reads a Retry-After header.
 *
 * @param header - seconds, or an HTTP-date.
 * @param now - milliseconds since the epoch.
 * @returns milliseconds to wait, 0 or more; `null` if it is neither.
 * @see RFC 9110 section 10.2.3
 */
export function parseRetryAfter(header: string, now: number): number | null {
  const text = header.trim()
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) * 1000
  // RFC 9110 section 5.6.7: of its three forms, asctime names no zone and is UTC all the same.
  const date = /^[A-Za-z]{3}/.test(text) ? Date.parse(/GMT|UTC/.test(text) ? text : `${text} GMT`) : Number.NaN
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}
