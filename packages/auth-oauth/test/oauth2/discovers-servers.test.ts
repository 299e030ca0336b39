import { describe, expect, test } from 'vitest'
import { InsecureTransportError, MetadataError, OAuth2Client } from '../../src/index.ts'
import { type FakeAnswer, FakeServer } from '../support/fake-server.ts'
import { OidcServer } from '../support/oidc-server.ts'

// OpenID Connect Discovery, RFC 8414 and RFC 9728.

const options = { clientId: 'c' }
const missing: FakeAnswer = { status: 404, body: {} }

describe('discovery', () => {
  test('finds a certified server', async () => {
    await using server = await OidcServer.start()
    const client = await OAuth2Client.discover(server.issuer, options)
    expect(client.metadata.token_endpoint).toBe(`${server.issuer}/token`)
    expect((await OAuth2Client.discover(new URL(server.issuer), options)).metadata.issuer).toBe(server.issuer)
  })

  test('asks OpenID Connect first, then RFC 8414, with the issuer’s path where each wants it', async () => {
    await using server = await FakeServer.start({
      '/.well-known/oauth-authorization-server/realms/blue': () => ({
        body: { issuer: `${server.url}/realms/blue`, token_endpoint: `${server.url}/t` },
      }),
      '*': () => missing,
    })
    const client = await OAuth2Client.discover(`${server.url}/realms/blue`, options)
    expect(client.metadata.token_endpoint).toBe(`${server.url}/t`)
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/realms/blue/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/realms/blue',
    ])
  })

  test.each([
    ['another issuer', { body: { issuer: 'https://evil.example' } }],
    ['no issuer', { body: {} }],
    ['HTML', { body: '<html></html>' }],
    ['nothing', missing],
    ['a failure', { status: 500, body: {} }],
    ['a redirect', { status: 302, headers: { Location: 'https://evil.example/' } }],
    ['half an answer', { breaks: true }],
  ] satisfies [string, FakeAnswer][])('refuses %s', async (_, answer) => {
    await using server = await FakeServer.start({ '*': () => answer })
    await expect(OAuth2Client.discover(server.url, options)).rejects.toThrow(MetadataError)
  })

  test('wants the issuer letter for letter', async () => {
    await using server = await FakeServer.start({ '*': () => ({ body: { issuer: server.url } }) })
    await expect(OAuth2Client.discover(`${server.url}/`, options)).rejects.toThrow('letter for letter')
  })

  test('refuses issuers with a query, and in the clear', async () => {
    await expect(OAuth2Client.discover('https://server.example/?a', options)).rejects.toThrow(MetadataError)
    await expect(OAuth2Client.discover('http://server.example', options)).rejects.toThrow(InsecureTransportError)
    await expect(OAuth2Client.discover('server.example', options)).rejects.toThrow(MetadataError)
  })

  test('can be given up', async () => {
    await using server = await FakeServer.start({})
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(OAuth2Client.discover(server.url, { ...options, signal })).rejects.toThrow('enough')
  })
})

describe('a protected resource', () => {
  test('says which servers give tokens for it', async () => {
    await using server = await FakeServer.start({
      '/.well-known/oauth-protected-resource/api': () => ({
        body: { resource: `${server.url}/api`, authorization_servers: ['https://server.example'] },
      }),
      '*': () => ({ body: { resource: 'https://other.example' } }),
    })
    const client = new OAuth2Client({ metadata: {}, clientId: 'c' })
    const resource = await client.discoverResource(`${server.url}/api`)
    expect(resource.authorization_servers).toEqual(['https://server.example'])
    await expect(client.discoverResource(`${server.url}/other`)).rejects.toThrow('another resource')
  })
})

test('an endpoint that the metadata lacks is named', async () => {
  const client = new OAuth2Client({ metadata: {}, clientId: 'c' })
  await expect(client.clientCredentials()).rejects.toThrow('has no token_endpoint: give it in `metadata`')
  await expect(client.device()).rejects.toThrow('device_authorization_endpoint')
  await expect(client.revoke('t0ken')).rejects.toThrow('revocation_endpoint')
  await expect(client.authorizationRequest()).rejects.toThrow('authorization_endpoint')
})
