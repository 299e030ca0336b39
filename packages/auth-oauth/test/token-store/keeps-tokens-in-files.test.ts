import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, type TestContext } from 'vitest'
import { FileTokenStore, type FileTokenStoreOptions, LockLostError, TokenStoreError } from '../../src/index.ts'
import { describeStoreRules, type StorePair, token } from './support/store-rules.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'entreat-tokens-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

function open(more: Partial<FileTokenStoreOptions> = {}): FileTokenStore {
  return new FileTokenStore({ directory: folder, ...more })
}

function pair(more: Partial<FileTokenStoreOptions> = {}): Promise<StorePair> {
  return Promise.resolve({ store: open(more), other: open(more) })
}

describeStoreRules('FileTokenStore', () => pair())
describeStoreRules('FileTokenStore with encryption', () => pair({ encryptionKey: Buffer.alloc(32, 7) }))

const needsModes = (ctx: TestContext): void => {
  if (process.platform === 'win32') ctx.skip('Windows has no modes of this kind')
}

async function onlyFile(): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  expect(names).toHaveLength(1)
  return join(folder, names[0] as string)
}

describe('the files of a FileTokenStore (trap 29)', () => {
  test('are readable for their owner alone, in a directory of the same kind, whatever the umask', async (ctx) => {
    needsModes(ctx)
    const directory = join(folder, 'a', 'b')
    const store = new FileTokenStore({ directory: pathToFileURL(directory) })
    const lock = await store.lock('key')
    await store.save('key', token(1), { lock })
    const names = await readdir(directory)
    expect(names).toHaveLength(2)
    for (const name of names) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    await lock.release()
    expect(await readdir(directory)).toHaveLength(1)
  })

  test('are refused when others may read them, and the message says what to do', async (ctx) => {
    needsModes(ctx)
    await open().save('key', token(1))
    await chmod(await onlyFile(), 0o640)
    await expect(open().load('key')).rejects.toThrow(/^Others may read or change .*mode 640.*chmod 600/)
    await expect(open().load('key')).rejects.toThrow(TokenStoreError)
  })

  test('are not kept where others may write', async (ctx) => {
    needsModes(ctx)
    for (const mode of [0o777, 0o770, 0o1777]) {
      await chmod(folder, mode)
      await expect(open().save('key', token(1))).rejects.toThrow(/^Others may write to .*chmod 700/)
    }
    await chmod(folder, 0o755)
    expect(await open().save('key', token(1))).toBe(true)
  })

  test('are no links: what a link leads to may be written by somebody else', async (ctx) => {
    needsModes(ctx)
    await open().save('key', token(1))
    const file = await onlyFile()
    await rename(file, `${file}.moved`)
    await symlink(`${file}.moved`, file)
    await expect(open().load('key')).rejects.toThrow(TokenStoreError)
  })

  test('a directory that is a file is refused', async () => {
    const directory = join(folder, 'file')
    await writeFile(directory, '')
    await expect(new FileTokenStore({ directory }).load('key')).rejects.toThrow(TokenStoreError)
  })

  test('never leave the directory, and name no user', async () => {
    await open().save('../../user-canary', token(1))
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.json$/)])
  })

  test('a damaged file is an error that names it, and a new sign-in replaces it (trap 39)', async () => {
    const store = open()
    await store.save('key', token(1))
    const file = await onlyFile()
    for (const damage of [
      () => truncate(file, 20),
      () => truncate(file, 0),
      () => writeFile(file, '[]'),
      () => writeFile(file, '{"fence":1,"key":"other","token":{}}'),
    ]) {
      await damage()
      const error: unknown = await store.load('key').catch((error: unknown) => error)
      expect(error).toBeInstanceOf(TokenStoreError)
      expect((error as Error).message).toBe(`${file} is damaged: delete it, and sign in again`)
      expect(inspect(error, { depth: 5 })).not.toContain('canary')
      expect(await store.save('key', token(2))).toBe(true)
      expect(await store.load('key')).toEqual(token(2))
    }
  })

  test('a file of a megabyte and more is no token', async () => {
    const store = open()
    await store.save('key', token(1))
    await writeFile(await onlyFile(), Buffer.alloc(1_048_577, 32))
    await expect(store.load('key')).rejects.toThrow(/larger than 1048576 bytes/)
  })

  test('of another key under this name is refused', async () => {
    const store = open()
    await store.save('a', token(1))
    const file = await onlyFile()
    await store.save('b', token(2))
    const other = (await readdir(folder)).map((name) => join(folder, name)).find((name) => name !== file) as string
    await rm(other)
    await link(file, other)
    await expect(store.load('b')).rejects.toThrow(TokenStoreError)
  })

  test.each(['json.0123456789abcdef.tmp', 'lock.0123456789abcdef0123456789abcdef.removal'])(
    'what a process left that died half-way is removed after an hour: %s',
    async (ending) => {
      const name = `${'a'.repeat(64)}.${ending}`
      const [old, young] = [join(folder, name), join(folder, name.replace('0123', '4567'))]
      await writeFile(old, '')
      await writeFile(young, '')
      await utimes(old, new Date(Date.now() - 7_200_000), new Date(Date.now() - 7_200_000))
      await open().load('key')
      expect(await readdir(folder)).toEqual([young.slice(folder.length + 1)])
    },
  )

  test('a directory that cannot be made is an error that says why, and may be there the next time', async () => {
    const blocked = join(folder, 'blocked')
    await writeFile(blocked, '')
    const store = new FileTokenStore({ directory: join(blocked, 'tokens') })
    await expect(store.save('key', token(1))).rejects.toThrow(/^Cannot use the directory .*blocked/)
    await rm(blocked)
    expect(await store.save('key', token(1))).toBe(true)
  })
})

describe('the encryption of a FileTokenStore', () => {
  const keys = ['correct horse battery staple', Buffer.alloc(32, 1), () => Promise.resolve('from a vault')] as const

  test.each(keys)('hides the token and its key: %#', async (encryptionKey) => {
    await open({ encryptionKey }).save('user-canary', token(1))
    expect(await readFile(await onlyFile(), 'utf8')).not.toMatch(/canary|Bearer/)
    expect(await open({ encryptionKey }).load('user-canary')).toEqual(token(1))
  })

  test('opens with the right key only, and says so', async () => {
    await open({ encryptionKey: 'right' }).save('key', token(1))
    for (const encryptionKey of ['wrong', Buffer.alloc(32, 1)]) {
      await expect(open({ encryptionKey }).load('key')).rejects.toThrow(/cannot be decrypted/)
    }
    await expect(open().load('key')).rejects.toThrow(/was given no encryptionKey/)
  })

  test('does not take a file that is not encrypted', async () => {
    await open().save('key', token(1))
    await expect(open({ encryptionKey: 'right' }).load('key')).rejects.toThrow(/is not encrypted/)
  })

  test('notices a changed byte, and a file that was put in place of another', async () => {
    const store = open({ encryptionKey: Buffer.alloc(32, 1) })
    await store.save('a', token(1))
    const file = await onlyFile()
    const text = await readFile(file, 'utf8')
    const { sealed, fence } = JSON.parse(text) as { sealed: string; fence: number }
    const parts = JSON.parse(sealed) as { data: string }
    const data = Buffer.from(parts.data, 'base64')
    for (const at of [0, data.length - 1]) {
      const changed = Buffer.from(data)
      changed[at] = (changed[at] as number) ^ 1
      const resealed = JSON.stringify({ ...parts, data: changed.toString('base64') })
      await writeFile(file, JSON.stringify({ fence, sealed: resealed }))
      await expect(store.load('a')).rejects.toThrow(/cannot be decrypted/)
    }
    await store.save('b', token(2))
    const other = (await readdir(folder)).map((name) => join(folder, name)).find((name) => name !== file) as string
    await rename(other, file)
    await expect(store.load('a')).rejects.toThrow(/cannot be decrypted/)
  })

  test('goes over to another key with the next save', async () => {
    await open({ encryptionKey: 'old' }).save('key', token(1))
    const both = open({ encryptionKey: ['new', 'old'] })
    expect(await both.load('key')).toEqual(token(1))
    await both.save('key', token(2))
    expect(await open({ encryptionKey: 'new' }).load('key')).toEqual(token(2))
  })
})

describe('the lock of a FileTokenStore', () => {
  async function lockFile(): Promise<string> {
    return join(folder, (await readdir(folder)).find((name) => name.endsWith('.lock')) as string)
  }

  test('that nobody touches any more is overtaken, once, and its holder cannot save (trap 40)', async () => {
    const stalled = await open({ lockTtlMs: 60_000 }).lock('key')
    const file = await lockFile()
    // As its holder's heartbeat would have left it an hour ago, had it died then, with a lifetime of 100 ms.
    const dead = JSON.stringify({ owner: 'd'.repeat(32), fence: 7, ttlMs: 100 })
    await writeFile(file, dead)
    await utimes(file, new Date(0), new Date(0))
    const stores = Array.from({ length: 8 }, () => open())
    let inside = 0
    const fences = await Promise.all(
      stores.map(async (store) => {
        const lock = await store.lock('key')
        expect(++inside).toBe(1)
        await store.save('key', token(lock.fence as number), { lock })
        inside--
        await lock.release()
        return lock.fence
      }),
    )
    expect(new Set(fences)).toEqual(new Set([8, 9, 10, 11, 12, 13, 14, 15]))
    const store = open()
    await expect(store.save('key', token(0), { lock: stalled })).rejects.toThrow(TokenStoreError)
    await stalled.release()
  })

  test('that was overtaken tells its holder when it saves', async () => {
    const store = open({ lockTtlMs: 60_000 })
    const stalled = await store.lock('key')
    await writeFile(await lockFile(), JSON.stringify({ owner: 'd'.repeat(32), fence: 7, ttlMs: 60_000 }))
    await expect(store.save('key', token(1), { lock: stalled })).rejects.toThrow(LockLostError)
    expect(await store.load('key')).toBe(undefined)
    await stalled.release()
    expect(await readFile(await lockFile(), 'utf8')).toContain('dddd')
  })

  test('whose overtaker died half-way is overtaken by another', async () => {
    const store = open()
    const stalled = await store.lock('key')
    const file = await lockFile()
    const owner = 'd'.repeat(32)
    await writeFile(file, JSON.stringify({ owner, fence: 7, ttlMs: 100 }))
    await writeFile(`${file}.${owner}.removal`, '')
    for (const name of [file, `${file}.${owner}.removal`]) await utimes(name, new Date(0), new Date(0))
    const lock = await open().lock('key')
    expect(lock.fence).toBe(8)
    await lock.release()
    await stalled.release()
    expect(await readdir(folder)).toEqual([])
  })

  test('whose writer died before it wrote is overtaken too', async () => {
    await open().load('key')
    await (await open().lock('key')).release()
    const name = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'
    await writeFile(join(folder, `${name}.lock`), '', { mode: 0o600 })
    await utimes(join(folder, `${name}.lock`), new Date(0), new Date(0))
    const lock = await open({ lockTtlMs: 200 }).lock('key')
    lock.assertHeld()
    await lock.release()
  })

  test('of another store or another key is not taken for its own', async () => {
    const store = open()
    const lock = await store.lock('a')
    await expect(store.save('b', token(1), { lock })).rejects.toThrow(/takes the lock that lock\(\) of this store gave/)
    await expect(open().save('a', token(1), { lock })).rejects.toThrow(TokenStoreError)
    await lock.release()
  })

  test('leaves nothing behind', async () => {
    const store = open()
    await Promise.all(Array.from({ length: 20 }, async () => (await store.lock('key')).release()))
    expect(await readdir(folder)).toEqual([])
  })

  test('whose directory is gone is released all the same', async () => {
    const directory = join(folder, 'inner')
    await mkdir(directory, { mode: 0o700 })
    const lock = await new FileTokenStore({ directory }).lock('key')
    await rm(directory, { recursive: true })
    await lock.release()
  })
})

test('FileTokenStore says what is wrong with its options', () => {
  expect(() => open({ dir: 'x' } as never)).toThrow('Did you mean "directory"?')
  expect(() => new FileTokenStore({ directory: '' })).toThrow(/path or a file: URL/)
  expect(() => open({ lockTtlMs: Number.NaN })).toThrow(/between 100 and 3600000/)
  expect(() => open({ encryptionKey: [] })).toThrow(/at least one key/)
})
