import { readOptions } from '../options.ts'
import type { LockOptions, SaveCondition } from './token-store.ts'

const CONDITION: Readonly<Record<keyof SaveCondition, true>> = { previous: true, lock: true }
const LOCK: Readonly<Record<keyof LockOptions, true>> = { ttlMs: true, signal: true }

/** The condition of a save, own keys only. @throws UsageError for an unknown key. */
export function readCondition<Stored extends object>(condition?: SaveCondition<Stored>): SaveCondition<Stored> {
  return readOptions(condition, CONDITION, 'save()')
}

/** How to lock, own keys only. @throws UsageError for an unknown key. */
export function readLockOptions(options?: LockOptions): LockOptions {
  return readOptions(options, LOCK, 'lock()')
}
