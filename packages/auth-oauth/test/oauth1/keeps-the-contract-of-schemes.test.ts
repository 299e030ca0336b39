import { describe, test } from 'vitest'
import { authSuite } from '@entreat/testkit'
import { OAuth1 } from '../../src/index.ts'
import { signatureCheck } from './support/signature-check.ts'

const secrets = { clientKey: 'client-key', clientSecret: 'client-secret-canary', tokenSecret: 'token-secret-canary' }

authSuite({
  name: 'OAuth1',
  create: () => new OAuth1({ ...secrets, token: 'token-canary' }),
  runner: { describe, test },
  target: { path: '/signed', handler: () => signatureCheck('/signed', secrets) },
  secrets: ['client-secret-canary', 'token-secret-canary', 'token-canary'],
})
