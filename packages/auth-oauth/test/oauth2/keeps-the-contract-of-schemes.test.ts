import { Session } from '@entreat/core'
import { authSuite, bearerAuthTarget } from '@entreat/testkit'
import { afterAll, describe, test } from 'vitest'
import { clientAuth, OAuth2Auth, OAuth2Client } from '../../src/index.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'

const tokens = await FakeServer.start({ '/token': () => bearer('t0ken-canary') })
// Of its own, so that what the suite does to the connections of a request does not befall token requests.
const session = new Session()

afterAll(() => Promise.all([session.close(), tokens.close()]))

authSuite({
  name: 'OAuth2Auth',
  create: () =>
    new OAuth2Auth({
      client: new OAuth2Client({
        metadata: tokens.metadata,
        clientId: 'c',
        auth: clientAuth.post('s3cret-canary'),
        session,
      }),
      obtain: 'client_credentials',
    }),
  runner: { describe, test },
  capabilities: { proxy: true },
  target: bearerAuthTarget('t0ken-canary'),
  secrets: ['t0ken-canary', 's3cret-canary'],
})
