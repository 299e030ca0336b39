/** Origins that are remembered at once: a hostile redirector must not fill the memory. */
const MOST_ORIGINS = 1000

/** A value for each origin; of too many, the one that was set first is forgotten. */
export class PerOrigin<T> {
  readonly #values = new Map<string, T>()

  get(origin: string): T | undefined {
    return this.#values.get(origin)
  }

  set(origin: string, value: T): void {
    this.#values.delete(origin)
    this.#values.set(origin, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > MOST_ORIGINS && oldest !== undefined) this.#values.delete(oldest)
  }
}
