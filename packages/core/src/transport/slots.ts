import type { PoolKey } from './pool-key.ts'

/** Before anything is known, one connection is opened for all who wait: it may turn out to serve them all. */
const UNKNOWN = 2 ** 31
/** Origins remembered; then those learnt first are forgotten. */
const MOST_REMEMBERED = 1000

/**
 * What was learnt of the servers: how many requests one connection serves at a time. An origin that chose HTTP/1.1 gets a connection for each request
 * from then on, one that chose HTTP/2 as many as its SETTINGS ask for.
 */
export class Slots {
  readonly #learnt = new Map<string, number>()

  /** The slots to expect of the next connection with this key. */
  of(key: PoolKey): number {
    return key.mayShare === true ? (this.#learnt.get(key.text) ?? UNKNOWN) : 1
  }

  /** Connections for so many requests. */
  connectionsFor(requests: number, key: PoolKey): number {
    return Math.ceil(requests / this.of(key))
  }

  /** Notes what a connection offers. */
  learn({ text }: PoolKey, offered: number): void {
    const slots = Math.max(1, offered)
    if (this.#learnt.get(text) === slots) return
    this.#learnt.set(text, slots)
    if (this.#learnt.size > MOST_REMEMBERED) this.#learnt.delete(this.#learnt.keys().next().value as string)
  }
}
