import { authSuite, ntlmAuthTarget } from '@entreat/testkit'
import { describe, test } from 'vitest'
import { NTLMAuth } from '../src/index.ts'

const runner = { describe, test }
const password = 'pässwörd 🐳'
const capabilities = { challenge: true, proxy: true, connectionBound: true }
const secrets = [password, Buffer.from(password, 'utf16le').toString('base64')]

authSuite({
  name: 'NTLMAuth',
  create: () => new NTLMAuth({ username: 'TESTDOM\\jörg', password }),
  createWith: (username, other) => new NTLMAuth({ username, password: other }),
  capabilities,
  runner,
  target: ntlmAuthTarget('jörg', password, { userDomain: 'TESTDOM' }),
  secrets,
})

authSuite({
  name: 'NTLMAuth under Negotiate',
  create: () => new NTLMAuth({ username: 'jörg@example.com', password }),
  createWith: (username, other) => new NTLMAuth({ username, password: other }),
  capabilities,
  runner,
  target: ntlmAuthTarget('jörg@example.com', password, { scheme: 'Negotiate' }),
  secrets,
})
