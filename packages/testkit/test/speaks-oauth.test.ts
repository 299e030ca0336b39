import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer({ tls: false })
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

async function post(
  path: string,
  fields: Record<string, string>,
): Promise<{ status: number; body: Record<string, string> }> {
  const body = String(new URLSearchParams(fields))
  const answer = await exchange(`${server().url}${path}`, { method: 'POST', headers: form, body })
  return { status: answer.status, body: answer.body.length === 0 ? {} : answer.json<Record<string, string>>() }
}

function api(token: string): Promise<{ status: number; headers: Record<string, unknown> }> {
  return exchange(`${server().url}/oauth/api`, { headers: { Authorization: `Bearer ${token}` } })
}

test('says where its endpoints are', async () => {
  const answer = await exchange(`${server().url}/.well-known/openid-configuration`)
  expect(answer.json()).toMatchObject({ issuer: server().url, token_endpoint: `${server().url}/oauth/token` })
})

test('gives clients tokens that its API takes', async () => {
  const { body } = await post('/oauth/token', { grant_type: 'client_credentials', scope: 'a b' })
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'a b' })
  expect(body).not.toHaveProperty('refresh_token')
  expect((await api(body['access_token'] ?? '')).status).toBe(200)
  const refused = await api('unknown')
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"'])
})

test('uses refresh tokens up, and ends revoked tokens', async () => {
  const { body } = await post('/oauth/token', { grant_type: 'password', username: 'ishmael' })
  const refresh = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] ?? '' }
  const next = await post('/oauth/token', refresh)
  expect(next.status).toBe(200)
  expect(await post('/oauth/token', refresh)).toEqual({ status: 400, body: { error: 'invalid_grant' } })
  const token = next.body['access_token'] ?? ''
  expect((await post('/oauth/introspect', { token })).body).toEqual({ active: true, sub: 'ishmael', scope: '' })
  expect(await post('/oauth/revoke', { token })).toEqual({ status: 200, body: {} })
  expect((await post('/oauth/introspect', { token })).body).toEqual({ active: false })
})

test('sends users back with a code that is bound to verifier and redirect, once', async () => {
  const redirectUri = 'http://127.0.0.1:9/cb'
  const authorize = async (): Promise<URL> => {
    const challenge = createHash('sha256').update('verifier').digest('base64url')
    const query = new URLSearchParams({ redirect_uri: redirectUri, state: 's', code_challenge: challenge })
    const { headers } = await exchange(`${server().url}/oauth/authorize?${String(query)}`)
    return new URL(String(headers['location']))
  }
  const back = await authorize()
  expect(back.searchParams.get('state')).toBe('s')
  expect(back.searchParams.get('iss')).toBe(server().url)
  const grant_type = 'authorization_code'
  const right = {
    grant_type,
    code: back.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    code_verifier: 'verifier',
  }
  expect((await post('/oauth/token', right)).status).toBe(200)
  expect((await post('/oauth/token', right)).body).toEqual({ error: 'invalid_grant' })
  const code = (await authorize()).searchParams.get('code') ?? ''
  expect((await post('/oauth/token', { ...right, code, code_verifier: 'other' })).body).toEqual({
    error: 'invalid_grant',
  })
  const again = (await authorize()).searchParams.get('code') ?? ''
  expect((await post('/oauth/token', { ...right, code: again, redirect_uri: '' })).body).toEqual({
    error: 'invalid_grant',
  })
})

test('lets a device wait once', async () => {
  const { body } = await post('/oauth/device', {})
  const poll = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: body['device_code'] ?? '' }
  expect((await post('/oauth/token', poll)).body).toEqual({ error: 'authorization_pending' })
  expect((await post('/oauth/token', poll)).status).toBe(200)
  expect((await post('/oauth/token', poll)).body).toEqual({ error: 'invalid_grant' })
  expect((await post('/oauth/token', { grant_type: 'magic' })).body).toEqual({ error: 'unsupported_grant_type' })
})
