import { getEventListeners } from 'node:events'
import { Retry, Session } from '@entreat/core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
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
import { bearer, FakeServer } from '../support/fake-server.ts'
import { basicClient } from '../support/oidc-clients.ts'
import { OidcServer } from '../support/oidc-server.ts'

// One renewal for everybody who waits for it. Traps 7, 10 to 13 and 18 of traps.md.

let server: OidcServer
let client: OAuth2Client
let token: Token

beforeAll(async () => {
  server = await OidcServer.start()
  client = await discover(server, basicClient.id)
})

afterAll(() => server.close())

beforeEach(async () => {
  token = await tokenFor(client)
  server.granted.length = 0
  server.refused.length = 0
})

/** The same token, at its end. */
function ended(data: TokenData): TokenData {
  return { ...data, expiresAt: Date.now() - 1000 }
}

function many<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)))
}

describe('with a server that uses refresh tokens up', () => {
  // Trap 7.
  test('50 requests with an ended token refresh it once', async () => {
    const auth = new OAuth2Auth({ client, token: ended(token.toData()) })
    await using session = new Session({ auth })
    const responses = await many(50, () => session.get(`${server.issuer}/me`))
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 50 }, () => 200))
    expect(server.granted).toEqual(['refresh_token'])
    expect(server.refused).toEqual([])
  })

  test('so do several Sessions and instances that share a store', async () => {
    const store = new MemoryTokenStore()
    await new OAuth2Auth({ client, store }).setToken(await client.refresh(token))
    server.granted.length = 0
    const sessions = Array.from({ length: 5 }, () => new Session({ auth: new OAuth2Auth({ client, store }) }))
    const auth = new OAuth2Auth({ client, store })
    auth.invalidate()
    const responses = await many(25, (index) => sessions[index % 5]!.get(`${server.issuer}/me`))
    expect(new Set(responses.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    expect(server.granted).toEqual(['refresh_token'])
    await Promise.all(sessions.map((session) => session.close()))
  })

  test('so do requests over a store that has no lock', async () => {
    const inner = new MemoryTokenStore()
    const store: TokenStore = {
      load: (key) => inner.load(key),
      save: (key, data, condition) => inner.save(key, data, condition),
      delete: (key) => inner.delete(key),
    }
    const auth = new OAuth2Auth({ client, store, token: ended(token.toData()) })
    await using session = new Session({ auth })
    const responses = await many(20, () => session.get(`${server.issuer}/me`))
    expect(new Set(responses.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    expect(server.granted).toEqual(['refresh_token'])
  })

  test('processes over a store that has no lock end up with one token all the same', async () => {
    // Two instances over two stores that share their content: what two processes would be.
    const inner = new MemoryTokenStore()
    const stores = [0, 1].map((): TokenStore => ({
      load: (key) => inner.load(key),
      save: (key, data, condition) => inner.save(key, data, condition && { previous: condition.previous ?? null }),
      delete: (key) => inner.delete(key),
    }))
    await new OAuth2Auth({ client, store: stores[0]! }).setToken(token)
    const [first, second] = stores.map((store) => new OAuth2Auth({ client, store }))
    expect((await second!.token()).accessToken).toBe(token.accessToken)
    first!.invalidate()
    second!.invalidate()
    const fresh = await first!.token()
    // The second finds what the first has stored, instead of sending a refresh token that is used up.
    expect((await second!.token()).accessToken).toBe(fresh.accessToken)
    expect(server.granted).toEqual(['refresh_token'])
    expect(server.refused).toEqual([])
  })

  // Trap 13: the clock says fresh, the server says 401.
  test('10 requests whose token the server has ended refresh it once', async () => {
    const auth = new OAuth2Auth({ client, token })
    await using session = new Session({ auth })
    expect((await session.get(`${server.issuer}/me`)).statusCode).toBe(200)
    const stored = await server.provider.AccessToken.find(token.accessToken)
    await stored?.destroy()
    const responses = await many(10, () => session.get(`${server.issuer}/me`))
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(server.granted).toEqual(['refresh_token'])
    expect(responses[0]?.history.map(({ statusCode }) => statusCode)).toEqual([401])
  })

  test('a refused refresh token is not sent again, however many wait', async () => {
    await client.revoke(token)
    const auth = new OAuth2Auth({ client, token: ended(token.toData()) })
    await using session = new Session({ auth })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => session.get(`${server.issuer}/me`)))
    const again = await Promise.allSettled(Array.from({ length: 5 }, () => session.get(`${server.issuer}/me`)))
    const names = [...outcomes, ...again].map((outcome) => (outcome as PromiseRejectedResult).reason as Error)
    expect(new Set(names.map(({ name }) => name))).toEqual(new Set(['ReauthorizationRequiredError']))
    expect(names[0]?.cause).toMatchObject({ name: 'InvalidGrantError' })
    expect(server.refused).toEqual(['refresh_token'])
  })
})

describe('a caller that gives up', () => {
  /** A server whose token endpoint answers when it is told to. */
  async function slowServer(): Promise<{ api: FakeServer; answer: () => void; asked: Promise<void> }> {
    let answer = (): void => {}
    let ask = (): void => {}
    const asked = new Promise<void>((resolve) => (ask = resolve))
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const api = await FakeServer.start({
      '/token': async () => {
        ask()
        await answered
        return bearer('t0ken-2')
      },
      '/api': () => ({ body: { ok: true } }),
    })
    return { api, answer, asked }
  }

  const seed: TokenData = { accessToken: 't0ken-1', tokenType: 'Bearer', refreshToken: 'r3fresh', expiresAt: 1 }

  // Trap 11.
  test('does not end the renewal that others wait for', async () => {
    const { api, answer, asked } = await slowServer()
    await using _ = api
    const auth = new OAuth2Auth({ client: new OAuth2Client({ metadata: api.metadata, clientId: 'c' }), token: seed })
    await using session = new Session({ auth })
    const leaving = new AbortController()
    const first = session.get(`${api.url}/api`, { signal: leaving.signal })
    await asked
    const second = session.get(`${api.url}/api`)
    leaving.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    answer()
    expect((await second).statusCode).toBe(200)
    expect(api.to('/token')).toHaveLength(1)
    expect(api.to('/api')).toHaveLength(1)
  })

  test('does not end it by a deadline of its own either', async () => {
    const { api, answer, asked } = await slowServer()
    await using _ = api
    const auth = new OAuth2Auth({ client: new OAuth2Client({ metadata: api.metadata, clientId: 'c' }), token: seed })
    await using session = new Session({ auth })
    const first = session.get(`${api.url}/api`, { timeout: { total: 100 } })
    const second = session.get(`${api.url}/api`)
    await asked
    await expect(first).rejects.toMatchObject({ name: 'TotalTimeout' })
    answer()
    expect((await second).statusCode).toBe(200)
    expect(api.to('/token')).toHaveLength(1)
  })

  // Trap 12.
  test('leaves no rejection behind that nobody handles', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const { api, answer, asked } = await slowServer()
    const auth = new OAuth2Auth({ client: new OAuth2Client({ metadata: api.metadata, clientId: 'c' }), token: seed })
    await using session = new Session({ auth })
    const leaving = new AbortController()
    const all = Array.from({ length: 5 }, () => session.get(`${api.url}/api`, { signal: leaving.signal }))
    await asked
    leaving.abort(new Error('enough'))
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(
      Array.from({ length: 5 }, () => 'rejected'),
    )
    // The renewal fails with nobody waiting.
    await api.close()
    answer()
    await expect(auth.token({ signal: AbortSignal.timeout(5000) })).rejects.toThrow()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  test('gets the reason of its signal at once, without a Session too', async () => {
    const { api, answer, asked } = await slowServer()
    await using _ = api
    const auth = new OAuth2Auth({ client: new OAuth2Client({ metadata: api.metadata, clientId: 'c' }), token: seed })
    const leaving = new AbortController()
    const first = auth.token({ signal: leaving.signal })
    await asked
    leaving.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    answer()
    const { signal } = new AbortController()
    expect((await auth.token({ signal })).accessToken).toBe('t0ken-2')
    expect(api.to('/token')).toHaveLength(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('and one that has given up before asks for nothing', async () => {
    const { api } = await slowServer()
    await using _ = api
    const auth = new OAuth2Auth({ client: new OAuth2Client({ metadata: api.metadata, clientId: 'c' }), token: seed })
    await expect(auth.token({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    expect(api.seen).toEqual([])
  })
})

// Trap 10.
test('retries of the Session do not repeat a refresh', async () => {
  await using api = await FakeServer.start({
    '/token': () => ({ status: 503, body: { error: 'temporarily_unavailable' } }),
  })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  const data: TokenData = { accessToken: 't0ken-1', tokenType: 'Bearer', refreshToken: 'r3fresh', expiresAt: 1 }
  // One that would repeat anything.
  const retry = new Retry({ total: 3, allowedMethods: null, statusForcelist: [503] })
  await using session = new Session({ auth: new OAuth2Auth({ client: fake, token: data }), retry })
  await expect(session.get(`${api.url}/api`)).rejects.toMatchObject({ name: 'TokenRequestError', status: 503 })
  expect(api.to('/token')).toHaveLength(1)

  const own = new OAuth2Client({ metadata: api.metadata, clientId: 'c', session })
  await expect(own.clientCredentials()).rejects.toMatchObject({ status: 503 })
  expect(api.to('/token')).toHaveLength(2)
})

test('a caller is not punished for a Session that has no way to the server', async () => {
  await using api = await FakeServer.start({ '/token': () => bearer('t0ken'), '/api': () => ({}) })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  const auth = new OAuth2Auth({ client: fake, obtain: 'client_credentials' })
  await using lost = new Session({ auth, proxies: { all: 'http://127.0.0.1:9' } })
  await using session = new Session({ auth })
  const [first, second] = await Promise.allSettled([lost.get(`${api.url}/api`), session.get(`${api.url}/api`)])
  expect(first).toMatchObject({ status: 'rejected', reason: { outcome: 'not-sent' } })
  expect(second).toMatchObject({ status: 'fulfilled', value: { statusCode: 200 } })
})

test('the same token with a later end, renewed by another process, is not renewed again', async () => {
  const clock = new FakeClock()
  await using api = await FakeServer.start({ '/token': () => bearer('t0ken-2') })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
  const stored: { data: TokenData } = {
    data: { accessToken: 't0ken', tokenType: 'Bearer', expiresAt: clock.now() + 60_000 },
  }
  const store: TokenStore = {
    load: () => Promise.resolve(stored.data),
    save: () => Promise.resolve(true),
    delete: () => Promise.resolve(),
  }
  const auth = new OAuth2Auth({ client: fake, store, obtain: 'client_credentials' })
  expect((await auth.token()).accessToken).toBe('t0ken')
  stored.data = { ...stored.data, expiresAt: clock.now() + 600_000 }
  clock.pass(61_000)
  expect((await auth.token()).accessToken).toBe('t0ken')
  expect(api.seen).toEqual([])
})

test('a token can be declared bad before it was ever used', async () => {
  await using api = await FakeServer.start({ '/token': () => bearer('t0ken-2'), '/api': () => ({}) })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  const data: TokenData = { accessToken: 't0ken-1', tokenType: 'Bearer', refreshToken: 'r3fresh' }
  const auth = new OAuth2Auth({ client: fake, token: data })
  auth.invalidate()
  expect((await auth.token()).accessToken).toBe('t0ken-2')
  auth.invalidate('t0ken-1')
  expect((await auth.token()).accessToken).toBe('t0ken-2')
  expect(api.to('/token')).toHaveLength(1)
})

test('a program that waits for renewals to settle loses none when it closes its Session', async () => {
  const clock = new FakeClock()
  let answer = (): void => {}
  const answered = new Promise<void>((resolve) => (answer = resolve))
  await using api = await FakeServer.start({
    '/token': async () => {
      await answered
      return bearer('t0ken-2', { refresh_token: 'r3fresh-2' })
    },
    '/api': () => ({}),
  })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
  const store = new MemoryTokenStore()
  const obtainedAt = clock.now() - 900_000
  const data: TokenData = {
    accessToken: 't0ken-1',
    tokenType: 'Bearer',
    refreshToken: 'r3fresh-1',
    obtainedAt,
    expiresAt: clock.now() + 100_000,
  }
  const auth = new OAuth2Auth({ client: fake, store, token: data, background: true })
  const session = new Session({ auth })
  await session.get(`${api.url}/api`)
  await session.get(`${api.url}/api`)
  await expect.poll(() => api.to('/token').length).toBe(1)
  answer()
  await auth.settled()
  await session.close()
  expect((await auth.token()).accessToken).toBe('t0ken-2')
  await auth.settled()
})

// Trap 18.
test('a token that lives for one second is not renewed for every request', async () => {
  const clock = new FakeClock()
  await using api = await FakeServer.start({
    '/token': (_, count) => bearer(`t0ken-${count}`, { expires_in: 1 }),
    '/api': () => ({}),
  })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
  await using session = new Session({ auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials' }) })
  for (let index = 0; index < 20; index++) {
    await session.get(`${api.url}/api`)
    clock.pass(35)
  }
  expect(api.to('/token')).toHaveLength(1)
  clock.pass(100)
  await session.get(`${api.url}/api`)
  expect(api.to('/token')).toHaveLength(2)
})

test('1,000 requests at once share one grant and leave nothing open', async () => {
  await using api = await FakeServer.start({ '/token': () => bearer('t0ken'), '/api': () => ({}) })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  const session = new Session({ auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials' }) })
  const responses = await many(1000, () => session.get(`${api.url}/api`))
  expect(responses.every(({ statusCode }) => statusCode === 200)).toBe(true)
  expect(api.to('/token')).toHaveLength(1)
  await session.close()
  await expect.poll(() => api.server.openConnections).toBe(0)
})
