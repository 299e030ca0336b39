import { generateKeyPairSync } from 'node:crypto'
import { Session } from '@entreat/core'
import { MemoryTokenStore } from '../../src/token-store/memory-token-store.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientAuth, OAuth2Auth, OAuth2Client, Token, TokenRequestError } from '../../src/index.ts'
import { discover, tokenFor } from '../support/clients.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'
import { OidcServer } from '../support/oidc-server.ts'

// DPoP, RFC 9449. Traps 19 to 23.

let server: OidcServer
let strict: OidcServer

beforeAll(async () => {
  server = await OidcServer.start()
  strict = await OidcServer.start({ requiresNonce: true })
})

afterAll(() => Promise.all([server.close(), strict.close()]))

describe('against a certified server', () => {
  test.each(['ES256', 'EdDSA'])('tokens are bound to a key for %s', async (alg) => {
    const key =
      alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
        : generateKeyPairSync('ed25519').privateKey
    const client = await discover(server, 'bound', { dpop: { key, alg } })
    const token = await tokenFor(client)
    expect(token.tokenType).toBe('DPoP')
    expect((await client.userinfo(token)).sub).toBe('ishmael')
    expect((await client.refresh(token)).tokenType).toBe('DPoP')
    expect(token.toData().dpopKey).toBeUndefined()
  })

  test('nonces are answered, at the server and at the API', async () => {
    const client = await discover(strict, 'bound', { dpop: true })
    const token = await tokenFor(client)
    const auth = new OAuth2Auth({ client, token })
    await using session = new Session({ auth })
    const before = strict.requests.length
    const response = await session.get(`${strict.issuer}/me`)
    expect(response.json()).toMatchObject({ sub: 'ishmael' })
    expect(response.history.length).toBeLessThanOrEqual(1)
    // From now on the nonce is known.
    expect((await session.get(`${strict.issuer}/me`)).history).toEqual([])
    expect(strict.requests.length - before).toBeLessThanOrEqual(3)
  })

  // Trap 19: outside of 300 seconds the server asks for its nonce instead.
  test.each([-600, 600])('a clock that is off by %i seconds does not matter', async (seconds) => {
    const clock = new FakeClock(Date.now() + seconds * 1000)
    const client = await discover(strict, 'bound', { dpop: true, clock })
    expect((await client.userinfo(await tokenFor(client))).sub).toBe('ishmael')
  })

  // Trap 22.
  test('a bound token is no good as a Bearer token', async () => {
    const client = await discover(server, 'bound', { dpop: true })
    const token = await tokenFor(client)
    await using session = new Session()
    const response = await session.get(`${server.issuer}/me`, {
      headers: { Authorization: `Bearer ${token.accessToken}` },
    })
    expect(response.statusCode).toBe(401)
  })

  // Trap 23.
  test('a key that was made here is there again after a restart', async () => {
    const store = new MemoryTokenStore()
    const client = await discover(server, 'bound', { dpop: true })
    await new OAuth2Auth({ client, store }).setToken(await tokenFor(client))

    const restarted = await discover(server, 'bound', { dpop: true })
    const auth = new OAuth2Auth({ client: restarted, store })
    await using session = new Session({ auth })
    expect((await session.get(`${server.issuer}/me`)).statusCode).toBe(200)
    auth.invalidate()
    expect((await session.get(`${server.issuer}/me`)).statusCode).toBe(200)
    expect(server.refused).toEqual([])
  })
})

describe('proofs', () => {
  // Trap 20.
  test('are new for each attempt, name no query, and hash the token at the API alone', async () => {
    await using api = await FakeServer.start({
      '/token': () => bearer('t0ken-1', { token_type: 'DPoP' }),
      '*': () => ({}),
    })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', auth: clientAuth.none(), dpop: true })
    const auth = new OAuth2Auth({ client, obtain: 'client_credentials' })
    await using session = new Session({ auth })
    await session.get(`${api.url}/things?page=2#top`)
    await session.get(`${api.url}/things?page=3`)

    const proofs = api.seen.map(({ headers }) => claims(String(headers['dpop'])))
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(3)
    expect(proofs.map(({ htu, htm }) => `${String(htm)} ${String(htu)}`)).toEqual([
      `POST ${api.url}/token`,
      `GET ${api.url}/things`,
      `GET ${api.url}/things`,
    ])
    expect(proofs.map(({ ath }) => typeof ath)).toEqual(['undefined', 'string', 'string'])
  })

  // Trap 21.
  test('carry the nonce of the origin they go to', async () => {
    const nonceOf = (request: { headers: Record<string, unknown> }): unknown =>
      claims(String(request.headers['dpop']))['nonce']
    await using first = await FakeServer.start({
      '/token': () => ({ ...bearer('t0ken-1', { token_type: 'DPoP' }), headers: { 'DPoP-Nonce': 'of-the-server' } }),
    })
    await using api = await FakeServer.start({
      '*': (_, count) => ({ headers: { 'DPoP-Nonce': `of-the-api-${count}` } }),
    })
    const client = new OAuth2Client({ metadata: first.metadata, clientId: 'c', dpop: true })
    const auth = new OAuth2Auth({ client, obtain: 'client_credentials', origins: [api.url] })
    await using session = new Session({ auth })
    for (let index = 0; index < 3; index++) await session.get(`${api.url}/things`)
    auth.invalidate()
    await session.get(`${api.url}/things`)
    expect(first.seen.map(nonceOf)).toEqual([undefined, 'of-the-server'])
    // Learned from successes too.
    expect(api.seen.map(nonceOf)).toEqual([undefined, 'of-the-api-1', 'of-the-api-2', 'of-the-api-3'])
  })

  test('are repeated once for a nonce, not for ever', async () => {
    const asks = {
      status: 401,
      headers: { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': 'again' },
    }
    await using api = await FakeServer.start({
      '/token': () => bearer('t0ken-1', { token_type: 'DPoP' }),
      '/hostile': () => ({ status: 400, headers: { 'DPoP-Nonce': 'again' }, body: { error: 'use_dpop_nonce' } }),
      '*': () => asks,
    })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', dpop: true })
    await using session = new Session({ auth: new OAuth2Auth({ client, obtain: 'client_credentials' }) })
    expect((await session.get(`${api.url}/things`)).statusCode).toBe(401)
    expect(api.to('/things')).toHaveLength(2)
    async function* once(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('piece')
    }
    expect((await session.post(`${api.url}/stream`, { data: once() })).statusCode).toBe(401)
    expect(api.to('/stream')).toHaveLength(1)

    const token_endpoint = `${api.url}/hostile`
    const hostile = new OAuth2Client({ metadata: { token_endpoint }, clientId: 'c', dpop: true })
    await expect(hostile.clientCredentials()).rejects.toMatchObject({ error: 'use_dpop_nonce' })
    expect(api.to('/hostile')).toHaveLength(2)
  })
})

// Trap 22.
test('a Bearer token is refused where a bound one was asked for', async () => {
  await using plain = await FakeServer.start({ '/token': () => bearer('t0ken-1') })
  const client = new OAuth2Client({ metadata: plain.metadata, clientId: 'c', dpop: true })
  const error = await client.clientCredentials().catch((error: unknown) => error)
  expect(error).toBeInstanceOf(TokenRequestError)
  expect(String(error)).toContain('although DPoP was asked for')
})

test('a token whose key is not there says so', async () => {
  await using api = await FakeServer.start({ '*': () => ({}) })
  const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c' })
  const token = new Token({ accessToken: 't0ken', tokenType: 'DPoP' })
  await using session = new Session({ auth: new OAuth2Auth({ client, token }) })
  await expect(session.get(api.url)).rejects.toThrow('give the client the `dpop` key it was made with')
  expect(api.seen).toEqual([])
})

function claims(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}
