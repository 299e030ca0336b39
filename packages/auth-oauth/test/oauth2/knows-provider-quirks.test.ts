import { Session } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import { OAuth2Auth, OAuth2Client, type ProviderProfile, providerProfiles, type Token } from '../../src/index.ts'
import { type FakeAnswer, FakeServer } from '../support/fake-server.ts'

// Providers that do otherwise than the RFCs say: the nine that requests-oauthlib knows, and more.

async function ask(profile: ProviderProfile | undefined, answer: FakeAnswer): Promise<Token> {
  await using server = await FakeServer.start({ '/token': () => answer })
  const client = new OAuth2Client({
    metadata: server.metadata,
    clientId: 'c',
    ...(profile === undefined ? {} : { profile }),
  })
  return await client.clientCredentials()
}

describe('answers', () => {
  test.each(['douban', 'weibo'] as const)('of %s have no token_type', async (name) => {
    const answer = { body: { access_token: 't0ken', expires_in: 60 } }
    expect((await ask(providerProfiles[name], answer)).tokenType).toBe('Bearer')
    await expect(ask(undefined, answer)).rejects.toThrow(
      'has no token_type; a `profile` can add what a provider leaves out',
    )
  })

  test('of eBay have a token_type of their own', async () => {
    const answer = { body: { access_token: 't0ken', token_type: 'User Access Token' } }
    expect((await ask(providerProfiles.ebay, answer)).tokenType).toBe('Bearer')
  })

  test('of Facebook are a form as plain text, with another name for the lifetime', async () => {
    const answer = { body: 'access_token=t0ken&expires=60', headers: { 'Content-Type': 'text/plain' } }
    const token = await ask(providerProfiles.facebook, answer)
    expect(token.accessToken).toBe('t0ken')
    expect((token.expiresAt ?? 0) - (token.obtainedAt ?? 0)).toBe(60_000)
  })

  test('of Fitbit list their errors', async () => {
    const errors = [{ errorType: 'invalid_grant', message: 'Refresh token invalid' }]
    await expect(ask(providerProfiles.fitbit, { status: 401, body: { errors, success: false } })).rejects.toMatchObject(
      {
        name: 'InvalidGrantError',
        errorDescription: 'Refresh token invalid',
      },
    )
    await expect(ask(providerProfiles.fitbit, { status: 401, body: { errors: [] } })).rejects.toMatchObject({
      status: 401,
    })
    const fine = { body: { access_token: 't0ken', token_type: 'Bearer' } }
    expect((await ask(providerProfiles.fitbit, fine)).accessToken).toBe('t0ken')
  })

  test('of Mailchimp have no scope and no end', async () => {
    const body = { access_token: 't0ken', token_type: 'bearer', expires_in: 0, scope: null }
    const token = await ask(providerProfiles.mailchimp, { body })
    expect(token.expiresAt).toBeUndefined()
    expect(token.scope).toBeUndefined()
  })

  test('of Plentymarkets are in camel case', async () => {
    const body = { accessToken: 't0ken', tokenType: 'Bearer', expiresIn: 60, refreshToken: 'r3fresh' }
    const token = await ask(providerProfiles.plentymarkets, { body })
    expect(token.accessToken).toBe('t0ken')
    expect(token.refreshToken).toBe('r3fresh')
  })

  test('of PayPal spell numbers as text', async () => {
    const body = { access_token: 't0ken', token_type: 'Bearer', expires_in: '60' }
    expect((await ask(undefined, { body })).expired(0, Date.now() + 61_000)).toBe(true)
  })
})

describe('tokens travel', () => {
  const token = { accessToken: 't0ken &', tokenType: 'Bearer' }

  async function send(profile: ProviderProfile, data?: string | Record<string, string>): Promise<FakeServer> {
    const server = await FakeServer.start({ '*': () => ({}) })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c', profile })
    await using session = new Session({ auth: new OAuth2Auth({ client, token }) })
    if (data === undefined) await session.get(`${server.url}/api?a=1`)
    else await session.post(`${server.url}/api?a=1`, { data })
    await server.close()
    return server
  }

  test.each(['douban', 'instagram', 'weibo'] as const)('in the query to %s', async (name) => {
    const { seen } = await send(providerProfiles[name])
    expect(seen[0]?.query.get('access_token')).toBe('t0ken &')
    expect(seen[0]?.query.get('a')).toBe('1')
    expect(seen[0]?.headers.authorization).toBeUndefined()
  })

  test('in the form to Slack, and in the query where there is no form', async () => {
    const form = await send(providerProfiles.slack, { text: 'hi & bye' })
    expect(Object.fromEntries(form.seen[0]?.form ?? [])).toEqual({ text: 'hi & bye', token: 't0ken &' })
    expect(form.seen[0]?.query.has('token')).toBe(false)
    expect((await send(providerProfiles.slack)).seen[0]?.query.get('token')).toBe('t0ken &')
    expect((await send(providerProfiles.slack, 'plain')).seen[0]?.query.get('token')).toBe('t0ken &')
  })

  test('as a profile of one’s own says', async () => {
    const profile: ProviderProfile = {
      protectedRequest: (request, { accessToken }) => request.headers.set('X-Token', accessToken),
    }
    expect((await send(profile)).seen[0]?.headers['x-token']).toBe('t0ken &')
  })

  test('nowhere if their type is not known', async () => {
    await using server = await FakeServer.start({ '*': () => ({}) })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    await using session = new Session({ auth: new OAuth2Auth({ client, token: { ...token, tokenType: 'mac' } }) })
    await expect(session.get(server.url)).rejects.toThrow('no rule for tokens of type "mac"')
    expect(server.seen).toEqual([])
  })
})

test('a profile changes token requests, and how scopes are written', async () => {
  await using server = await FakeServer.start({
    '/token': () => ({ body: { access_token: 't', token_type: 'Bearer', scope: 'a,b' } }),
  })
  const profile: ProviderProfile = {
    scopeSeparator: ',',
    tokenRequest({ params, headers }) {
      params.set('client_key', params.get('client_id') ?? '')
      headers.set('X-Version', '2')
    },
  }
  const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c', profile, scope: ['a', 'b', 'c'] })
  const token = await client.clientCredentials()
  expect(server.seen[0]?.form.get('scope')).toBe('a,b,c')
  expect(server.seen[0]?.form.get('client_key')).toBe('c')
  expect(server.seen[0]?.headers['x-version']).toBe('2')
  expect(token.scope).toEqual(['a', 'b'])
})
