import type { Origin, Pool } from './pool.ts'
import type { PooledConnection } from './waiter.ts'

/** Where a connection belongs: to a pool, and among the idle ones while it is idle. */
export class Place {
  readonly connection: PooledConnection
  pool: Pool
  isIdle = false
  older: Place | null = null
  newer: Place | null = null

  constructor(connection: PooledConnection, pool: Pool) {
    this.connection = connection
    this.pool = pool
  }
}

/**
 * The idle connections of one adapter, those idle longest first.
 *
 * A linked list, since every request takes one out and puts it back: a Set leaves garbage that grows old (decision 5), an array has to be searched.
 */
export class IdleConnections {
  #oldest: Place | null = null
  #newest: Place | null = null

  /** Adds one as the last; moves it there, if it is in the list. */
  add(place: Place): void {
    this.remove(place)
    place.isIdle = true
    place.pool.origin.idle++
    place.older = this.#newest
    if (this.#newest === null) this.#oldest = place
    else this.#newest.newer = place
    this.#newest = place
  }

  /** Does nothing if it is not in the list. */
  remove(place: Place): void {
    if (!place.isIdle) return
    const { older, newer } = place
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    place.isIdle = false
    place.pool.origin.idle--
    place.older = null
    place.newer = null
  }

  /** The one idle longest, of one origin or of all. */
  oldest(origin: Origin | null): Place | null {
    if (origin === null) return this.#oldest
    let place = origin.idle === 0 ? null : this.#oldest
    while (place !== null && place.pool.origin !== origin) place = place.newer
    return place
  }
}
