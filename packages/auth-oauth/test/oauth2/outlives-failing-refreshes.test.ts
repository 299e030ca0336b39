import { Session } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import {
  MemoryTokenStore,
  OAuth2Auth,
  OAuth2Client,
  type Token,
  type TokenData,
  type TokenStore,
} from '../../src/index.ts'
import { discover, tokenFor } from '../support/clients.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, type FakeAnswer, FakeServer } from '../support/fake-server.ts'
import { OidcServer } from '../support/oidc-server.ts'

// What happens when a renewal fails, or is lost on the way. Traps 8 and 31 of traps.md.

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

describe('a refresh whose answer is lost', () => {
  // Trap 8, against a real server: a second refresh with the same token would end the old access token as well.
  test('leaves the old access token in use, and is not repeated', async () => {
    await using server = await OidcServer.start()
    await using lossy = await FakeServer.start({
      '/token': async ({ form }, count) => {
        await using session = new Session()
        const response = await session.post(`${server.issuer}/token`, { data: form })
        return count === 1 ? { breaks: true } : { status: response.statusCode, body: response.json() }
      },
    })
    const direct = await discover(server, 'public')
    const token = await tokenFor(direct)
    const clock = new FakeClock()
    const metadata = { ...direct.metadata, token_endpoint: `${lossy.url}/token` }
    const client = new OAuth2Client({ metadata, clientId: 'public', clock })
    const auth = new OAuth2Auth({ client, token })
    await using session = new Session({ auth })
    server.granted.length = 0

    clock.pass(295_000)
    for (let index = 0; index < 5; index++) {
      expect((await session.get(`${server.issuer}/me`)).statusCode).toBe(200)
    }
    expect(server.granted).toEqual(['refresh_token'])

    // When it has ended there is nothing to lose: one attempt, and the server says that the refresh token is used up.
    clock.pass(6_000)
    await expect(session.get(`${server.issuer}/me`)).rejects.toMatchObject({ name: 'ReauthorizationRequiredError' })
    expect(lossy.seen).toHaveLength(2)
  })

  test('says that the outcome is not known once the old token has ended', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': () => ({ breaks: true }), '*': () => ({}) })
    const { session } = setUp(api, clock)
    clock.pass(11_000)
    await expect(session.get(`${api.url}/api`)).rejects.toMatchObject({
      name: 'TokenRequestError',
      error: 'transport_error',
      outcome: 'unknown',
    })
    await session.close()
  })
})

describe('a server that is busy', () => {
  // Trap 31.
  test.each([503, 429])('and answers %i is left alone as long as it wants', async (status) => {
    const clock = new FakeClock()
    const busy: FakeAnswer = { status, headers: { 'Retry-After': '4' }, body: 'busy' }
    await using api = await FakeServer.start({
      '/token': (_, count) => (count === 1 ? busy : bearer('t0ken-2')),
      '*': () => ({}),
    })
    const { session } = setUp(api, clock)
    await session.get(`${api.url}/api`)
    await session.get(`${api.url}/api`)
    expect(api.to('/token')).toHaveLength(1)
    clock.pass(4_100)
    await session.get(`${api.url}/api`)
    expect(api.to('/api').map(({ headers }) => headers.authorization)).toEqual([
      'Bearer t0ken-1',
      'Bearer t0ken-1',
      'Bearer t0ken-2',
    ])
    await session.close()
  })

  test('is named in the error, with the time it wants, once the old token has ended', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({
      '/token': () => ({ status: 503, headers: { 'Retry-After': '7' }, body: '<h1>busy</h1>' }),
    })
    const { session } = setUp(api, clock)
    clock.pass(11_000)
    await expect(session.get(`${api.url}/api`)).rejects.toMatchObject({
      status: 503,
      retryAfterMs: 7000,
      outcome: 'rejected',
      message: `POST ${api.url}/token answered 503: neither JSON nor a form (text/html)`,
    })
    // Until then it is not asked again.
    await expect(session.get(`${api.url}/api`)).rejects.toMatchObject({ status: 503 })
    expect(api.to('/token')).toHaveLength(1)
    clock.pass(7_100)
    await expect(session.get(`${api.url}/api`)).rejects.toMatchObject({ status: 503 })
    expect(api.to('/token')).toHaveLength(2)
    await session.close()
  })
})

test('a refused refresh token leaves the old access token in use until its end', async () => {
  const clock = new FakeClock()
  await using api = await FakeServer.start({
    '/token': () => ({ status: 400, body: { error: 'invalid_grant' } }),
    '*': () => ({}),
  })
  const { session } = setUp(api, clock)
  expect((await session.get(`${api.url}/api`)).statusCode).toBe(200)
  expect((await session.get(`${api.url}/api`)).statusCode).toBe(200)
  clock.pass(11_000)
  await expect(session.get(`${api.url}/api`)).rejects.toMatchObject({ name: 'ReauthorizationRequiredError' })
  expect(api.to('/token')).toHaveLength(1)
  await session.close()
})

test('a refresh token that another process has used up gives way to what that process has stored', async () => {
  const clock = new FakeClock()
  const inner = new MemoryTokenStore()
  const keys = new Set<string>()
  const store: TokenStore = {
    load: (key) => {
      keys.add(key)
      return inner.load(key)
    },
    save: (key, data, condition) => inner.save(key, data, condition),
    delete: (key) => inner.delete(key),
  }
  const theirs: TokenData = {
    accessToken: 'theirs',
    tokenType: 'Bearer',
    refreshToken: 'r3fresh-2',
    expiresAt: clock.now() + 9_000_000,
  }
  await using api = await FakeServer.start({
    '/token': async () => {
      for (const key of keys) await inner.save(key, theirs)
      return { status: 400, body: { error: 'invalid_grant' } }
    },
    '*': () => ({}),
  })
  const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
  const told: string[] = []
  const onToken = (token: Token): void => void told.push(token.accessToken)
  const auth = new OAuth2Auth({ client, store, token: { ...nearItsEnd(clock), expiresAt: clock.now() - 1 }, onToken })
  expect((await auth.token()).accessToken).toBe('theirs')
  expect(api.seen).toHaveLength(1)
  expect(told).toEqual([])
})

describe('the background', () => {
  test('renews a token when 80 % of its life are over, while requests use the old one', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': (_, count) => bearer(`t0ken-${count + 1}`), '*': () => ({}) })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    const data = { ...nearItsEnd(clock), obtainedAt: clock.now(), expiresAt: clock.now() + 3_600_000 }
    const auth = new OAuth2Auth({ client, token: data, background: true })
    await using session = new Session({ auth })
    await session.get(`${api.url}/api`)
    clock.pass(2_870_000)
    await session.get(`${api.url}/api`)
    expect(api.to('/token')).toHaveLength(0)
    clock.pass(20_000)
    await session.get(`${api.url}/api`)
    await expect.poll(async () => (await auth.token()).accessToken).toBe('t0ken-2')
    expect(api.to('/api').map(({ headers }) => headers.authorization)).toEqual(
      Array.from({ length: 3 }, () => 'Bearer t0ken-1'),
    )
    expect(api.to('/token')).toHaveLength(1)
  })

  test('leaves the refresh token alone until the end when an answer was lost', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': () => ({ breaks: true }), '*': () => ({}) })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    const data = { ...nearItsEnd(clock), obtainedAt: clock.now(), expiresAt: clock.now() + 1_000_000 }
    const auth = new OAuth2Auth({ client, token: data, background: true })
    await auth.token()
    clock.pass(850_000)
    await auth.token()
    await auth.settled()
    for (let index = 0; index < 4; index++) {
      clock.pass(35_000)
      expect((await auth.token()).accessToken).toBe('t0ken-1')
      await auth.settled()
    }
    expect(api.to('/token')).toHaveLength(1)
    clock.pass(35_000)
    await expect(auth.token()).rejects.toMatchObject({ outcome: 'unknown' })
    expect(api.to('/token')).toHaveLength(2)
  })

  test('is silent when it fails, and waits before it tries again', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': () => ({ status: 500 }), '*': () => ({}) })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    const data = { ...nearItsEnd(clock), obtainedAt: clock.now(), expiresAt: clock.now() + 1_000_000 }
    const auth = new OAuth2Auth({ client, token: data, background: true })
    await auth.token()
    clock.pass(850_000)
    await auth.token()
    await expect.poll(() => api.to('/token').length).toBe(1)
    for (let index = 0; index < 5; index++) await auth.token()
    clock.pass(31_000)
    await auth.token()
    await expect.poll(() => api.to('/token').length).toBe(2)
  })
})

describe('obtaining', () => {
  test('happens by a function where nothing can be refreshed', async () => {
    await using api = await FakeServer.start({
      '/token': ({ form }) =>
        form.get('grant_type') === 'password'
          ? bearer('from-password')
          : { status: 400, body: { error: 'invalid_grant' } },
      '*': () => ({}),
    })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
    const auth = new OAuth2Auth({
      client,
      token: { accessToken: 'old', tokenType: 'Bearer', refreshToken: 'used-up', expiresAt: 1 },
      obtain: (from, old, call) => {
        expect(old?.accessToken).toBe('old')
        return from.password('ahab', 'ivory', call)
      },
    })
    await using session = new Session({ auth })
    await session.get(`${api.url}/api`)
    expect(api.to('/token').map(({ form }) => form.get('grant_type'))).toEqual(['refresh_token', 'password'])
    expect(api.to('/api')[0]?.headers.authorization).toBe('Bearer from-password')
  })

  test('must give a token', async () => {
    const client = new OAuth2Client({ metadata: { token_endpoint: 'https://server.example/token' }, clientId: 'c' })
    const auth = new OAuth2Auth({ client, obtain: () => Promise.resolve('t0ken' as never) })
    await expect(auth.token()).rejects.toThrow('obtain() must resolve with a Token')
  })

  test('needs the user where there is neither token nor function', async () => {
    await using api = await FakeServer.start({})
    const auth = new OAuth2Auth({ client: new OAuth2Client({ metadata: api.metadata, clientId: 'c' }) })
    await expect(auth.token()).rejects.toThrow('There is no token yet: the user has to sign in')
  })
})
