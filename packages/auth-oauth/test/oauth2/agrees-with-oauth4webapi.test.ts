import { type JsonWebKey, webcrypto } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientAuth } from '../../src/index.ts'
import { discover, offline, tokenFor } from '../support/clients.ts'
import { basicClient, redirectUri } from '../support/oidc-clients.ts'
import { clientKeys, OidcServer } from '../support/oidc-server.ts'
import { signIn } from '../support/sign-in.ts'

// A second client on the same server: what one begins the other can end, and both get the same.

let server: OidcServer
let metadata: oauth.AuthorizationServer
const insecure = { [oauth.allowInsecureRequests]: true }
const peer: oauth.Client = { client_id: basicClient.id }
const peerAuth = oauth.ClientSecretBasic(basicClient.secret)

beforeAll(async () => {
  server = await OidcServer.start()
  const issuer = new URL(server.issuer)
  metadata = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
})

afterAll(() => server.close())

test('both read the same metadata', async () => {
  const client = await discover(server, basicClient.id)
  expect(JSON.parse(JSON.stringify(client.metadata))).toEqual(JSON.parse(JSON.stringify(metadata)))
})

describe('a code', () => {
  test('that we asked for is exchanged by the peer', async () => {
    const client = await discover(server, basicClient.id)
    const request = await client.authorizationRequest(offline)
    const { codeVerifier = '', nonce } = request.toData()
    const params = oauth.validateAuthResponse(metadata, peer, new URL(await signIn(request.url)), request.state)
    const response = await oauth.authorizationCodeGrantRequest(
      metadata,
      peer,
      peerAuth,
      params,
      redirectUri,
      codeVerifier,
      insecure,
    )
    const tokens = await oauth.processAuthorizationCodeResponse(
      metadata,
      peer,
      response,
      nonce === undefined ? {} : { expectedNonce: nonce },
    )
    expect(tokens.token_type).toBe('bearer')

    const ours = await client.refresh(tokens.refresh_token ?? '')
    expect((await client.userinfo(ours)).sub).toBe('ishmael')
  })

  test('that the peer asked for is exchanged by us', async () => {
    const verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const url = new URL(metadata.authorization_endpoint ?? '')
    url.search = String(
      new URLSearchParams({
        client_id: peer.client_id,
        response_type: 'code',
        redirect_uri: redirectUri,
        scope: offline.scope,
        prompt: 'consent',
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }),
    )
    const client = await discover(server, basicClient.id)
    const request = { url: url.href, state, redirectUri, codeVerifier: verifier }
    const token = await client.exchange(await signIn(url.href), request)
    expect(token.scope).toEqual(offline.scope.split(' '))

    const refreshed = await oauth.refreshTokenGrantRequest(metadata, peer, peerAuth, token.refreshToken ?? '', insecure)
    const tokens = await oauth.processRefreshTokenResponse(metadata, peer, refreshed)
    expect(tokens.refresh_token).not.toBe(token.refreshToken)
  })
})

test('both get the same from client credentials, introspection and revocation', async () => {
  const service: oauth.Client = { client_id: 'service' }
  const serviceAuth = oauth.ClientSecretBasic('s3cret-service-0000')
  const client = await discover(server, 'service', { scope: 'api:read' })
  const ours = await client.clientCredentials()
  const response = await oauth.clientCredentialsGrantRequest(
    metadata,
    service,
    serviceAuth,
    { scope: 'api:read' },
    insecure,
  )
  const theirs = await oauth.processClientCredentialsResponse(metadata, service, response)
  expect(ours.scope?.join(' ')).toBe(theirs.scope)

  const inspector = await discover(server, 'inspector')
  const inspectorAuth = oauth.ClientSecretBasic('s3cret-inspector')
  const asked = await oauth.introspectionRequest(
    metadata,
    { client_id: 'inspector' },
    inspectorAuth,
    ours.accessToken,
    insecure,
  )
  const answer = await oauth.processIntrospectionResponse(metadata, { client_id: 'inspector' }, asked)
  expect(await inspector.introspect(ours)).toEqual({ ...answer })

  await oauth.processRevocationResponse(
    await oauth.revocationRequest(metadata, service, serviceAuth, ours.accessToken, insecure),
  )
  await client.revoke(theirs.access_token)
  expect(await inspector.introspect(ours)).toEqual({ active: false })
  expect(await inspector.introspect(theirs.access_token)).toEqual({ active: false })
})

test('both get the same pushed authorization request, private_key_jwt and DPoP across', async () => {
  const client = await discover(server, 'bound', { dpop: { key: clientKeys.ec } })
  const token = await tokenFor(client)
  // The peer uses our token with our key, and answers the server's nonce.
  const pair = await importPair()
  const handle = oauth.DPoP({}, pair)
  const options = { DPoP: handle, ...insecure }
  const response = await oauth.userInfoRequest(metadata, { client_id: 'bound' }, token.accessToken, options)
  expect(await oauth.processUserInfoResponse(metadata, { client_id: 'bound' }, 'ishmael', response)).toMatchObject({
    sub: 'ishmael',
  })

  const signer = await discover(server, 'key-ES256', { auth: clientAuth.privateKeyJwt(clientKeys.ec) })
  const peerKey = oauth.PrivateKeyJwt(pair.privateKey)
  const granted = await oauth.clientCredentialsGrantRequest(metadata, { client_id: 'key-ES256' }, peerKey, {}, insecure)
  const theirs = await oauth.processClientCredentialsResponse(metadata, { client_id: 'key-ES256' }, granted)
  expect((await signer.clientCredentials()).tokenType.toLowerCase()).toBe(theirs.token_type)
})

async function importPair(): Promise<{ privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const { d, ...jwk } = clientKeys.ec.export({ format: 'jwk' }) as JsonWebKey & { d: string }
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('jwk', { ...jwk, d }, algorithm, false, ['sign']),
    publicKey: await subtle.importKey('jwk', jwk, algorithm, true, ['verify']),
  }
}
