import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest'
import { FileTokenStore } from '../../src/index.ts'
import { Child } from '../support/child-process.ts'
import { missingRedis, RedisServer } from './support/redis-server.ts'
import { RotatingServer } from './support/rotating-server.ts'
import { token } from './support/store-rules.ts'

// Traps 7, 9 and 40, across processes: one refresh for a fleet, whoever dies on the way.

const PROCESSES = 6
/** Starting processes takes its time on a busy machine. */
const LIMIT_MS = 60_000
const REQUESTS = 10

/** Makes a store in a child from `input.store`. */
const STORE = `
import { createClient } from '@redis/client'
let store, close = async () => {}
if (input.store.directory !== undefined) {
  store = new oauth.FileTokenStore(input.store)
} else {
  const client = createClient({ url: input.store.url })
  await client.connect()
  store = new oauth.RedisTokenStore({ client, lockTtlMs: input.store.lockTtlMs })
  close = () => client.close()
}
`

/** Sends requests with the token of the store, and reports how many were let in, or the error. */
const WORKER = `
import { Session } from '@entreat/core'
${STORE}
const metadata = { issuer: input.server, token_endpoint: input.server + '/token' }
const client = new oauth.OAuth2Client({ metadata, clientId: 'client' })
const expired = { accessToken: 'access-0', refreshToken: 'refresh-0', tokenType: 'Bearer', expiresAt: 1000 }
const auth = new oauth.OAuth2Auth({ client, store, token: expired, key: 'user' })
const session = new Session({ auth, trustEnv: false })
report('ready')
await heard()
const answers = await Promise.allSettled(Array.from({ length: input.requests }, () => session.get(input.server + '/api')))
const refused = answers.find(({ status }) => status === 'rejected')
report(refused ? refused.reason.name : answers.filter(({ value }) => value.statusCode === 200).length)
await session.close()
await close()
process.exit()
`

/** Holds the lock until it is told to save. */
const HOLDER = `
${STORE}
const lock = await store.lock('key')
report(lock.fence)
await heard()
const saved = await store.save('key', { accessToken: 'of the stalled', tokenType: 'Bearer' }, { lock }).catch((error) => error.name)
report(saved)
await lock.release()
await close()
process.exit()
`

interface StorePlace {
  readonly directory?: string
  readonly url?: string
  readonly lockTtlMs: number
}

const missing = missingRedis()
let redis: RedisServer | null = null
let folder: string

beforeAll(async () => {
  if (missing === null) redis = await RedisServer.start()
})

afterAll(async () => {
  await redis?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'entreat-fleet-'))
  return () => rm(folder, { recursive: true, force: true })
})

function place(kind: 'files' | 'Redis', lockTtlMs: number, ctx: TestContext): StorePlace {
  if (kind === 'files') return { directory: folder, lockTtlMs }
  if (redis === null) ctx.skip(missing ?? 'no Redis')
  return { url: redis.url, lockTtlMs }
}

describe.each(['files', 'Redis'] as const)('processes that share tokens in %s', { timeout: LIMIT_MS }, (kind) => {
  test(`${PROCESSES} with ${REQUESTS} requests each refresh an expired token once`, async (ctx) => {
    const store = place(kind, 10_000, ctx)
    await using server = await RotatingServer.start()
    const input = { store, server: server.url, requests: REQUESTS }
    const fleet = Array.from({ length: PROCESSES }, () => new Child(WORKER, input))
    for (const child of fleet) expect(await child.report()).toBe('ready')
    for (const child of fleet) child.tell('go')
    for (const child of fleet) expect(await child.report()).toBe(REQUESTS)
    for (const child of fleet) expect(await child.ended()).toBe(0)
    expect([server.refreshed, server.refused, server.served]).toEqual([1, 0, PROCESSES * REQUESTS])
  })

  test('go on when the one that refreshes is killed before the server has heard it', async (ctx) => {
    const store = place(kind, 1500, ctx)
    await using server = await RotatingServer.start()
    const input = { store, server: server.url, requests: 1 }
    using first = new Child(WORKER, input)
    using second = new Child(WORKER, input)
    const asked = new Promise<void>((resolve) => {
      server.onRefresh = async (_, response) => {
        server.onRefresh = null
        resolve()
        await new Promise((gone) => response.once('close', gone))
      }
    })
    expect([await first.report(), await second.report()]).toEqual(['ready', 'ready'])
    first.tell('go')
    await asked
    second.tell('go')
    first.kill()
    expect(await second.report()).toBe(1)
    expect([server.refreshed, server.refused]).toEqual([1, 0])
  })

  test('say that the user must sign in when the new token died with the one that had asked for it', async (ctx) => {
    const store = place(kind, 1500, ctx)
    await using server = await RotatingServer.start()
    const input = { store, server: server.url, requests: 1 }
    using first = new Child(WORKER, input)
    using second = new Child(WORKER, input)
    const spent = new Promise<void>((resolve) => {
      server.onRefresh = async (commit, response) => {
        server.onRefresh = null
        commit()
        resolve()
        await new Promise((gone) => response.once('close', gone))
      }
    })
    expect([await first.report(), await second.report()]).toEqual(['ready', 'ready'])
    first.tell('go')
    await spent
    second.tell('go')
    first.kill()
    expect(await second.report()).toBe('ReauthorizationRequiredError')
    expect(server.refreshed).toBe(1)
  })

  test('overtake a holder that is suspended, which then cannot save', async (ctx) => {
    const store = place(kind, 1500, ctx)
    using stalled = new Child(HOLDER, { store })
    const fence = (await stalled.report()) as number
    stalled.stop()
    using next = new Child(HOLDER, { store })
    expect(await next.report()).toBeGreaterThan(fence)
    next.tell('save')
    expect(await next.report()).toBe(true)
    expect(await next.ended()).toBe(0)
    stalled.go()
    stalled.tell('save')
    expect(await stalled.report()).toBe('LockLostError')
    expect(await stalled.ended()).toBe(0)
  })
})

describe('processes that share tokens in files', { timeout: LIMIT_MS }, () => {
  test('take over a dead lock one at a time, while holders are killed (trap 40)', async () => {
    const directory = folder
    const store = { directory, lockTtlMs: 1500 }
    await new FileTokenStore(store).save('key', token(0))
    // Whoever is inside has a file of its own: who finds one there was let in too early.
    const script = `
import { open, rm } from 'node:fs/promises'
${STORE}
for (let round = 0; round < input.rounds; round++) {
  const lock = await store.lock('key')
  const marker = input.store.directory + '/inside'
  await (await open(marker, 'wx')).close()
  if (round === input.dieAt) { await rm(marker); process.kill(process.pid, 'SIGKILL') }
  const seen = await store.load('key')
  await store.save('key', { ...seen, expiresAt: seen.expiresAt + 1 }, { lock, previous: seen })
  await rm(marker)
  await lock.release()
}
report('done')
process.exit()
`
    const fleet = Array.from({ length: 6 }, (_, n) => new Child(script, { store, rounds: 5, dieAt: n < 3 ? n : -1 }))
    const reports = await Promise.all(fleet.map((child) => child.report()))
    expect(reports).toEqual([undefined, undefined, undefined, ...Array.from({ length: 3 }, () => 'done')])
    await Promise.all(fleet.map((child) => child.ended()))
    // Three times 5 rounds, and those before three others died in their rounds 0, 1 and 2: no save was lost.
    expect((await new FileTokenStore(store).load('key'))?.expiresAt).toBe(1_700_000_000_000 + 15 + 0 + 1 + 2)
    // One that died may have been the last.
    await (await new FileTokenStore(store).lock('key')).release()
    expect(await readdir(directory)).toHaveLength(1)
  })

  test('a process with few files to open serves hundreds of users at once', async () => {
    const script = `
const store = new oauth.FileTokenStore(input)
const users = Array.from({ length: 400 }, (_, n) => 'user ' + n)
await Promise.all(users.map((user) => store.save(user, { accessToken: user, tokenType: 'Bearer' })))
const tokens = await Promise.all(users.map((user) => store.load(user)))
report(tokens.filter((token, n) => token?.accessToken === users[n]).length)
process.exit()
`
    using child = new Child(script, { directory: folder }, 100)
    expect(await child.report()).toBe(400)
  })

  test('a process that holds a lock and has nothing else to do may end', async () => {
    await writeFile(join(folder, 'unrelated'), '')
    using child = new Child(`await new oauth.FileTokenStore(input).lock('key'); process.stdin.destroy()`, {
      directory: folder,
    })
    expect(await child.ended()).toBe(0)
  })
})
