import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { clientAuth, MemoryTokenStore, OAuth2Auth, OAuth2Client } from '../../src/index.ts'
import { discover } from '../support/clients.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'
import { clientKeys, OidcServer } from '../support/oidc-server.ts'

// Clocks that jump, and clocks that differ. Traps 16 and 24.

describe('a clock that is set while a token is in use', () => {
  // Trap 16.
  test.each([1, -1])('by %i hours makes it neither end early nor live on', async (hours) => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': (_, count) => bearer(`t0ken-${count}`, { expires_in: 600 }) })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    const auth = new OAuth2Auth({ client, obtain: 'client_credentials' })
    await auth.token()
    clock.jump(hours * 3_600_000)
    clock.pass(500_000)
    expect((await auth.token()).accessToken).toBe('t0ken-1')
    clock.pass(101_000)
    expect((await auth.token()).accessToken).toBe('t0ken-2')
  })

  test('back does not make a stored token live longer than it was given', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({ '/token': (_, count) => bearer(`t0ken-${count}`, { expires_in: 600 }) })
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    const store = new MemoryTokenStore()
    await new OAuth2Auth({ client, store, obtain: 'client_credentials', key: 'first' }).token()
    const token = await client.clientCredentials()
    clock.jump(-3_600_000)
    const auth = new OAuth2Auth({ client, obtain: 'client_credentials', token })
    expect((await auth.token()).accessToken).toBe('t0ken-2')
    clock.pass(601_000)
    expect((await auth.token()).accessToken).toBe('t0ken-3')
  })

  test('does not matter to a lifetime, which is counted from before the request was sent', async () => {
    const clock = new FakeClock()
    await using api = await FakeServer.start({
      '/token': () => {
        clock.pass(7_000)
        return bearer('t0ken-1', { expires_in: 600 })
      },
    })
    const asked = clock.now()
    const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
    expect((await client.clientCredentials()).expiresAt).toBe(asked + 600_000)
  })
})

describe('a clock that differs from the server’s', () => {
  // Trap 24. The server refuses an assertion that has ended, or is from the future.
  test.each([-70, 70, -3600, 3600])('by %i seconds is corrected by what the server says', async (seconds) => {
    await using server = await OidcServer.start()
    const clock = new FakeClock(Date.now() + seconds * 1000)
    const auth = clientAuth.privateKeyJwt(clientKeys.ec)
    const client = await discover(server, 'key-ES256', { auth, clock })
    expect((await client.clientCredentials()).tokenType).toBe('Bearer')
    expect(server.refused).toEqual([])
  })

  test('is learned from a refusal where nothing was known before, once', async () => {
    await using server = await OidcServer.start()
    const { metadata } = await discover(server, 'key-ES256')
    const clock = new FakeClock(Date.now() - 3_600_000)
    const auth = clientAuth.privateKeyJwt(clientKeys.ec)
    const client = new OAuth2Client({ metadata, clientId: 'key-ES256', auth, clock })
    expect((await client.clientCredentials()).tokenType).toBe('Bearer')
    expect((await client.clientCredentials()).tokenType).toBe('Bearer')
    expect(server.requests.filter((request) => request === 'POST /token')).toHaveLength(3)

    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const stranger = new OAuth2Client({
      metadata,
      clientId: 'key-ES256',
      auth: clientAuth.privateKeyJwt(privateKey),
      clock,
    })
    await expect(stranger.clientCredentials()).rejects.toMatchObject({ error: 'invalid_client' })
    expect(server.requests.filter((request) => request === 'POST /token')).toHaveLength(5)
    // Its clock is known by now: it is refused for another reason.
    await expect(stranger.clientCredentials()).rejects.toMatchObject({ error: 'invalid_client' })
    expect(server.requests.filter((request) => request === 'POST /token')).toHaveLength(6)
  })
})
