import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()

function basic(credentials: string, encoding: BufferEncoding = 'utf8'): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(credentials, encoding).toString('base64')}` }
}

test('/basic-auth challenges, refuses wrong credentials and accepts right ones', async () => {
  const url = `${server().url}/basic-auth/user/pass`
  const challenged = await exchange(url)
  expect([challenged.status, challenged.headers['www-authenticate']]).toEqual([401, 'Basic realm="Fake Realm"'])
  expect((await exchange(url, { headers: basic('user:wrong') })).status).toBe(401)
  const accepted = await exchange(url, { headers: basic('user:pass'), method: 'POST' })
  expect(accepted.json()).toEqual({ authenticated: true, user: 'user' })
})

test.each(['utf8', 'latin1'] as const)('/basic-auth accepts credentials in %s', async (encoding) => {
  const url = `${server().url}/basic-auth/j%C3%BCrgen/p%C3%A4ss`
  expect((await exchange(url, { headers: basic('jürgen:päss', encoding) })).status).toBe(200)
})

test('/hidden-basic-auth answers 404 to strangers', async () => {
  const url = `${server().url}/hidden-basic-auth/user/pass`
  expect((await exchange(url)).status).toBe(404)
  expect((await exchange(url, { headers: basic('user:pass') })).status).toBe(200)
})

test('/bearer wants any token', async () => {
  const challenged = await exchange(`${server().url}/bearer`)
  expect([challenged.status, challenged.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  const accepted = await exchange(`${server().url}/bearer`, { headers: { Authorization: 'Bearer abc' } })
  expect(accepted.json()).toEqual({ authenticated: true, token: 'abc' })
})

test('/token-auth accepts the HMAC of a challenge, once', async () => {
  const url = `${server().url}/token-auth/sesame`
  const challenged = await exchange(url)
  const challenge = /^Token realm="test", challenge="([0-9a-f]{32})"$/.exec(
    challenged.headers['www-authenticate'] ?? '',
  )?.[1]
  const answer = createHmac('sha256', 'sesame')
    .update(challenge ?? '')
    .digest('hex')
  const headers = { Authorization: `Token ${answer}` }
  expect((await exchange(url, { headers })).json()).toEqual({ authenticated: true, challenge })
  expect((await exchange(url, { headers })).status).toBe(401)
})

test('/token-auth refuses the HMAC made with another secret', async () => {
  const challenged = await exchange(`${server().url}/token-auth`)
  const challenge = /challenge="([^"]+)"/.exec(challenged.headers['www-authenticate'] ?? '')?.[1] ?? ''
  const sign = (secret: string) => createHmac('sha256', secret).update(challenge).digest('hex')
  const send = (token: string) =>
    exchange(`${server().url}/token-auth`, { headers: { Authorization: `Token ${token}` } })
  expect((await send(sign('wrong'))).status).toBe(401)
  expect((await send(sign('secret'))).status).toBe(200)
})
