import { createHash } from 'node:crypto'
import { type FileHandle, readFile, rm, writeFile } from 'node:fs/promises'
import { openOwn, publish, writeAll } from './target-file.ts'
import type { Version } from './validator.ts'

interface State extends Version {
  readonly format: 1
  /** A hash of the URL, which may hold secrets. */
  readonly source: string
}

/**
 * A file in the making that outlives the process: `name.part`, and `name.part.json`, which says what it is a part of.
 */
export class PartialFile {
  readonly path: string
  readonly #target: string
  readonly #source: string
  readonly handle: FileHandle
  #bytes: number
  #version: Version

  private constructor(target: string, source: string, handle: FileHandle, bytes: number, version: Version) {
    this.#target = target
    this.path = partOf(target)
    this.#source = source
    this.handle = handle
    this.#bytes = bytes
    this.#version = version
  }

  /**
   * Opens what an earlier download of this URL has left, or begins anew.
   *
   * @param resume - `false` forgets what is there.
   */
  static async open(target: string, url: string, resume: boolean): Promise<PartialFile> {
    const source = createHash('sha256').update(url).digest('hex')
    const state = resume ? await readState(target) : null
    const handle = await openOwn(partOf(target))
    try {
      const { size } = await handle.stat()
      const isUsable =
        state !== null &&
        state.source === source &&
        state.validator !== null &&
        (state.total === null || size <= state.total)
      const file = new PartialFile(
        target,
        source,
        handle,
        isUsable ? size : 0,
        isUsable ? state : { validator: null, total: null },
      )
      if (!isUsable) await handle.truncate(0)
      return file
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Bytes that are there. */
  get bytes(): number {
    return this.#bytes
  }

  /** What it is a part of. */
  get version(): Version {
    return this.#version
  }

  /** Whether a later download can go on from here. */
  get canGoOn(): boolean {
    return this.#bytes > 0 && this.#version.validator !== null
  }

  /** Forgets what is there. */
  async restart(version: Version): Promise<void> {
    this.#bytes = 0
    this.#version = version
    await this.handle.truncate(0)
    const state: State = { format: 1, source: this.#source, ...version }
    if (version.validator === null) await rm(stateOf(this.#target), { force: true })
    else await writeFile(stateOf(this.#target), JSON.stringify(state), { mode: 0o600 })
  }

  async append(piece: Uint8Array): Promise<void> {
    await writeAll(this.handle, piece, this.#bytes)
    this.#bytes += piece.length
  }

  /** Writes a piece out of order; the caller sees to it that none is missing. */
  async writeAt(piece: Uint8Array, position: number): Promise<void> {
    await writeAll(this.handle, piece, position)
  }

  /** Gives the file its name. */
  async publish(overwrite: boolean): Promise<void> {
    await this.handle.sync()
    await this.handle.close()
    await publish(this.path, this.#target, overwrite)
    await rm(stateOf(this.#target), { force: true })
  }

  /** Ends without a file; what is there is kept only if it is worth something. */
  async abandon(keep: boolean): Promise<void> {
    await this.handle.close().catch(() => {})
    if (keep) return
    await rm(this.path, { force: true })
    await rm(stateOf(this.#target), { force: true })
  }
}

function partOf(target: string): string {
  return `${target}.part`
}

function stateOf(target: string): string {
  return `${target}.part.json`
}

/** `null` if there is none, or none that can be read. */
async function readState(target: string): Promise<State | null> {
  try {
    const state = JSON.parse(await readFile(stateOf(target), 'utf8')) as Partial<State> | null
    const { format, source, validator, total } = state ?? {}
    if (format !== 1 || typeof source !== 'string' || typeof validator !== 'string') return null
    if (total !== null && typeof total !== 'number') return null
    return { format, source, validator, total }
  } catch {
    return null
  }
}
