import { LockLostError } from '../errors.ts'
import { inspectAs } from '../redaction.ts'
import type { TokenData } from '../token.ts'
import { KeyQueue } from './key-queue.ts'
import { readCondition, readLockOptions } from './store-options.ts'
import { isPrevious, storedCopy } from './stored-text.ts'
import type { LockOptions, SaveCondition, TokenLock, TokenStore } from './token-store.ts'

/** Tokens of this process, gone when it ends. Locks are served in order of arrival. */
export class MemoryTokenStore<Stored extends object = TokenData> implements TokenStore<Stored> {
  static {
    inspectAs(this.prototype as MemoryTokenStore<object>, (store) => store.toString())
  }

  readonly #tokens = new Map<string, Stored>()
  readonly #queue = new KeyQueue()
  #fence = 0

  load(key: string): Promise<Stored | undefined> {
    const stored = this.#tokens.get(key)
    return Promise.resolve(stored && storedCopy(stored))
  }

  async save(key: string, token: Stored, condition?: SaveCondition<Stored>): Promise<boolean> {
    const { previous, lock } = readCondition(condition)
    lock?.assertHeld()
    if (previous !== undefined && !isPrevious(this.#tokens.get(key), previous)) return false
    this.#tokens.set(key, storedCopy(token))
    return true
  }

  delete(key: string): Promise<void> {
    this.#tokens.delete(key)
    return Promise.resolve()
  }

  /** Nobody dies alone in one process, so `ttlMs` has no meaning here. */
  async lock(key: string, options?: LockOptions): Promise<TokenLock> {
    const leave = await this.#queue.enter(key, readLockOptions(options).signal)
    return new MemoryLock(++this.#fence, leave)
  }

  /** How many tokens there are: what they are is secret. */
  toJSON(): { tokens: number } {
    return { tokens: this.#tokens.size }
  }

  toString(): string {
    return `MemoryTokenStore { ${this.#tokens.size} tokens }`
  }
}

class MemoryLock implements TokenLock {
  readonly fence: number
  readonly #leave: () => void
  #isHeld = true

  constructor(fence: number, leave: () => void) {
    this.fence = fence
    this.#leave = leave
  }

  assertHeld(): void {
    if (!this.#isHeld) throw new LockLostError('The lock is not held any more: it was released')
  }

  release(): Promise<void> {
    this.#isHeld = false
    this.#leave()
    return Promise.resolve()
  }
}
