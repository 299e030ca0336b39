import { Session } from '@entreat/core'
import { FakeClock } from '@entreat/testkit'
import { expect, test } from 'vitest'
import { OAuth2Auth, OAuth2Client } from '../../src/index.ts'
import { FakeServer } from '../support/fake-server.ts'

// The testkit's clock serves a Session and an OAuth2Client at once.

test('a token is renewed when its lifetime has passed on the clock, and not before', async () => {
  const clock = new FakeClock()
  await using api = await FakeServer.start({
    '/token': (_, count) => ({
      body: { access_token: `t0ken-${count + 1}`, token_type: 'Bearer', expires_in: 3600, refresh_token: 'r3fresh' },
    }),
    '*': ({ headers }) => ({ body: { sent: headers.authorization } }),
  })
  const client = new OAuth2Client({ metadata: api.metadata, clientId: 'c', clock })
  const token = {
    accessToken: 't0ken-1',
    tokenType: 'Bearer',
    refreshToken: 'r3fresh',
    obtainedAt: clock.now(),
    expiresAt: clock.now() + 3_600_000,
  }
  await using session = new Session({ auth: new OAuth2Auth({ client, token }), clock, trustEnv: false })
  const sent = async (): Promise<unknown> => (await session.get(`${api.url}/api`)).json()

  expect(await sent()).toEqual({ sent: 'Bearer t0ken-1' })
  await clock.advance(3_000_000)
  expect(await sent()).toEqual({ sent: 'Bearer t0ken-1' })
  await clock.advance(700_000)
  expect(await sent()).toEqual({ sent: 'Bearer t0ken-2' })
  await clock.advance(3_700_000)
  expect(await sent()).toEqual({ sent: 'Bearer t0ken-3' })
  expect(clock.pending).toBe(0)
})
