import { readOptions, UsageError } from '@entreat/core'
import { type CacheStore, sizeOf, type StoredResponse } from './cache-store.ts'

/** Options of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** Bytes kept; what was not used for longest goes first. Default 64 MiB. */
  readonly maxBytes?: number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof MemoryStoreOptions>(['maxBytes'])

/** Keeps responses in this process. Several adapters may share one. */
export class MemoryStore implements CacheStore {
  readonly #maxBytes: number
  /** Least recently used first. */
  readonly #entries = new Map<string, { readonly variants: readonly StoredResponse[]; readonly bytes: number }>()
  #bytes = 0

  /** @throws UsageError for an unknown option, or for no positive number of bytes. */
  constructor(options?: MemoryStoreOptions) {
    const { maxBytes = 64 * 1024 * 1024 } = readOptions(options, OPTION_KEYS, 'MemoryStore')
    if (!(maxBytes > 0)) throw new UsageError('MemoryStore: maxBytes must be a positive number of bytes')
    this.#maxBytes = maxBytes
  }

  /** Bytes kept now, about. */
  get bytes(): number {
    return this.#bytes
  }

  get(key: string): Promise<readonly StoredResponse[]> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return Promise.resolve([])
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return Promise.resolve(entry.variants)
  }

  set(key: string, variants: readonly StoredResponse[]): Promise<void> {
    this.#remove(key)
    const bytes = sizeOf(variants)
    if (bytes > this.#maxBytes) return Promise.resolve()
    this.#entries.set(key, { variants, bytes })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#remove(oldest)
    }
    return Promise.resolve()
  }

  delete(key: string): Promise<void> {
    this.#remove(key)
    return Promise.resolve()
  }

  clear(): Promise<void> {
    this.#entries.clear()
    this.#bytes = 0
    return Promise.resolve()
  }

  #remove(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0
    this.#entries.delete(key)
  }
}
