import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@entreat/core'
import { LockLostError, TokenStoreError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { inspectAs } from '../redaction.ts'
import type { TokenData } from '../token.ts'
import { KeyQueue, Turnstile } from './key-queue.ts'
import { type FileLock, LockFile } from './lock-file.ts'
import { lockLifetime } from './lock-lifetime.ts'
import { MOST_OPEN_FILES, PrivateDirectory } from './private-directory.ts'
import { readCondition, readLockOptions } from './store-options.ts'
import { isPrevious, storedCopy } from './stored-text.ts'
import { type EncryptionKey, TokenSeal } from './token-seal.ts'
import type { LockOptions, SaveCondition, TokenLock, TokenStore } from './token-store.ts'

/** Options of `new FileTokenStore()`. */
export interface FileTokenStoreOptions {
  /** Where the files are: of its own, or one that nobody else may write to. Made (0700) if it is not there. */
  readonly directory: string | URL
  /** Encrypts the files with AES-256-GCM. Several: the first encrypts, all decrypt. Default: the files' mode (0600) alone protects them. */
  readonly encryptionKey?: EncryptionKey | readonly EncryptionKey[]
  /** How long the lock of a process that died is respected, in milliseconds. Default 10000. */
  readonly lockTtlMs?: number
}

/** How long a save that died half-way keeps others from saving. */
const SAVING_TTL_MS = 5000

const KNOWN: Readonly<Record<keyof FileTokenStoreOptions, true>> = {
  directory: true,
  encryptionKey: true,
  lockTtlMs: true,
}

/** What a file holds: the token and its key, or both encrypted. */
interface StoredRecord<Stored> {
  readonly fence: number
  readonly key?: string
  readonly token?: Stored
  readonly sealed?: string
}

/**
 * Tokens in files that only their owner may read, one a key, for the processes of one machine.
 *
 * A file is written to the disk under another name and then renamed, so that it holds the old token or the new one, whatever happens.
 * Not for directories that several machines share over a network: what its locks rely on is not safe there.
 */
export class FileTokenStore<Stored extends object = TokenData> implements TokenStore<Stored> {
  static {
    inspectAs(this.prototype as FileTokenStore<object>, (store) => store.toString())
  }

  readonly #directory: PrivateDirectory
  readonly #seal: TokenSeal | null
  readonly #lockTtlMs: number
  readonly #queue = new KeyQueue()
  readonly #savers = new KeyQueue()
  readonly #lockTurnstile = new Turnstile(MOST_OPEN_FILES)
  readonly #locks = new WeakMap<TokenLock, { readonly key: string; readonly held: FileLock }>()

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options: FileTokenStoreOptions) {
    const own = readOptions(options, KNOWN, 'FileTokenStore')
    const { directory } = own
    if (!(directory instanceof URL) && (typeof directory !== 'string' || directory === '')) {
      throw new UsageError('FileTokenStore: directory must be a path or a file: URL')
    }
    this.#directory = new PrivateDirectory(directory instanceof URL ? fileURLToPath(directory) : resolve(directory))
    this.#seal = own.encryptionKey === undefined ? null : new TokenSeal(own.encryptionKey)
    this.#lockTtlMs = lockLifetime(own.lockTtlMs ?? 10_000)
  }

  /** @throws TokenStoreError if the file cannot be read, is readable for others, damaged, or cannot be decrypted. */
  async load(key: string): Promise<Stored | undefined> {
    return (await this.#read(key))?.token
  }

  async save(key: string, token: Stored, condition?: SaveCondition<Stored>): Promise<boolean> {
    const copy = storedCopy(token)
    const own = readCondition(condition)
    return this.#alone(key, () => this.#save(key, copy, own))
  }

  async delete(key: string): Promise<void> {
    await this.#alone(key, () => this.#directory.remove(`${nameOf(key)}.json`))
  }

  async lock(key: string, options?: LockOptions): Promise<TokenLock> {
    const { ttlMs, signal } = readLockOptions(options)
    const life = ttlMs === undefined ? this.#lockTtlMs : lockLifetime(ttlMs)
    const leave = await this.#queue.enter(key, signal)
    try {
      await this.#directory.ready()
      const file = new LockFile(this.#directory.file(`${nameOf(key)}.lock`), this.#lockTurnstile)
      const held = await file.acquire({ ttlMs: life, lastFence: () => this.#fence(key), signal })
      const lock = leavingAfter(held.lock, leave)
      this.#locks.set(lock, { key, held })
      return lock
    } catch (error) {
      leave()
      throw error
    }
  }

  /** The directory; nothing of what is in it. */
  toJSON(): { directory: string; encrypted: boolean } {
    return { directory: this.#directory.path, encrypted: this.#seal !== null }
  }

  toString(): string {
    return `FileTokenStore { ${this.#directory.path} }`
  }

  /** Nobody else changes the file meanwhile. This is no lock of {@link lock}, whose holder saves too. */
  async #alone<T>(key: string, action: () => Promise<T>): Promise<T> {
    const leave = await this.#savers.enter(key)
    try {
      await this.#directory.ready()
      const file = new LockFile(this.#directory.file(`${nameOf(key)}.saving`), this.#lockTurnstile)
      const { lock } = await file.acquire({ ttlMs: SAVING_TTL_MS, lastFence: () => Promise.resolve(0) })
      try {
        return await action()
      } finally {
        await lock.release()
      }
    } finally {
      leave()
    }
  }

  async #save(key: string, token: Stored, { previous, lock }: SaveCondition<Stored>): Promise<boolean> {
    const held = lock === undefined ? null : this.#heldLock(key, lock)
    const stored = previous === undefined && held === null ? null : await this.#read(key)
    if (lock !== undefined && stored !== null && stored.fence > (lock.fence ?? 0)) throw lost(key)
    if (previous !== undefined && !isPrevious(stored?.token, previous)) return false
    const text = await this.#write(key, token, lock?.fence ?? (await this.#fence(key)))
    await this.#directory.write(`${nameOf(key)}.json`, text, async () => {
      lock?.assertHeld()
      if (held !== null && !(await held.isOurs())) throw lost(key)
    })
    return true
  }

  #heldLock(key: string, lock: TokenLock): FileLock {
    const known = this.#locks.get(lock)
    if (known?.key !== key)
      throw new TokenStoreError('save() takes the lock that lock() of this store gave for this key')
    lock.assertHeld()
    return known.held
  }

  async #write(key: string, token: Stored, fence: number): Promise<string> {
    const content = { key, token }
    if (this.#seal === null) return JSON.stringify({ fence, ...content } satisfies StoredRecord<Stored>)
    const sealed = await this.#seal.seal(JSON.stringify(content), `entreat token ${key}`)
    return JSON.stringify({ fence, sealed } satisfies StoredRecord<Stored>)
  }

  async #read(key: string): Promise<{ fence: number; token: Stored } | null> {
    const name = `${nameOf(key)}.json`
    const text = await this.#directory.read(name)
    if (text === null) return null
    const record = readRecord<Stored>(text)
    if (record === null) throw damaged(this.#directory.file(name))
    const { token, key: storedKey } = await this.#open(record, key)
    if (storedKey !== key || typeof token !== 'object' || token === null) throw damaged(this.#directory.file(name))
    return { fence: record.fence, token }
  }

  async #open(record: StoredRecord<Stored>, key: string): Promise<Partial<StoredRecord<Stored>>> {
    if (this.#seal === null) {
      if (record.sealed === undefined) return record
      throw new TokenStoreError('A stored token is encrypted, and this store was given no encryptionKey')
    }
    if (record.sealed === undefined) {
      throw new TokenStoreError(
        'A stored token is not encrypted, and this store has an encryptionKey: delete it, and sign in again',
      )
    }
    return JSON.parse(await this.#seal.open(record.sealed, `entreat token ${key}`)) as Partial<StoredRecord<Stored>>
  }

  /** The fence of who wrote last; nothing need be decrypted for it, and what is damaged can be replaced. */
  async #fence(key: string): Promise<number> {
    return readRecord<Stored>((await this.#directory.read(`${nameOf(key)}.json`)) ?? '')?.fence ?? 0
  }
}

/** A key may hold anything, `../` and 10000 characters too, and may differ from another in case alone. */
function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

function readRecord<Stored>(text: string): StoredRecord<Stored> | null {
  try {
    const record = JSON.parse(text) as Partial<StoredRecord<Stored>> | null
    return Number.isSafeInteger(record?.fence) ? (record as StoredRecord<Stored>) : null
  } catch {
    return null
  }
}

function damaged(path: string): TokenStoreError {
  return new TokenStoreError(`${path} is damaged: delete it, and sign in again`)
}

function lost(key: string): LockLostError {
  return new LockLostError(
    `The lock of ${JSON.stringify(key)} went to another process, which may have stored a token since`,
  )
}

/** The lock, and a place in this process's queue with it. */
function leavingAfter(lock: TokenLock, leave: () => void): TokenLock {
  return {
    fence: lock.fence,
    assertHeld: () => lock.assertHeld(),
    release: () => lock.release().finally(leave),
  }
}
