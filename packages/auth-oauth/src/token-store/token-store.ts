import type { TokenData } from '../token.ts'

/**
 * The right to change one key of a store, held by one process at a time.
 *
 * It can be lost: a process that was suspended for longer than the lock lives is overtaken.
 */
export interface TokenLock {
  /** Grows with every holder of this key's lock; `null` where the store has no such count. */
  readonly fence: number | null
  /**
   * Says whether the lock is still held, as far as this process can tell.
   *
   * @throws LockLostError if another process may hold it now.
   */
  assertHeld(): void
  /**
   * Lets the next one in. May be called again, and after the lock was lost; never takes another holder's lock away. Never rejects: a lock that cannot be given
   * back ends by itself.
   */
  release(): Promise<void>
}

/** Options of {@link TokenStore.lock}. */
export interface LockOptions {
  /** How long the lock outlives a process that died, in milliseconds. Default: the store's own. */
  readonly ttlMs?: number
  /** Stops waiting; the returned promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/** What must hold for {@link TokenStore.save} to write. */
export interface SaveCondition<Stored extends object = TokenData> {
  /** Write only if this is what is stored, field by field; `null`: only if nothing is stored. */
  readonly previous?: Stored | null
  /** Write only while this lock is held, and never over what a later holder wrote. */
  readonly lock?: TokenLock
}

/**
 * Where tokens are kept. Implement it over any database; {@link TokenStore.lock} alone is optional.
 *
 * 1. What `load` gives is what `save` was given last: all of it or nothing, never a half-written one.
 * 2. `save` has written durably when it resolves.
 * 3. Keys are any text. A store that puts them into file names or queries encodes them.
 * 4. Safe for concurrent use, by several processes too if the medium is shared.
 *
 * Everything a store raises is a TokenStoreError, except the reason of an aborted signal.
 */
export interface TokenStore<Stored extends object = TokenData> {
  /** @returns what is stored under the key, or `undefined`. */
  load(key: string): Promise<Stored | undefined>
  /**
   * Stores a token in place of the one before.
   *
   * @param condition - what must hold; without one the token is written whatever is there.
   * @returns whether it was written: `false` only if {@link SaveCondition.previous} is not what is stored.
   * @throws LockLostError if {@link SaveCondition.lock} is no longer held.
   */
  save(key: string, token: Stored, condition?: SaveCondition<Stored>): Promise<boolean>
  /** Forgets a key. Nothing happens if it is not there. */
  delete(key: string): Promise<void>
  /**
   * Waits for the lock of a key. It must be released.
   *
   * A store without it leaves a fleet to refresh as often as it has processes.
   */
  lock?(key: string, options?: LockOptions): Promise<TokenLock>
}
