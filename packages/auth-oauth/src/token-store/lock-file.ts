import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { HeldLock, type LockMedium } from './held-lock.ts'
import { PollingPause, type Turnstile } from './key-queue.ts'
import { attempt, openIfThere } from './private-directory.ts'

/** Who holds the lock, as the file says. */
interface Holder {
  /** Random, so that a lock is never taken for another of the same process. */
  readonly owner: string
  readonly fence: number
  readonly ttlMs: number
  /** When it was confirmed last, by the clock of its holder. */
  readonly confirmedMs: number
}

/** What {@link LockFile.acquire} needs to know. */
export interface AcquireOptions {
  readonly ttlMs: number
  /** The fence of who saved last: asked while the lock is held, the new fence is larger. */
  readonly lastFence: () => Promise<number>
  readonly signal?: AbortSignal | undefined
}

/** A lock, and how to make sure of it. */
export interface FileLock {
  readonly lock: HeldLock
  /** Whether the file says so, now. */
  isOurs(): Promise<boolean>
}

const LONGEST_PAUSE_MS = 100
/** A process that removes a lock needs microseconds: after this long it is dead. */
const REMOVAL_TAKES_MS = 10_000

/**
 * A lock that is a file: who creates it holds it, and touches it until it is removed.
 *
 * A holder that died stops touching it. Who finds it untouched for its lifetime removes it, by rules that let only one do so:
 * 1. Before a lock is removed, by its holder too, a file named after its owner is created. Only who creates that may go on.
 * 2. Then the lock is read once more, and removed if it is still that owner's.
 */
export class LockFile {
  readonly #path: string
  readonly #turnstile: Turnstile

  /** @param turnstile - limits how many files are open: not one that `lastFence` waits at. */
  constructor(path: string, turnstile: Turnstile) {
    this.#path = path
    this.#turnstile = turnstile
  }

  /**
   * Waits for the lock.
   *
   * @throws TokenStoreError; the signal's reason.
   */
  acquire({ ttlMs, lastFence, signal }: AcquireOptions): Promise<FileLock> {
    return attempt(`lock ${this.#path}`, async () => {
      const pause = new PollingPause(LONGEST_PAUSE_MS)
      const watch = new StaleWatch()
      let overtaken = 0
      for (;;) {
        signal?.throwIfAborted()
        const askedAt = performance.now()
        const owner = randomBytes(16).toString('hex')
        const nextFence = async (): Promise<number> => 1 + Math.max(overtaken, await lastFence())
        const fence = await this.#turnstile.run(() => this.#create(owner, ttlMs, nextFence))
        if (fence !== null) return this.#hold({ owner, fence, ttlMs }, askedAt)
        const holder = await this.#turnstile.run(() => this.#read(ttlMs))
        overtaken = Math.max(overtaken, holder?.fence ?? 0)
        const isDead = holder !== null && watch.isStale(holder)
        if (!isDead || !(await this.#removeInTurn(holder.owner))) await pause.next(signal)
      }
    }).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw error
    })
  }

  #hold(mine: Omit<Holder, 'confirmedMs'>, askedAt: number): FileLock {
    const isOurs = async (): Promise<boolean> =>
      (await this.#turnstile.run(() => this.#read(mine.ttlMs)))?.owner === mine.owner
    const medium: LockMedium = {
      what: this.#path,
      fence: mine.fence,
      ttlMs: mine.ttlMs,
      confirm: () => this.#turnstile.run(() => this.#touch(mine.owner)),
      giveBack: async () => void (await this.#removeInTurn(mine.owner)),
    }
    return { lock: new HeldLock(medium, askedAt), isOurs }
  }

  /** @returns the fence, if the file is ours now. */
  async #create(owner: string, ttlMs: number, nextFence: () => Promise<number>): Promise<number | null> {
    const file = await open(this.#path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return null
      throw error
    })
    if (file === null) return null
    try {
      const fence = await nextFence()
      await file.writeFile(JSON.stringify({ owner, fence, ttlMs }))
      // Whoever was suspended until now was taken for dead.
      return (await this.#isThere(file)) ? fence : null
    } catch (error) {
      if (await this.#isThere(file)) await rm(this.#path, { force: true })
      throw error
    } finally {
      await file.close()
    }
  }

  /** Whether the lock is still the file that was opened: as long as it is open, no other has its number. */
  async #isThere(file: FileHandle): Promise<boolean> {
    const [own, there] = [await file.stat(), await stat(this.#path).catch(() => null)]
    return own.ino === there?.ino
  }

  /** @param ttlMs - for a file that does not say. */
  async #read(ttlMs: number): Promise<Holder | null> {
    const file = await openIfThere(this.#path, 'r')
    if (file === null) return null
    try {
      const { ino, mtimeMs } = await file.stat()
      const unknown = { owner: `inode-${ino}`, fence: 0, ttlMs, confirmedMs: mtimeMs }
      return { ...unknown, ...readHolder(await file.readFile('utf8')), confirmedMs: mtimeMs }
    } finally {
      await file.close()
    }
  }

  async #touch(owner: string): Promise<boolean> {
    const file = await openIfThere(this.#path, 'r+')
    if (file === null) return false
    try {
      if (readHolder(await file.readFile('utf8'))?.owner !== owner) return false
      const now = new Date()
      await file.utimes(now, now)
      return true
    } finally {
      await file.close()
    }
  }

  #removeInTurn(owner: string): Promise<boolean> {
    return this.#turnstile.run(() => this.#remove(owner))
  }

  /** Removes the lock if it is this owner's. @returns `false` if somebody else is about to. */
  async #remove(owner: string): Promise<boolean> {
    const claim = `${this.#path}.${owner}.removal`
    const file = await open(claim, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return null
      throw error
    })
    if (file === null) {
      const since = (await stat(claim).catch(() => null))?.mtimeMs
      if (since !== undefined && Date.now() - since > REMOVAL_TAKES_MS) await rm(claim, { force: true })
      return false
    }
    try {
      await file.close()
      if ((await this.#read(0))?.owner === owner) await rm(this.#path, { force: true })
      return true
    } finally {
      await rm(claim, { force: true })
    }
  }
}

/** What a lock file says; `null` if its writer has not come to it yet. */
function readHolder(text: string): Pick<Holder, 'owner' | 'fence' | 'ttlMs'> | null {
  try {
    const { owner, fence, ttlMs } = JSON.parse(text) as Partial<Record<string, unknown>>
    const isValid = typeof owner === 'string' && /^[0-9a-f]{32}$/.test(owner)
    return isValid && isCount(fence) && isCount(ttlMs) ? { owner, fence, ttlMs } : null
  } catch {
    return null
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Between two looks more time may pass than this; then we were suspended ourselves, and the holder with us perhaps. */
const LONGEST_LOOK_MS = 3 * LONGEST_PAUSE_MS

/**
 * Tells a dead holder from a living one, whatever their clocks say: dead is who has not touched the file for its lifetime while we looked on, or for half of it
 * if the file is older than its lifetime already. A living holder touches it three times in its life.
 */
class StaleWatch {
  #seen = ''
  #lookedAt = 0
  #untouchedMs = 0

  isStale({ owner, ttlMs, confirmedMs }: Holder): boolean {
    const now = performance.now()
    const seen = `${owner} ${confirmedMs}`
    this.#untouchedMs = seen === this.#seen ? this.#untouchedMs + Math.min(now - this.#lookedAt, LONGEST_LOOK_MS) : 0
    this.#seen = seen
    this.#lookedAt = now
    const isOld = Date.now() - confirmedMs >= ttlMs
    return this.#untouchedMs >= (isOld ? ttlMs / 2 : ttlMs)
  }
}
