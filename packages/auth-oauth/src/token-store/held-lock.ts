import { LockLostError } from '../errors.ts'
import type { TokenLock } from './token-store.ts'

/** What keeps a lock alive, and gives it back. */
export interface LockMedium {
  /** Who is locked, for errors. */
  readonly what: string
  readonly fence: number | null
  /** How long the lock lives without being confirmed, in milliseconds. */
  readonly ttlMs: number
  /** Confirms the lock. @returns whether it is still ours. */
  confirm(): Promise<boolean>
  /** Gives it back, if it is still ours. */
  giveBack(): Promise<void>
}

/** A lock that confirms itself while it is held, three times in its life. */
export class HeldLock implements TokenLock {
  readonly fence: number | null
  readonly #medium: LockMedium
  readonly #heartbeat: NodeJS.Timeout
  #confirmedAt: number
  #isLost = false
  #released: Promise<void> | null = null

  /** @param acquiredAt - when it was asked for, by `performance.now()`: it cannot have begun later. */
  constructor(medium: LockMedium, acquiredAt: number) {
    this.#medium = medium
    this.fence = medium.fence
    this.#confirmedAt = acquiredAt
    // It must not keep a process alive that has nothing else to do.
    this.#heartbeat = setInterval(() => void this.#confirm(), Math.max(1, Math.floor(medium.ttlMs / 3))).unref()
  }

  /** Whether the lock is this process's still, as far as can be told without asking. */
  get isHeld(): boolean {
    return !this.#isLost && this.#released === null && performance.now() - this.#confirmedAt < this.#medium.ttlMs
  }

  assertHeld(): void {
    if (this.isHeld) return
    const why = this.#released === null ? 'another process may hold it now' : 'it was released'
    throw new LockLostError(`The lock of ${this.#medium.what} is not held any more: ${why}`)
  }

  release(): Promise<void> {
    clearInterval(this.#heartbeat)
    // Whoever cannot give it back has saved what there was to save, and the lock ends by itself.
    this.#released ??= this.#medium.giveBack().catch(() => {})
    return this.#released
  }

  async #confirm(): Promise<void> {
    const askedAt = performance.now()
    try {
      if (await this.#medium.confirm()) this.#confirmedAt = Math.max(askedAt, this.#confirmedAt)
      else this.#isLost = true
    } catch {
      // The medium cannot be reached now: the next beat tries again, and the lock counts as lost once its life is over.
    }
    if (this.#isLost) clearInterval(this.#heartbeat)
  }
}
