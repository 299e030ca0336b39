import { UsageError } from './errors.ts'

/** Caps on what a server can make us hold, and on connections. Sizes in bytes. */
export interface Limits {
  /** Decoded bytes of a body that is read whole: `content`, `text`, `json()`, `read()`. Default 256 MiB; `Infinity` for none. */
  readonly decodedBytes?: number
  /** Status line and headers of one response. Default 128 KiB. */
  readonly headerBytes?: number
  /** Bytes read of a response that is not the final one, before its connection is closed instead of reused. Default 1 MiB. */
  readonly drainedBytes?: number
  /** Content codings laid over each other. Default 5. */
  readonly codings?: number
  /** Connections of one adapter, in all. Default 256. */
  readonly connections?: number
  /** Connections to one origin. Default 64. */
  readonly connectionsPerOrigin?: number
  /** Milliseconds that an unused connection is kept. Default 30,000; a server's Keep-Alive header can shorten it. */
  readonly idleMs?: number
}

/** The same, complete. */
export type ResolvedLimits = Required<Limits>

/** What holds when nobody says otherwise. */
export const DEFAULT_LIMITS: ResolvedLimits = {
  decodedBytes: 256 * 1024 * 1024,
  headerBytes: 128 * 1024,
  drainedBytes: 1024 * 1024,
  codings: 5,
  connections: 256,
  connectionsPerOrigin: 64,
  idleMs: 30_000,
}

/**
 * Lays limits over others.
 *
 * @throws UsageError for an unknown name, or a value that is no positive number.
 */
export function resolveLimits(init: Limits, base: ResolvedLimits = DEFAULT_LIMITS): ResolvedLimits {
  const resolved: Record<string, number> = { ...base }
  for (const name of Object.keys(init)) {
    const value = (init as Record<string, number | undefined>)[name]
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
      throw new UsageError(`limits has no "${name}": it has ${Object.keys(DEFAULT_LIMITS).join(', ')}`)
    }
    if (value === undefined) continue
    if (typeof value !== 'number' || !(value >= 0)) throw new UsageError(`limits.${name} must be a number of 0 or more`)
    resolved[name] = value
  }
  return resolved as ResolvedLimits
}
