import { Session } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import { OAuth2Auth, OAuth2Client, providerProfiles } from '../../src/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'

// What a 401 leads to, and what it does not. Traps 14 and 15 of traps.md; 13 is in refreshes-once.

describe('a 401', () => {
  const unauthorized = { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } }

  async function scenario(
    answer: { status: number; headers?: Record<string, string> },
    options: { retryOn401?: boolean } = {},
  ): Promise<{ api: FakeServer; session: Session }> {
    const api = await FakeServer.start({ '/token': (_, count) => bearer(`t0ken-${count}`), '/api': () => answer })
    const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
    return {
      api,
      session: new Session({ auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials', ...options }) }),
    }
  }

  // Trap 14.
  test('leads to one more attempt, not to an endless loop', async () => {
    const { api, session } = await scenario(unauthorized)
    const response = await session.get(`${api.url}/api`)
    expect(response.statusCode).toBe(401)
    expect(api.to('/api').map(({ headers }) => headers.authorization)).toEqual(['Bearer t0ken-1', 'Bearer t0ken-2'])
    await session.close()
    await api.close()
  })

  test('from an API that refuses new tokens leads to no more renewals for a while', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({
      '/token': (_, count) => bearer(`t0ken-${count}`),
      '/bad': () => unauthorized,
      '/good': ({ headers }) => (headers.authorization === 'Bearer t0ken-2' ? { ...unauthorized } : {}),
    })
    const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    await using session = new Session({ auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials' }) })
    for (let index = 0; index < 5; index++) expect((await session.get(`${api.url}/bad`)).statusCode).toBe(401)
    expect(api.to('/bad')).toHaveLength(6)
    expect(api.to('/token')).toHaveLength(2)
    clock.pass(31_000)
    expect((await session.get(`${api.url}/good`)).statusCode).toBe(200)
    expect(api.to('/token')).toHaveLength(3)
  })

  test.each([
    ['403', { status: 403, headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' } }],
    ['401 for another reason', { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' } }],
  ])('is something else than a %s, which no new token heals', async (_, answer) => {
    const { api, session } = await scenario(answer)
    expect((await session.get(`${api.url}/api`)).statusCode).toBe(answer.status)
    expect(api.to('/token')).toHaveLength(1)
    expect(api.to('/api')).toHaveLength(1)
    await session.close()
    await api.close()
  })

  test('without any challenge counts too', async () => {
    const { api, session } = await scenario({ status: 401 })
    await session.get(`${api.url}/api`)
    expect(api.to('/api')).toHaveLength(2)
    await session.close()
    await api.close()
  })

  test('is given to the caller where retries are off', async () => {
    const { api, session } = await scenario(unauthorized, { retryOn401: false })
    expect((await session.get(`${api.url}/api`)).statusCode).toBe(401)
    expect(api.to('/api')).toHaveLength(1)
    await session.close()
    await api.close()
  })

  // Trap 15.
  test('to a stream that cannot be sent again is given to the caller', async () => {
    const { api, session } = await scenario(unauthorized)
    async function* once(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('piece')
    }
    const response = await session.post(`${api.url}/api`, { data: once() })
    expect(response.statusCode).toBe(401)
    expect(api.to('/api')).toHaveLength(1)
    await session.close()
    await api.close()
  })

  test('to a body that can be sent again sends all of it again', async () => {
    const { api, session } = await scenario(unauthorized)
    await session.post(`${api.url}/api`, { data: { page: 2 } })
    expect(api.to('/api').map(({ form }) => String(form))).toEqual(['page=2', 'page=2'])
    await session.close()
    await api.close()
  })
})

test('a request with its token in the query keeps its spelling, and carries one token each time', async () => {
  await using api = await FakeServer.start({
    '/token': (_, count) => bearer(`t0ken-${count}`),
    '/api': () => ({ status: 401 }),
  })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  await using session = new Session({
    auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials', placement: 'query' }),
  })
  await session.get(`${api.url}/api?a=~%20b`)
  expect(api.server.requests.filter(({ method }) => method === 'GET').map(({ url }) => url)).toEqual([
    '/api?a=~%20b&access_token=t0ken-1',
    '/api?a=~%20b&access_token=t0ken-2',
  ])
})

test('a form that carries the token carries one each time', async () => {
  await using api = await FakeServer.start({
    '/token': (_, count) => bearer(`t0ken-${count}`),
    '/api': () => ({ status: 401 }),
  })
  const profile = providerProfiles.slack
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c', profile })
  await using session = new Session({ auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials' }) })
  await session.post(`${api.url}/api`, { data: { text: 'hi' } })
  expect(api.to('/api').map(({ form }) => String(form))).toEqual(['text=hi&token=t0ken-1', 'text=hi&token=t0ken-2'])
})

test('a server that gives the same token again is asked once', async () => {
  await using api = await FakeServer.start({ '/token': () => bearer('t0ken'), '/api': () => ({ status: 401 }) })
  const fake = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  await using session = new Session({ auth: new OAuth2Auth({ client: fake, obtain: 'client_credentials' }) })
  expect((await session.get(`${api.url}/api`)).statusCode).toBe(401)
  expect(api.to('/token')).toHaveLength(2)
  expect(api.to('/api')).toHaveLength(2)
})
