import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Session, UsageError } from '@entreat/core'
import { StubAdapter } from '@entreat/testkit'
import { CacheAdapter, type CacheStore, FileStore, MemoryStore, type StoredResponse } from '@entreat/toolbelt/cache'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'entreat-cache-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const files = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.cache'))

function response(body: Uint8Array, policy: unknown = { v: 1 }): StoredResponse {
  return { statusCode: 200, reason: 'OK', headers: [['X-One', '1']], body, policy, identity: null }
}

describe.each([
  ['MemoryStore', (maxBytes?: number): CacheStore => new MemoryStore(maxBytes === undefined ? {} : { maxBytes })],
  ['FileStore', (maxBytes?: number): CacheStore => new FileStore(folder, maxBytes === undefined ? {} : { maxBytes })],
])('%s', (_, create) => {
  test('gives back what it was given, and forgets', async () => {
    const store = create()
    expect(await store.get('none')).toEqual([])
    await fc.assert(
      fc.asyncProperty(
        fc.string(),
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
        async (key, bodies) => {
          await store.set(
            key,
            bodies.map((body) => response(body)),
          )
          const got = await store.get(key)
          expect(got.map(({ body }) => [...body])).toEqual(bodies.map((body) => [...body]))
        },
      ),
      { numRuns: 30 },
    )
    await store.set('a', [response(Buffer.from('x'))])
    await store.delete('a')
    expect(await store.get('a')).toEqual([])
    await store.set('a', [response(Buffer.from('x'))])
    await store.clear()
    expect(await store.get('a')).toEqual([])
  })

  test('keeps no more than it may: what was not used for longest goes', async () => {
    const store = create(5000)
    await store.set('too long', [response(Buffer.alloc(6000))])
    expect(await store.get('too long')).toEqual([])
    for (const key of ['a', 'b', 'c']) {
      await store.set(key, [response(Buffer.alloc(1000))])
      for (const name of files()) utimesSync(join(folder, name), 1, statSync(join(folder, name)).mtimeMs / 1000 - 100)
    }
    await store.get('a')
    for (const key of ['d', 'e', 'f']) await store.set(key, [response(Buffer.alloc(1000))])
    expect(await store.get('b')).toEqual([])
    expect((await store.get('f')).length).toBe(1)
  })

  test('refuses options that cannot be meant', () => {
    expect(() => create(0)).toThrow(UsageError)
  })
})

describe('a folder', () => {
  const stubbed = (headers: Record<string, string> = {}): StubAdapter =>
    new StubAdapter().on('GET', 'http://stub.test/*', ({ headers: sent }) => ({
      text: `for ${sent.get('cookie') ?? 'nobody'}`,
      headers: { 'Cache-Control': 'max-age=60', ...headers },
    }))
  const sessionOf = (stub: StubAdapter): Session =>
    new Session({ trustEnv: false }).mount('http://', new CacheAdapter(stub, { store: new FileStore(folder) }))

  test('serves the next process', async () => {
    await sessionOf(stubbed()).get('http://stub.test/')
    const second = stubbed()
    expect((await sessionOf(second).get('http://stub.test/')).text).toBe('for nobody')
    expect(second.requests).toHaveLength(0)
  })

  test('holds no credentials and no cookies, and is for the owner alone', async () => {
    const session = sessionOf(stubbed({ Vary: 'Cookie, Authorization', 'Set-Cookie': 'sid=hush' }))
    await session.get('http://stub.test/', { auth: ['ahab', 'hush'], headers: { Cookie: 'sid=secret' } })
    const [name = ''] = files()
    const content = readFileSync(join(folder, name), 'latin1')
    const head = content.slice(0, content.indexOf('\n'))
    expect(head).not.toMatch(/hush|secret|YWhhYjpodXNo/)
    expect(statSync(join(folder, name)).mode & 0o077).toBe(0)
  })

  test.each([
    ['empty', ''],
    ['no JSON', 'x\n'],
    ['of another format', '{"format":"other"}\n'],
    ['cut short', null],
  ])('a file that is %s is as good as absent', async (_, content) => {
    await sessionOf(stubbed()).get('http://stub.test/')
    const path = join(folder, files()[0] as string)
    writeFileSync(path, content ?? readFileSync(path).subarray(0, -3))
    const stub = stubbed()
    expect((await sessionOf(stub).get('http://stub.test/')).text).toBe('for nobody')
    expect(stub.requests).toHaveLength(1)
  })

  test('a policy of another version is as good as absent', async () => {
    const store = new FileStore(folder)
    const key = JSON.stringify(['http://stub.test/', null, null])
    await store.set(key, [response(Buffer.from('old'), { v: 99 })])
    const stub = stubbed()
    expect((await sessionOf(stub).get('http://stub.test/')).text).toBe('for nobody')
  })

  test('clears what it wrote, and nothing else', async () => {
    writeFileSync(join(folder, 'mine.txt'), 'kept')
    const store = new FileStore(folder)
    await store.set('a', [response(Buffer.from('x'))])
    await store.clear()
    expect(readdirSync(folder)).toEqual(['mine.txt'])
  })

  test('many at once leave whole files and no temporary ones', async () => {
    const store = new FileStore(folder)
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.set(`key ${n % 5}`, [response(Buffer.alloc(n * 100))])),
    )
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    for (let n = 0; n < 5; n++) expect(await store.get(`key ${n}`)).toHaveLength(1)
  })
})
