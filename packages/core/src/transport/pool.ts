import type { HTTPConnection } from './connection.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { PoolKey } from './pool-key.ts'
import type { PooledConnection, Waiter } from './waiter.ts'

/** The connections of one key, and those who wait for one. */
export interface Pool {
  readonly key: PoolKey
  readonly origin: Origin
  /** Those idle longest first. */
  readonly idle: HTTPConnection[]
  /** Connections with several slots, whether any of them is free or not; those opened first come first. */
  readonly shared: Http2Connection[]
  readonly all: Set<PooledConnection>
  readonly attempts: Set<AbortController>
  /** When it is looked whether anybody still waits for the attempts. */
  trimming: NodeJS.Timeout | null
  readonly waiters: Waiter[]
  /** Where it waits for room to open another connection. */
  line: Line | null
}

/** Pools that wait for room under the same limit, in the order they came: where the first finds none, the others need not look. */
export type Line = Set<Pool>

/** What `limits.connectionsPerOrigin` counts. */
export interface Origin {
  /** Connections and attempts. */
  open: number
  /** Connections among them that are idle. */
  idle: number
  /** Pools of this origin, with connections or without. */
  pools: number
  /** Pools that wait because of this origin's limit, by limit. */
  readonly lines: Map<number, Line>
}

export function newOrigin(): Origin {
  return { open: 0, idle: 0, pools: 0, lines: new Map() }
}

export function newPool(key: PoolKey, origin: Origin): Pool {
  origin.pools++
  return {
    key,
    origin,
    idle: [],
    shared: [],
    all: new Set(),
    attempts: new Set(),
    trimming: null,
    waiters: [],
    line: null,
  }
}

/** Whether nothing is left of it. */
export function isEmpty({ all, attempts, waiters }: Pool): boolean {
  return all.size + attempts.size + waiters.length === 0
}

/** Makes a pool the last of those who wait under a limit. It keeps its place if it is there already. */
export function standInLine(pool: Pool, lines: Map<number, Line>, limit: number): void {
  let line = lines.get(limit)
  if (line === undefined) lines.set(limit, (line = new Set()))
  if (pool.line === line) return
  leaveLine(pool)
  line.add(pool)
  pool.line = line
}

/** It waits for room no more. */
export function leaveLine(pool: Pool): void {
  pool.line?.delete(pool)
  pool.line = null
}

/** Lets those in line try, one after another, until one finds no room. */
export function serveLines(lines: Map<number, Line>, serve: (pool: Pool) => void): void {
  for (const [limit, line] of lines) {
    for (const pool of line) {
      serve(pool)
      if (pool.line === line) break
    }
    // Another line may have taken its place meanwhile.
    if (line.size === 0 && lines.get(limit) === line) lines.delete(limit)
  }
}
