import { describe, test } from 'vitest'
import { BasicAuth, BearerAuth, DigestAuth } from '@entreat/core'
import { authSuite, basicAuthTarget, bearerAuthTarget, digestAuthTarget } from '@entreat/testkit'

const runner = { describe, test }
const user = 'user'
const password = 'pass w%rd'
const encoded = Buffer.from(`${user}:${password}`).toString('base64')

authSuite({
  name: 'BasicAuth',
  create: () => new BasicAuth(user, password),
  createWith: (...own) => new BasicAuth(...own),
  capabilities: { proxy: true },
  runner,
  target: basicAuthTarget(user, password),
  secrets: [password, encoded],
})

authSuite({
  name: 'a user and a password as auth',
  create: () => [user, password],
  createWith: (...own) => own,
  capabilities: { proxy: true },
  runner,
  target: basicAuthTarget(user, password),
  secrets: [password, encoded],
})

authSuite({
  name: 'BearerAuth',
  create: () => new BearerAuth('token-123'),
  capabilities: { proxy: true },
  runner,
  target: bearerAuthTarget('token-123'),
  secrets: ['token-123'],
})

authSuite({
  name: 'BearerAuth with a function that gives the token',
  create: () => new BearerAuth(() => Promise.resolve('token-123')),
  capabilities: { proxy: true },
  runner,
  target: bearerAuthTarget('token-123'),
  secrets: ['token-123'],
})

for (const algorithm of ['MD5', 'MD5-sess', 'SHA-256', 'SHA-512-256'] as const) {
  authSuite({
    name: `DigestAuth ${algorithm}`,
    create: () => new DigestAuth(user, password),
    createWith: (...own) => new DigestAuth(...own),
    capabilities: { challenge: true, proxy: true },
    runner,
    target: digestAuthTarget(user, password, algorithm),
    secrets: [password],
  })
}

authSuite({
  name: 'a function as auth',
  create: () => (request) => {
    request.headers.set('Authorization', 'Bearer token-123')
  },
  runner,
  target: bearerAuthTarget('token-123'),
  secrets: ['token-123'],
})
