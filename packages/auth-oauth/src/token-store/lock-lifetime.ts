import { UsageError } from '@entreat/core'

/** A lock that lives shorter is lost while its holder is scheduled out. */
const SHORTEST_MS = 100
const LONGEST_MS = 3_600_000

/** Checks how long a lock is to live, in milliseconds. @throws UsageError */
export function lockLifetime(ttlMs: number): number {
  if (Number.isSafeInteger(ttlMs) && ttlMs >= SHORTEST_MS && ttlMs <= LONGEST_MS) return ttlMs
  throw new UsageError(`A lock lives between ${SHORTEST_MS} and ${LONGEST_MS} milliseconds, not ${String(ttlMs)}`)
}
