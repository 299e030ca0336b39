import { Session } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import {
  LockLostError,
  MemoryTokenStore,
  OAuth2Auth,
  OAuth2Client,
  type SaveCondition,
  type TokenData,
  TokenStoreError,
} from '../../src/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'

// A new token is stored before it is used, and is not lost if it cannot be. Traps 9 and 41 of traps.md.

/** A token in the last seconds of its life: inside the leeway, but good. */
function nearItsEnd(clock: FakeClock): TokenData {
  const obtainedAt = clock.now() - 3_590_000
  return {
    accessToken: 't0ken-1',
    tokenType: 'Bearer',
    refreshToken: 'r3fresh-1',
    obtainedAt,
    expiresAt: clock.now() + 10_000,
  }
}

function setUp(
  api: FakeServer,
  clock: FakeClock,
  options: { store?: MemoryTokenStore; background?: boolean } = {},
): { session: Session; auth: OAuth2Auth } {
  const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
  const auth = new OAuth2Auth({ client, token: nearItsEnd(clock), ...options })
  return { session: new Session({ auth }), auth }
}

describe('a store', () => {
  /** A store that fails as often as it is told. */
  class FailingStore extends MemoryTokenStore {
    failures: Error[] = []
    readonly keys = new Set<string>()

    override save(key: string, token: TokenData, condition?: SaveCondition): Promise<boolean> {
      this.keys.add(key)
      const failure = this.failures.shift()
      return failure === undefined ? super.save(key, token, condition) : Promise.reject(failure)
    }
  }

  test('that is full does not lose the new token: it is stored before it is used', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({
      '/token': (_, count) => bearer(`t0ken-${count + 1}`, { refresh_token: `r3fresh-${count + 1}` }),
      '*': () => ({}),
    })
    const store = new FailingStore()
    const { session, auth } = setUp(api, clock, { store })
    await auth.setToken(await auth.token())
    clock.pass(4_000_000)
    store.failures = [new TokenStoreError('disk full'), new TokenStoreError('disk full')]
    await expect(session.get(`${api.url}/api`)).rejects.toThrow('disk full')
    await expect(session.get(`${api.url}/api`)).rejects.toThrow('disk full')
    expect(api.to('/api')).toEqual([])
    expect((await session.get(`${api.url}/api`)).statusCode).toBe(200)
    // One more refresh than before the failures would have used the lost token.
    expect(api.to('/token').map(({ form }) => form.get('refresh_token'))).toEqual(['r3fresh-1', 'r3fresh-2'])
    await session.close()
  })

  test('in which somebody signed in anew meanwhile keeps that token, not the one it did not take', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': () => bearer('ours'), '*': () => ({}) })
    const store = new FailingStore()
    const { session, auth } = setUp(api, clock, { store })
    await auth.token()
    clock.pass(11_000)
    store.failures = [new TokenStoreError('disk full')]
    auth.invalidate()
    await expect(session.get(`${api.url}/api`)).rejects.toThrow('disk full')
    const theirs: TokenData = { accessToken: 'theirs', tokenType: 'Bearer', expiresAt: clock.now() + 9_000_000 }
    // Another process: it knows nothing of what this one holds.
    for (const key of store.keys) await store.save(key, theirs)
    await session.get(`${api.url}/api`)
    expect(api.to('/api').map(({ headers }) => headers.authorization)).toEqual(['Bearer theirs'])
    await session.close()
  })

  test('whose lock was lost has the last word', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': () => bearer('ours'), '*': () => ({}) })
    const store = new FailingStore()
    const { session } = setUp(api, clock, { store })
    const save = store.save.bind(store)
    const theirs: TokenData = { accessToken: 'theirs', tokenType: 'Bearer', expiresAt: clock.now() + 9_000_000 }
    store.save = async (key, token, condition) => {
      if (token.accessToken !== 'ours') return save(key, token, condition)
      await save(key, theirs)
      throw new LockLostError('too late')
    }
    await session.get(`${api.url}/api`)
    expect(api.to('/api')[0]?.headers.authorization).toBe('Bearer theirs')
    await session.close()
  })

  test('has the new token before anyone is told of it, and before it is used', async () => {
    const clock = new FakeClock()
    const store = new MemoryTokenStore()
    const order: string[] = []
    const save = store.save.bind(store)
    store.save = (key, token, condition) => {
      order.push(`save ${token.accessToken}`)
      return save(key, token, condition)
    }
    await using api = await FakeServer.start({
      '/token': () => bearer('t0ken-1'),
      '/api': () => {
        order.push('request')
        return {}
      },
    })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    const auth = new OAuth2Auth({
      client,
      store,
      obtain: 'client_credentials',
      onToken: async (token, reason) => {
        await Promise.resolve()
        order.push(`told ${token.accessToken} ${reason}`)
      },
    })
    await using session = new Session({ auth })
    await session.get(`${api.url}/api`)
    expect(order).toEqual(['save t0ken-1', 'told t0ken-1 initial', 'request'])
  })
})

test('tokens of other users, servers, clients, scopes and resources do not meet in a store', async () => {
  // Trap 41.
  const store = new MemoryTokenStore()
  const metadata = { issuer: 'https://one.example', token_endpoint: 'https://one.example/token' }
  const base = { metadata, clientId: 'c', scope: 'b a' }
  const holder = new OAuth2Auth({ client: new OAuth2Client(base), store, key: 'ishmael', token: good })
  expect((await holder.token()).accessToken).toBe('g00d')
  const same = new OAuth2Auth({ client: new OAuth2Client({ ...base, scope: ['a', 'b'] }), store, key: 'ishmael' })
  expect((await same.token()).accessToken).toBe('g00d')
  const others = [
    new OAuth2Auth({ client: new OAuth2Client(base), store, key: 'ahab' }),
    new OAuth2Auth({ client: new OAuth2Client(base), store }),
    ...[
      { metadata: { ...metadata, issuer: 'https://two.example' } },
      { clientId: 'd' },
      { scope: 'a' },
      { resource: 'https://api.example' },
    ].map((other) => new OAuth2Auth({ client: new OAuth2Client({ ...base, ...other }), store, key: 'ishmael' })),
  ]
  for (const other of others)
    await expect(other.token()).rejects.toMatchObject({ name: 'ReauthorizationRequiredError' })
})

const good: TokenData = { accessToken: 'g00d', tokenType: 'Bearer' }
