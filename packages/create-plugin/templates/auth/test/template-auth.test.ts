import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { AuthenticationError, Session, UsageError } from '@entreat/core'
import { authSuite, TestServer } from '@entreat/testkit'
import { TemplateAuth } from '../src/index.ts'
import { templateTarget } from './template-server.ts'

const secret = 'ivory-4711'
const target = templateTarget(secret)

// Every rule of the authentication contract that applies. A failure names the class and the rule.
authSuite({
  name: 'TemplateAuth',
  create: () => new TemplateAuth({ secret }),
  capabilities: { proxy: true },
  target,
  secrets: [secret],
  runner: { describe, test },
})

test('a wrong secret is answered with 401, and the right one with 200', async () => {
  const server = await TestServer.start({ tls: false, ...(target.handler && { handler: target.handler() }) })
  const session = new Session({ baseUrl: server.url, auth: new TemplateAuth({ secret }) })
  expect((await session.get('/protected')).statusCode).toBe(200)
  expect((await session.get('/protected', { auth: new TemplateAuth({ secret: 'wrong' }) })).statusCode).toBe(401)
  await session.close()
  await server.close()
})

test('an origin that is not named gets no credentials', async () => {
  const session = new Session({ auth: new TemplateAuth({ secret, origins: ['https://api.example.com'] }) })
  await expect(session.get('http://127.0.0.1:1/')).rejects.toBeInstanceOf(AuthenticationError)
  await session.close()
})

test('an unknown option is an error that names the nearest one', () => {
  const options = { secret, origin: 'https://api.example.com' } as never
  expect(() => new TemplateAuth(options)).toThrow(UsageError)
  expect(() => new TemplateAuth(options)).toThrow(/Did you mean "origins"/)
  expect(() => new TemplateAuth({ secret: '' })).toThrow(/needs the option secret/)
})

test('the secret is not shown', () => {
  const auth = new TemplateAuth({ secret })
  expect(inspect(auth, { depth: 9 }) + JSON.stringify(auth)).not.toContain(secret)
})
