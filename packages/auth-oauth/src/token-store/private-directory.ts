import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TokenStoreError } from '../errors.ts'
import { Turnstile } from './key-queue.ts'

const MOST_BYTES = 1_048_576
/** Of one store, whatever is asked of it at once: a process may have as few as 256 in all. */
export const MOST_OPEN_FILES = 32
const ABANDONED_MS = 3_600_000
/** Windows has no owners and modes of this kind; what protects a user's files there is the profile's access list. */
const HAS_MODES = process.platform !== 'win32'

/** A directory of files that only their owner may read, each written whole or not at all. */
export class PrivateDirectory {
  readonly path: string
  readonly #turnstile = new Turnstile(MOST_OPEN_FILES)
  #ready: Promise<void> | null = null

  constructor(path: string) {
    this.path = path
  }

  /** Where a file of the directory is. @param name - must hold no separators. */
  file(name: string): string {
    return join(this.path, name)
  }

  /**
   * Makes the directory (0700) if it is not there, and checks that nobody else can change it.
   *
   * @throws TokenStoreError
   */
  ready(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = null
      throw error
    })
    return this.#ready
  }

  /** @returns the text of a file, or `null` if there is none. @throws TokenStoreError if others may read it, or it is no plain file. */
  async read(name: string): Promise<string | null> {
    await this.ready()
    return this.#attempt(`read ${this.file(name)}`, async () => {
      // A link could lead to a file that somebody else wrote.
      const file = await openIfThere(this.file(name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
      if (file === null) return null
      try {
        this.#checkFile(await file.stat(), name)
        return await file.readFile('utf8')
      } finally {
        await file.close()
      }
    })
  }

  /**
   * Puts a file (0600) in place of the one before, once it is on the disk.
   *
   * @param isStillWanted - asked last: what it throws leaves the file before in place.
   */
  async write(name: string, text: string, isStillWanted?: () => Promise<void>): Promise<void> {
    await this.ready()
    const temporary = this.file(`${name}.${randomBytes(8).toString('hex')}.tmp`)
    try {
      await this.#attempt(`write ${temporary}`, () => writeDurably(temporary, text))
      await isStillWanted?.()
      await this.#attempt(`write ${this.file(name)}`, async () => {
        await rename(temporary, this.file(name))
        await this.#syncDirectory()
      })
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw error
    }
  }

  async remove(name: string): Promise<void> {
    await this.ready()
    await this.#attempt(`delete ${this.file(name)}`, async () => {
      await rm(this.file(name), { force: true })
      await this.#syncDirectory()
    })
  }

  #attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
    return this.#turnstile.run(() => attempt(what, action))
  }

  async #prepare(): Promise<void> {
    await attempt(`use the directory ${this.path}`, async () => {
      await mkdir(this.path, { recursive: true, mode: 0o700 })
      const real = await realpath(this.path)
      this.#checkDirectory(await stat(real))
      await this.#removeAbandoned()
    })
  }

  #checkDirectory(stats: Stats): void {
    if (!stats.isDirectory()) throw new TokenStoreError(`${this.path} is no directory`)
    if (!HAS_MODES) return
    if (isOthers(stats)) throw new TokenStoreError(`${this.path} belongs to another user: tokens are not safe there`)
    if ((stats.mode & 0o022) === 0) return
    throw new TokenStoreError(
      `Others may write to ${this.path} (mode ${showMode(stats)}): tokens are not safe there. Say chmod 700 ${this.path}`,
    )
  }

  #checkFile(stats: Stats, name: string): void {
    const path = this.file(name)
    if (!stats.isFile()) throw new TokenStoreError(`${path} is no plain file`)
    if (stats.size > MOST_BYTES) throw new TokenStoreError(`${path} is larger than ${MOST_BYTES} bytes: no token is`)
    if (!HAS_MODES) return
    if (isOthers(stats)) throw new TokenStoreError(`${path} belongs to another user`)
    if ((stats.mode & 0o077) === 0) return
    throw new TokenStoreError(
      `Others may read or change ${path} (mode ${showMode(stats)}): its token may be known to them. Revoke it, delete the file and sign in again; or, if you know that nobody has read it, say chmod 600 ${path}`,
    )
  }

  /** What processes left that died while they wrote or unlocked. */
  async #removeAbandoned(): Promise<void> {
    const before = Date.now() - ABANDONED_MS
    for (const name of await readdir(this.path)) {
      if (!/^[0-9a-f]{64}\.[a-z]+\.[^.]+\.(?:tmp|removal)$/.test(name)) continue
      const stats = await stat(this.file(name)).catch(() => null)
      if (stats !== null && stats.mtimeMs < before) await rm(this.file(name), { force: true }).catch(() => {})
    }
  }

  /** A rename is on the disk when its directory is. Some systems cannot say so, and need not. */
  async #syncDirectory(): Promise<void> {
    const directory = await open(this.path, constants.O_RDONLY).catch(() => null)
    if (directory === null) return
    await directory.sync().catch(() => {})
    await directory.close()
  }
}

/** Root may read what it likes, and what root wrote is trusted. */
function isOthers({ uid }: Stats): boolean {
  return uid !== process.geteuid?.() && uid !== 0
}

function showMode({ mode }: Stats): string {
  return (mode & 0o777).toString(8)
}

/** Runs something on the file system. @throws TokenStoreError instead of the system's error, which becomes its cause. */
export async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof TokenStoreError) throw error
    throw new TokenStoreError(`Cannot ${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/** Opens a file. @returns `null` if it is not there. */
export async function openIfThere(path: string, flags: number | string): Promise<FileHandle | null> {
  try {
    return await open(path, flags)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
