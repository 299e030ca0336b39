import { createHash, randomBytes } from 'node:crypto'
import { UsageError } from '@entreat/core'
import { LockLostError, TokenStoreError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { inspectAs } from '../redaction.ts'
import type { TokenData } from '../token.ts'
import { HeldLock } from './held-lock.ts'
import { KeyQueue, PollingPause } from './key-queue.ts'
import { lockLifetime } from './lock-lifetime.ts'
import { type EvalArguments, type RedisClient, RedisCommands } from './redis-commands.ts'
import { readCondition, readLockOptions } from './store-options.ts'
import { isPrevious, storedCopy } from './stored-text.ts'
import { type EncryptionKey, TokenSeal } from './token-seal.ts'
import type { LockOptions, SaveCondition, TokenLock, TokenStore } from './token-store.ts'

/** Options of `new RedisTokenStore()`. */
export interface RedisTokenStoreOptions {
  /** A connected client. It is not closed. */
  readonly client: RedisClient
  /** Begins every key. Default `entreat:oauth:`. */
  readonly prefix?: string
  /** Encrypts tokens with AES-256-GCM before they are sent. Several: the first encrypts, all decrypt. Default: not encrypted. */
  readonly encryptionKey?: EncryptionKey | readonly EncryptionKey[]
  /** How long the lock of a process that died is respected, in milliseconds. Default 10000. */
  readonly lockTtlMs?: number
  /** Forget tokens that were not saved for so long, in milliseconds. Default: never. */
  readonly expireAfterMs?: number
  /** How long a command may take, in milliseconds. Default 5000. */
  readonly timeoutMs?: number
  /** How the client's `eval` takes keys and arguments. Default: found out; say it for a client that is neither node-redis nor ioredis. */
  readonly evalArguments?: EvalArguments
}

const KNOWN: Readonly<Record<keyof RedisTokenStoreOptions, true>> = {
  client: true,
  prefix: true,
  encryptionKey: true,
  lockTtlMs: true,
  expireAfterMs: true,
  timeoutMs: true,
  evalArguments: true,
}

// Each script touches the keys of one token, which share a hash slot. Values begin with the fence of who wrote them.

/** KEYS lock, fence; ARGV owner, ttl. Gives the fence, or 0. */
const LOCK = `
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
return redis.call('incr', KEYS[2])`

/** KEYS lock; ARGV owner, ttl. */
const CONFIRM = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`

/** KEYS lock; ARGV owner. */
const RELEASE = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])`

/** KEYS token, lock; ARGV owner or '', fence, 'any' | 'absent' | 'is', what is expected, value, ttl or 0. Gives 1, 0 or -1 for a lost lock. */
const SAVE = `
local stored = redis.call('get', KEYS[1])
local fence = stored and tonumber(string.match(stored, '^(%d+) ')) or 0
if ARGV[1] ~= '' then
  if redis.call('get', KEYS[2]) ~= ARGV[1] or fence > tonumber(ARGV[2]) then return -1 end
  fence = tonumber(ARGV[2])
end
if ARGV[3] == 'absent' and stored then return 0 end
if ARGV[3] == 'is' and stored ~= ARGV[4] then return 0 end
local value = string.format('%d', fence) .. ' ' .. ARGV[5]
if ARGV[6] == '0' then redis.call('set', KEYS[1], value) else redis.call('set', KEYS[1], value, 'PX', ARGV[6]) end
return 1`

/** KEYS token, fence. */
const DELETE = `return redis.call('del', KEYS[1], KEYS[2])`

const LONGEST_PAUSE_MS = 250

/** The keys of one token. */
interface Keys {
  readonly token: string
  readonly lock: string
  readonly fence: string
}

/**
 * Tokens in Redis, for processes on any number of machines: a lock that ends by itself (SET NX PX), and saves that compare what they replace.
 *
 * A lock is as safe as one Redis is: while a replica takes over, two processes can hold it, of which one can save.
 */
export class RedisTokenStore<Stored extends object = TokenData> implements TokenStore<Stored> {
  static {
    inspectAs(this.prototype as RedisTokenStore<object>, (store) => store.toString())
  }

  readonly #redis: RedisCommands
  readonly #prefix: string
  readonly #seal: TokenSeal | null
  readonly #lockTtlMs: number
  readonly #expireAfterMs: number
  readonly #queue = new KeyQueue()
  readonly #owners = new WeakMap<TokenLock, { readonly key: string; readonly owner: string }>()

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options: RedisTokenStoreOptions) {
    const own = readOptions(options, KNOWN, 'RedisTokenStore')
    this.#redis = new RedisCommands(own.client, own.evalArguments, milliseconds(own.timeoutMs ?? 5000, 'timeoutMs'))
    this.#prefix = own.prefix ?? 'entreat:oauth:'
    if (typeof this.#prefix !== 'string') throw new UsageError('RedisTokenStore: prefix must be text')
    this.#seal = own.encryptionKey === undefined ? null : new TokenSeal(own.encryptionKey)
    this.#lockTtlMs = lockLifetime(own.lockTtlMs ?? 10_000)
    this.#expireAfterMs = own.expireAfterMs === undefined ? 0 : milliseconds(own.expireAfterMs, 'expireAfterMs')
  }

  async load(key: string): Promise<Stored | undefined> {
    const value = await this.#redis.get(this.#keys(key).token)
    return value === null ? undefined : this.#read(key, value)
  }

  async save(key: string, token: Stored, condition?: SaveCondition<Stored>): Promise<boolean> {
    const { previous, lock } = readCondition(condition)
    const { owner = '' } = lock === undefined ? {} : this.#ownLock(key, lock)
    const keys = this.#keys(key)
    const content = JSON.stringify({ key, token: storedCopy(token) })
    const value = this.#seal === null ? content : await this.#seal.seal(content, context(key))
    let expected: [string, string] = ['any', '']
    if (previous !== undefined) {
      // The client compares tokens, Redis that the text is still the one that was compared.
      const stored = await this.#redis.get(keys.token)
      const token = stored === null ? undefined : await this.#read(key, stored)
      if (!isPrevious(token, previous)) return false
      expected = stored === null ? ['absent', ''] : ['is', stored]
    }
    const args = [owner, lock?.fence ?? 0, ...expected, value, this.#expireAfterMs]
    const result = await this.#redis.eval(SAVE, [keys.token, keys.lock], args)
    if (result === -1) throw lost(key)
    return result === 1
  }

  async delete(key: string): Promise<void> {
    const { token, fence } = this.#keys(key)
    await this.#redis.eval(DELETE, [token, fence], [])
  }

  async lock(key: string, options?: LockOptions): Promise<TokenLock> {
    const { ttlMs, signal } = readLockOptions(options)
    const life = ttlMs === undefined ? this.#lockTtlMs : lockLifetime(ttlMs)
    const leave = await this.#queue.enter(key, signal)
    const owner = randomBytes(16).toString('hex')
    try {
      const held = await this.#acquire(key, owner, { life, signal })
      const lock: TokenLock = {
        fence: held.fence,
        assertHeld: () => held.assertHeld(),
        release: () => held.release().finally(leave),
      }
      this.#owners.set(lock, { key, owner })
      return lock
    } catch (error) {
      leave()
      // An answer that was lost may have been a yes.
      void this.#redis.eval(RELEASE, [this.#keys(key).lock], [owner]).catch(() => {})
      throw error
    }
  }

  /** The prefix; nothing of what is stored. */
  toJSON(): { prefix: string; encrypted: boolean } {
    return { prefix: this.#prefix, encrypted: this.#seal !== null }
  }

  toString(): string {
    return `RedisTokenStore { ${this.#prefix} }`
  }

  async #acquire(
    key: string,
    owner: string,
    { life, signal }: { readonly life: number; readonly signal: AbortSignal | undefined },
  ): Promise<HeldLock> {
    const { lock, fence: fenceKey } = this.#keys(key)
    const pause = new PollingPause(LONGEST_PAUSE_MS)
    for (;;) {
      signal?.throwIfAborted()
      const askedAt = performance.now()
      const fence = await this.#redis.eval(LOCK, [lock, fenceKey], [owner, life])
      if (fence > 0) {
        const confirm = async (): Promise<boolean> => (await this.#redis.eval(CONFIRM, [lock], [owner, life])) === 1
        const giveBack = async (): Promise<void> => void (await this.#redis.eval(RELEASE, [lock], [owner]))
        return new HeldLock({ what: JSON.stringify(key), fence, ttlMs: life, confirm, giveBack }, askedAt)
      }
      await pause.next(signal)
    }
  }

  #ownLock(key: string, lock: TokenLock): { owner: string } {
    const known = this.#owners.get(lock)
    if (known?.key !== key)
      throw new TokenStoreError('save() takes the lock that lock() of this store gave for this key')
    lock.assertHeld()
    return known
  }

  /** A key may hold anything; the braces make Redis Cluster keep what belongs together in one place. */
  #keys(key: string): Keys {
    const base = `${this.#prefix}{${createHash('sha256').update(key).digest('hex')}}`
    return { token: `${base}:token`, lock: `${base}:lock`, fence: `${base}:fence` }
  }

  async #read(key: string, value: string): Promise<Stored> {
    const text = /^[0-9]+ (.*)$/s.exec(value)?.[1]
    if (text === undefined) throw damaged(key)
    const content = parseContent<Stored>(this.#seal === null ? text : await this.#seal.open(text, context(key)))
    if (content?.key !== key || typeof content.token !== 'object' || content.token === null) throw damaged(key)
    return content.token
  }
}

function context(key: string): string {
  return `entreat token ${key}`
}

function parseContent<Stored>(text: string): { key?: string; token?: Stored } | null {
  try {
    return JSON.parse(text) as { key?: string; token?: Stored } | null
  } catch {
    return null
  }
}

function damaged(key: string): TokenStoreError {
  return new TokenStoreError(
    `What Redis holds for ${JSON.stringify(key)} is no token of this store, or is encrypted: delete it and sign in again, or give the encryptionKey`,
  )
}

function lost(key: string): LockLostError {
  return new LockLostError(
    `The lock of ${JSON.stringify(key)} went to another process, which may have stored a token since`,
  )
}

function milliseconds(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new UsageError(`RedisTokenStore: ${name} must be a number of milliseconds above 0`)
}
