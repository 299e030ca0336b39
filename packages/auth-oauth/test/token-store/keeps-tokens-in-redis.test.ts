import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext, vi } from 'vitest'
import { LockLostError, RedisTokenStore, TokenStoreError } from '../../src/index.ts'
import { missingRedis, RedisServer } from './support/redis-server.ts'
import { describeStoreRules, type StorePair, token } from './support/store-rules.ts'

const missing = missingRedis()
let server: RedisServer
let node: ReturnType<typeof createClient>
let io: Redis

beforeAll(async () => {
  if (missing !== null) return
  server = await RedisServer.start()
  node = createClient({ url: server.url })
  await node.connect()
  io = new Redis(server.port, '127.0.0.1')
})

afterAll(async () => {
  if (missing !== null) return
  await node.close()
  await io.quit()
  await server[Symbol.asyncDispose]()
})

beforeEach(async () => {
  if (missing === null) await io.flushall()
})

function need(ctx: TestContext): void {
  if (missing !== null) ctx.skip(missing)
}

function pair(ctx: TestContext, encryptionKey?: Uint8Array): Promise<StorePair> {
  need(ctx)
  const key = encryptionKey === undefined ? {} : { encryptionKey }
  // One of each client: what one writes the other reads.
  return Promise.resolve({
    store: new RedisTokenStore({ client: node, ...key }),
    other: new RedisTokenStore({ client: io, ...key }),
  })
}

describeStoreRules('RedisTokenStore', (ctx) => pair(ctx))
describeStoreRules('RedisTokenStore with encryption', (ctx) => pair(ctx, Buffer.alloc(32, 7)))

describe('RedisTokenStore', () => {
  test('a lock whose holder is gone ends by itself, and what the holder saves later is refused', async (ctx) => {
    need(ctx)
    const store = new RedisTokenStore({ client: node, lockTtlMs: 1000 })
    const stalled = await store.lock('a')
    const [lockKey] = await io.keys('*:lock')
    // As if its holder had been suspended for longer than the lock lives.
    await io.del(lockKey as string)
    const second = await new RedisTokenStore({ client: io }).lock('a')
    expect(second.fence).toBeGreaterThan(stalled.fence as number)
    await expect(store.save('a', token(1), { lock: stalled })).rejects.toThrow(LockLostError)
    await stalled.release()
    second.assertHeld()
    expect(await io.get(lockKey as string)).not.toBe(null)
    await second.release()
  })

  test('what a later holder wrote is not replaced, even if Redis forgot the lock', async (ctx) => {
    need(ctx)
    const store = new RedisTokenStore({ client: node })
    const first = await store.lock('a')
    const [lockKey] = await io.keys('*:lock')
    const owner = await io.get(lockKey as string)
    await io.del(lockKey as string)
    const second = await store.lock.call(new RedisTokenStore({ client: io }), 'a')
    const writer = new RedisTokenStore({ client: io })
    const third = writer.lock('a')
    await second.release()
    await writer.save('a', token(3), { lock: await third })
    // A replica that was behind took over: the first lock is back.
    await io.set(lockKey as string, owner as string)
    await expect(store.save('a', token(1), { lock: first })).rejects.toThrow(LockLostError)
    expect(await store.load('a')).toEqual(token(3))
    await (await third).release()
  })

  test('a lock that is held is confirmed again and again', async (ctx) => {
    need(ctx)
    const store = new RedisTokenStore({ client: node, lockTtlMs: 300 })
    const lock = await store.lock('a')
    const [lockKey] = await io.keys('*:lock')
    let last = await io.pttl(lockKey as string)
    const grew = async (): Promise<void> => {
      const before = last
      last = await io.pttl(lockKey as string)
      expect(last).toBeGreaterThan(before)
    }
    await vi.waitFor(grew, { timeout: 10_000, interval: 20 })
    lock.assertHeld()
    await lock.release()
    expect(await io.exists(lockKey as string)).toBe(0)
  })

  test('tokens that nobody saved again are forgotten, if asked', async (ctx) => {
    need(ctx)
    await new RedisTokenStore({ client: node, expireAfterMs: 60_000 }).save('a', token(1))
    await new RedisTokenStore({ client: node }).save('b', token(1))
    const lives = await Promise.all((await io.keys('*:token')).map((key) => io.pttl(key)))
    expect(lives.sort((a, b) => a - b)[0]).toBe(-1)
    expect(lives[1]).toBeGreaterThan(50_000)
  })

  test('all keys of a token are in one hash slot, and none of them names its user', async (ctx) => {
    need(ctx)
    const store = new RedisTokenStore({ client: node, prefix: 'app:' })
    const lock = await store.lock('user-canary')
    await store.save('user-canary', token(1), { lock })
    const keys = await io.keys('*')
    expect(keys).toHaveLength(3)
    expect(new Set(keys.map((key) => /^app:\{([0-9a-f]{64})\}:/.exec(key)?.[1])).size).toBe(1)
    await lock.release()
  })

  test('encrypts what Redis holds, and opens it with no other key', async (ctx) => {
    need(ctx)
    await new RedisTokenStore({ client: node, encryptionKey: 'a passphrase' }).save('a', token(1))
    const [name = ''] = await io.keys('*:token')
    expect(await io.get(name)).not.toContain('canary')
    await expect(new RedisTokenStore({ client: io, encryptionKey: 'another' }).load('a')).rejects.toThrow(
      TokenStoreError,
    )
    await expect(new RedisTokenStore({ client: io }).load('a')).rejects.toThrow(/is encrypted/)
    const both = new RedisTokenStore({ client: io, encryptionKey: ['another', 'a passphrase'] })
    expect(await both.load('a')).toEqual(token(1))
  })

  test('an error of Redis or of the client holds no token (trap 28)', async (ctx) => {
    need(ctx)
    for (const client of [node, io]) {
      const store = new RedisTokenStore({ client })
      await store.save('a', token(1))
      const [name = ''] = await io.keys('*:token')
      await io.del(name)
      await io.lpush(name, 'not text')
      const errors = await Promise.all(
        [store.load('a'), store.save('a', token(2))].map((sent) => sent.catch((error: unknown) => error)),
      )
      for (const error of errors) {
        expect(error).toBeInstanceOf(TokenStoreError)
        expect((error as Error).message).toContain('WRONGTYPE')
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('canary')
      }
      await io.del(name)
    }
  })

  test('a Redis that does not answer is an error in time, not a request that hangs', async () => {
    const client = { get: () => new Promise(() => {}), eval: () => new Promise(() => {}) }
    const store = new RedisTokenStore({ client, timeoutMs: 20 })
    await expect(store.load('a')).rejects.toThrow('Redis did not answer within 20 ms')
    await expect(store.lock('a')).rejects.toThrow(TokenStoreError)
    await expect(store.save('a', token(1))).rejects.toThrow(TokenStoreError)
  })

  test('a Redis that goes away takes the lock with it, and is an error in time', async (ctx) => {
    need(ctx)
    const server = await RedisServer.start()
    const client = createClient({ url: server.url })
    client.on('error', () => {})
    await client.connect()
    const store = new RedisTokenStore({ client, lockTtlMs: 300, timeoutMs: 200 })
    const lock = await store.lock('a')
    await server[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(() => lock.assertHeld()).toThrow(LockLostError), { timeout: 10_000 })
    await expect(store.load('a')).rejects.toThrow(TokenStoreError)
    await expect(store.save('a', token(1), { lock })).rejects.toThrow(LockLostError)
    await expect(store.lock('b')).rejects.toThrow(TokenStoreError)
    await lock.release()
    client.destroy()
  })

  test('says what is wrong with its options', () => {
    const client = { get: () => Promise.resolve(null), eval: () => Promise.resolve(0) }
    expect(() => new RedisTokenStore({ client, prefx: 'a' } as never)).toThrow('Did you mean "prefix"?')
    expect(() => new RedisTokenStore({ client: {} as never })).toThrow(/get\(\) and eval\(\)/)
    expect(() => new RedisTokenStore({ client, lockTtlMs: 5 })).toThrow(/between 100 and 3600000/)
    expect(() => new RedisTokenStore({ client, timeoutMs: 0 })).toThrow(/timeoutMs/)
    expect(() => new RedisTokenStore({ client, encryptionKey: '' })).toThrow(/passphrase/)
    expect(() => new RedisTokenStore({ client, encryptionKey: Buffer.alloc(31) })).toThrow(/32 bytes/)
  })
})
