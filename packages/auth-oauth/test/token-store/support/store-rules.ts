import { inspect } from 'node:util'
import { describe, expect, test, type TestContext } from 'vitest'
import { LockLostError, type TokenData, type TokenStore, TokenStoreError } from '../../../src/index.ts'

/** A store to try, and another that looks at the same tokens, as another process would. */
export interface StorePair {
  readonly store: TokenStore
  readonly other: TokenStore
}

export const token = (n: number, more: Partial<TokenData> = {}): TokenData => ({
  accessToken: `access-canary-${n}`,
  tokenType: 'Bearer',
  refreshToken: `refresh-canary-${n}`,
  expiresAt: 1_700_000_000_000 + n,
  ...more,
})

const lockOf = (store: TokenStore): NonNullable<TokenStore['lock']> =>
  (store.lock as NonNullable<TokenStore['lock']>).bind(store)

/**
 * What every store keeps to, whatever it is made of.
 *
 * @param open - a fresh pair for each test; skips the test where the store cannot run.
 */
export function describeStoreRules(name: string, open: (ctx: TestContext) => Promise<StorePair>): void {
  describe(`${name} as a token store`, () => {
    test('gives what was saved last, and nothing for a key that it does not know', async (ctx) => {
      const { store, other } = await open(ctx)
      expect(await store.load('a')).toBe(undefined)
      expect(await store.save('a', token(1))).toBe(true)
      expect(await store.save('a', token(2, { scope: ['x', 'é'], raw: { nested: [1, null, { b: true }] } }))).toBe(true)
      expect(await other.load('a')).toEqual(token(2, { scope: ['x', 'é'], raw: { nested: [1, null, { b: true }] } }))
      expect(await other.load('A')).toBe(undefined)
      await store.delete('a')
      await store.delete('a')
      expect(await other.load('a')).toBe(undefined)
    })

    test('keeps keys apart, whatever they hold (trap 41)', async (ctx) => {
      const { store, other } = await open(ctx)
      const keys = [
        'a',
        'A',
        'a ',
        '../a',
        '/etc/passwd',
        'a/../b',
        'CON',
        '.',
        '',
        '{a}',
        'a\u0000b',
        'ü',
        'u\u0308',
        'x'.repeat(10_000),
      ]
      for (const [index, key] of keys.entries()) await store.save(key, token(index))
      for (const [index, key] of keys.entries())
        expect((await other.load(key))?.accessToken).toBe(`access-canary-${index}`)
    })

    test('a token that a caller changes later stays what it was when it was saved', async (ctx) => {
      const { store } = await open(ctx)
      const given = { ...token(1), scope: ['read'] }
      await store.save('a', given)
      given.scope.push('write')
      const loaded = (await store.load('a')) as unknown as { scope: string[] }
      loaded.scope.push('admin')
      expect((await store.load('a'))?.scope).toEqual(['read'])
    })

    test('replaces only what the caller has seen, whatever the order of its members', async (ctx) => {
      const { store, other } = await open(ctx)
      expect(await store.save('a', token(1), { previous: token(0) })).toBe(false)
      expect(await store.save('a', token(1), { previous: null })).toBe(true)
      expect(await other.save('a', token(2), { previous: null })).toBe(false)
      const reversed = Object.fromEntries(Object.entries(token(1)).reverse()) as unknown as TokenData
      expect(await other.save('a', token(2), { previous: reversed })).toBe(true)
      expect(await store.save('a', token(3), { previous: token(1) })).toBe(false)
      expect(await store.load('a')).toEqual(token(2))
    })

    test('of many saves over the same token one succeeds', async (ctx) => {
      const { store, other } = await open(ctx)
      await store.save('a', token(0))
      const saves = Array.from({ length: 20 }, (_, n) =>
        (n % 2 ? store : other).save('a', token(n + 1), { previous: token(0) }),
      )
      const written = await Promise.all(saves)
      expect(written.filter(Boolean)).toHaveLength(1)
      expect(await store.load('a')).toEqual(token(written.indexOf(true) + 1))
    })

    test('a token that was deleted does not come back with a save that had seen it', async (ctx) => {
      const { store, other } = await open(ctx)
      await store.save('a', token(1))
      await other.delete('a')
      expect(await store.save('a', token(2), { previous: token(1) })).toBe(false)
      expect(await store.load('a')).toBe(undefined)
    })

    test('lets one holder in at a time, with a fence that grows', async (ctx) => {
      const { store, other } = await open(ctx)
      const fences: number[] = []
      let inside = 0
      const work = async (n: number): Promise<void> => {
        const lock = await lockOf(n % 2 ? store : other)('a')
        expect(++inside).toBe(1)
        lock.assertHeld()
        fences.push(lock.fence as number)
        const before = await store.load('a')
        await (n % 2 ? store : other).save(
          'a',
          token((before?.expiresAt ?? 1_700_000_000_000) - 1_700_000_000_000 + 1),
          { lock },
        )
        inside--
        await lock.release()
      }
      await Promise.all(Array.from({ length: 12 }, (_, n) => work(n)))
      expect((await store.load('a'))?.accessToken).toBe('access-canary-12')
      expect(fences).toEqual([...fences].sort((a, b) => a - b))
      expect(new Set(fences).size).toBe(12)
    })

    test('locks of different keys do not wait for each other', async (ctx) => {
      const { store, other } = await open(ctx)
      const locks = [await lockOf(store)('a'), await lockOf(other)('b'), await lockOf(store)('c')]
      for (const lock of locks) await lock.release()
    })

    test('a lock may be released again, and is no lock afterwards', async (ctx) => {
      const { store, other } = await open(ctx)
      const first = await lockOf(store)('a')
      await first.release()
      const second = await lockOf(other)('a')
      await first.release()
      second.assertHeld()
      expect(() => first.assertHeld()).toThrow(LockLostError)
      await expect(store.save('a', token(1), { lock: first })).rejects.toThrow(LockLostError)
      expect(await store.load('a')).toBe(undefined)
      await second.release()
    })

    test('saves and deletes without the lock do not wait for its holder, and are seen by it', async (ctx) => {
      const { store, other } = await open(ctx)
      await store.save('a', token(0))
      const lock = await lockOf(store)('a')
      expect(await store.save('a', token(1), { previous: token(0) })).toBe(true)
      expect(await other.save('a', token(2))).toBe(true)
      await other.delete('a')
      expect(await store.save('a', token(3), { previous: token(2), lock })).toBe(false)
      expect(await store.load('a')).toBe(undefined)
      await lock.release()
    })

    test('who waits for a lock can stop waiting, and leaves no trace', async (ctx) => {
      const { store, other } = await open(ctx)
      const held = await lockOf(store)('a')
      const reason = new Error('enough')
      const controller = new AbortController()
      const waiting = [
        lockOf(store)('a', { signal: controller.signal }),
        lockOf(other)('a', { signal: controller.signal }),
      ]
      const outcomes = Promise.allSettled(waiting)
      controller.abort(reason)
      expect(await outcomes).toEqual(waiting.map(() => ({ status: 'rejected', reason })))
      await expect(lockOf(store)('a', { signal: controller.signal })).rejects.toBe(reason)
      await held.release()
      await (await lockOf(other)('a')).release()
    })

    test('200 who wait at once are all served', async (ctx) => {
      const { store } = await open(ctx)
      let served = 0
      const work = async (): Promise<void> => {
        const lock = await lockOf(store)('a')
        served++
        await lock.release()
      }
      await Promise.all(Array.from({ length: 200 }, work))
      expect(served).toBe(200)
    })

    test('refuses what is no record', async (ctx) => {
      const { store } = await open(ctx)
      for (const bad of [null, 'text', 1, []]) {
        await expect(store.save('a', bad as unknown as TokenData)).rejects.toThrow(TokenStoreError)
      }
    })

    test('members named like those of Object.prototype are members like others (trap 43)', async (ctx) => {
      const { store, other } = await open(ctx)
      const raw = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>
      await store.save('a', token(1, { raw }))
      const loaded = await other.load('a')
      expect(JSON.stringify(loaded?.raw)).toBe(JSON.stringify(raw))
      expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
      expect(await other.save('a', token(2), { previous: token(1, { raw }) })).toBe(true)
    })

    test('listens to no polluted Object.prototype, and names options that it does not know', async (ctx) => {
      const { store } = await open(ctx)
      const polluted = Object.prototype as Record<string, unknown>
      Object.assign(polluted, { previous: token(9), ttlMs: 1 })
      try {
        expect(await store.save('a', token(1), {})).toBe(true)
        await (await lockOf(store)('a', {})).release()
      } finally {
        delete polluted['previous']
        delete polluted['ttlMs']
      }
      await expect(store.save('a', token(2), { prev: token(1) } as never)).rejects.toThrow('Did you mean "previous"?')
      await expect(lockOf(store)('a', { ttl: 1 } as never)).rejects.toThrow('Did you mean "ttlMs"?')
    })

    test('shows no token when it is printed', async (ctx) => {
      const { store } = await open(ctx)
      await store.save('user-canary', token(1))
      const shown = [
        inspect(store, { depth: 10 }),
        (store as { toString(): string }).toString(),
        JSON.stringify(store),
      ].join()
      expect(shown).not.toContain('canary')
    })
  })
}
