import { readOptions, type Response, type Session, UsageError } from '@entreat/core'
import type { OnProgress } from '../progress.ts'
import type { RequestInput } from './planned-request.ts'

/** Options of `map`, `imap` and `imapEnumerated`. */
export interface ConcurrencyOptions<T = Response, E = never> {
  /** Who sends them. Default: a Session of its own, closed when all is over. */
  readonly session?: Session
  /** Requests at once, at most. Default 10. */
  readonly size?: number
  /** Requests to one host and port at once, at most, redirects not counted. Default: no limit but `size`. */
  readonly perHost?: number
  /** Makes of each response what is given instead, while it still holds its slot; what it throws goes to `onError`. */
  readonly onResponse?: (response: Response, index: number) => T | Promise<T>
  /** Gives a value in place of one that failed. Default: the first failure ends everything, and is thrown. */
  readonly onError?: (error: unknown, request: RequestInput, index: number) => E | Promise<E>
  /** Is told how many requests are finished. `total` is known for a list. */
  readonly onProgress?: OnProgress
  /** Ask for bodies to be streamed. A response holds its slot until its body has been read or closed. */
  readonly stream?: boolean
  /** Milliseconds for all of them. What is not finished by then fails with a TotalTimeout. Default: none. */
  readonly timeoutMs?: number
  /** Ends everything; its reason is thrown. */
  readonly signal?: AbortSignal
}

/** Options of `imap` and `imapEnumerated`. */
export interface IterationOptions<T = Response, E = never> extends ConcurrencyOptions<T, E> {
  /** Give results in the order of the requests. Default `false`: as they finish. */
  readonly ordered?: boolean
}

/** Options, checked. */
export interface ResolvedConcurrency<T, E> extends IterationOptions<T, E> {
  readonly size: number
  readonly perHost: number
}

const OPTIONS: ReadonlySet<string> = new Set<keyof IterationOptions>([
  'session',
  'size',
  'perHost',
  'onResponse',
  'onError',
  'onProgress',
  'stream',
  'timeoutMs',
  'signal',
  'ordered',
])

/** @throws UsageError. */
export function resolveConcurrency<T, E>(options: IterationOptions<T, E>, where: string): ResolvedConcurrency<T, E> {
  const own = readOptions(options, OPTIONS, where)
  const { timeoutMs } = own
  if (timeoutMs !== undefined && !(timeoutMs > 0))
    throw new UsageError(`${where}: timeoutMs must be a positive number of milliseconds, not ${String(timeoutMs)}`)
  return {
    ...own,
    size: limit('size', own.size ?? 10, where),
    perHost: limit('perHost', own.perHost ?? Infinity, where),
  }
}

function limit(name: string, value: number, where: string): number {
  if (value === Infinity || (Number.isInteger(value) && value >= 1)) return value
  throw new UsageError(`${where}: ${name} must be a whole number, 1 or more, not ${String(value)}`)
}
