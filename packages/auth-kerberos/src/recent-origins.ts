import type { AuthContext } from '@entreat/core'

const MOST_ORIGINS = 1000

/** What was learned about servers and proxies, for the thousand last learned of. */
export class RecentOrigins<T> {
  readonly #known = new Map<string, T>()

  get({ recipient, recipientOrigin }: Pick<AuthContext, 'recipient' | 'recipientOrigin'>): T | undefined {
    return this.#known.get(`${recipient} ${recipientOrigin}`)
  }

  set({ recipient, recipientOrigin }: Pick<AuthContext, 'recipient' | 'recipientOrigin'>, value: T): void {
    const key = `${recipient} ${recipientOrigin}`
    this.#known.delete(key)
    this.#known.set(key, value)
    if (this.#known.size <= MOST_ORIGINS) return
    const [oldest] = this.#known.keys()
    this.#known.delete(oldest as string)
  }

  delete({ recipient, recipientOrigin }: Pick<AuthContext, 'recipient' | 'recipientOrigin'>): void {
    this.#known.delete(`${recipient} ${recipientOrigin}`)
  }
}
