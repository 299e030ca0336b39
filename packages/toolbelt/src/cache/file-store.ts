import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readOptions, UsageError } from '@entreat/core'
import type { CacheStore, StoredResponse } from './cache-store.ts'

/** Options of a {@link FileStore}. */
export interface FileStoreOptions {
  /** Bytes kept; what was not used for longest goes first. Default 256 MiB. */
  readonly maxBytes?: number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof FileStoreOptions>(['maxBytes'])
const FORMAT = 'entreat-cache/1'
const SUFFIX = '.cache'

/** What a file begins with, on a line of its own; the bodies follow. */
interface FileHead {
  readonly format: typeof FORMAT
  readonly key: string
  readonly variants: readonly (Omit<StoredResponse, 'body'> & { readonly length: number })[]
}

/**
 * Keeps responses in a folder, for the next process too: one file a key, written whole or not at all, for the owner's eyes only. Several processes may share
 * it. A file that is damaged is as good as absent.
 */
export class FileStore implements CacheStore {
  readonly #folder: string
  readonly #maxBytes: number
  #bytes: number | null = null
  #pruning: Promise<void> | null = null

  /**
   * @param folder - made when something is first kept.
   * @throws UsageError for an unknown option, or for no positive number of bytes.
   */
  constructor(folder: string, options?: FileStoreOptions) {
    const { maxBytes = 256 * 1024 * 1024 } = readOptions(options, OPTION_KEYS, 'FileStore')
    if (!(maxBytes > 0)) throw new UsageError('FileStore: maxBytes must be a positive number of bytes')
    this.#folder = folder
    this.#maxBytes = maxBytes
  }

  async get(key: string): Promise<readonly StoredResponse[]> {
    const path = this.#pathOf(key)
    const content = await readFile(path).catch(() => null)
    if (content === null) return []
    const variants = parseFile(content, key)
    if (variants === null) await rm(path, { force: true })
    // The time of the last use, for whoever decides what goes.
    else await utimes(path, new Date(), new Date()).catch(() => {})
    return variants ?? []
  }

  async set(key: string, variants: readonly StoredResponse[]): Promise<void> {
    const head: FileHead = {
      format: FORMAT,
      key,
      variants: variants.map(({ body, ...rest }) => ({ ...rest, length: body.byteLength })),
    }
    const content = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...variants.map(({ body }) => body)])
    if (content.length > this.#maxBytes) return this.delete(key)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const temporary = join(this.#folder, `${randomUUID()}.tmp`)
    try {
      await writeFile(temporary, content, { mode: 0o600 })
      await rename(temporary, this.#pathOf(key))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await this.#grow(content.length)
  }

  async delete(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true })
  }

  /** Removes what this class has written, and nothing else. */
  async clear(): Promise<void> {
    for (const name of await this.#names()) await rm(join(this.#folder, name), { force: true })
    this.#bytes = 0
  }

  #pathOf(key: string): string {
    return join(this.#folder, createHash('sha256').update(key).digest('hex') + SUFFIX)
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#folder).catch(() => [])
    return names.filter((name) => /^[0-9a-f]{64}\.cache$/.test(name))
  }

  /** Counts what was written; what another process writes is seen when this one next looks. */
  async #grow(bytes: number): Promise<void> {
    if (this.#bytes !== null) this.#bytes += bytes
    if (this.#bytes !== null && this.#bytes <= this.#maxBytes) return
    this.#pruning ??= this.#prune().finally(() => (this.#pruning = null))
    await this.#pruning
  }

  async #prune(): Promise<void> {
    const files: { readonly path: string; readonly bytes: number; readonly usedAt: number }[] = []
    for (const name of await this.#names()) {
      const path = join(this.#folder, name)
      const found = await stat(path).catch(() => null)
      if (found !== null) files.push({ path, bytes: found.size, usedAt: found.mtimeMs })
    }
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    files.sort((a, b) => a.usedAt - b.usedAt)
    for (const { path, bytes } of files) {
      if (total <= this.#maxBytes) break
      await rm(path, { force: true })
      total -= bytes
    }
    this.#bytes = total
  }
}

/** The variants of a file, or `null` if it is damaged, or another key's. */
function parseFile(content: Buffer, key: string): StoredResponse[] | null {
  const end = content.indexOf(10)
  if (end === -1) return null
  try {
    const head = JSON.parse(content.toString('utf8', 0, end)) as FileHead
    if (head.format !== FORMAT || head.key !== key) return null
    let at = end + 1
    const variants = head.variants.map(({ length, ...rest }) => {
      const body = content.subarray(at, at + length)
      at += length
      return { ...rest, body }
    })
    return at === content.length ? variants : null
  } catch {
    return null
  }
}
