import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientAuth, DeviceFlowError, InvalidGrantError, signInOnDevice, TokenRequestError } from '../../src/index.ts'
import { discover, offline, tokenFor } from '../support/clients.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { basicClient, postClient, secretJwtClient } from '../support/oidc-clients.ts'
import { clientKeys, OidcServer, userPassword } from '../support/oidc-server.ts'
import { signIn, signInOnPage } from '../support/sign-in.ts'

// Every grant and client authentication, end to end against oidc-provider, a certified server.

let server: OidcServer

beforeAll(async () => {
  server = await OidcServer.start()
})

afterAll(() => server.close())

describe('the authorization code grant with PKCE', () => {
  test.each([basicClient.id, postClient.id, 'public', secretJwtClient.id])('signs in as %s', async (id) => {
    const client = await discover(server, id)
    const token = await tokenFor(client)
    expect(token.refreshToken).toBeTypeOf('string')
    expect(token.idToken).toBeTypeOf('string')
    expect(token.scope).toEqual(['openid', 'offline_access', 'api:read'])
    expect((await client.userinfo(token)).sub).toBe('ishmael')
  })

  test('comes back to any port of this machine, as a native client', async () => {
    const client = await discover(server, 'native', { redirectUri: 'http://127.0.0.1:9/cb' })
    expect((await tokenFor(client)).accessToken).toBeTypeOf('string')
  })

  test('pushes the request first where the server wants it', async () => {
    const client = await discover(server, 'pushed')
    const request = await client.authorizationRequest(offline)
    expect([...new URL(request.url).searchParams.keys()]).toEqual(['client_id', 'request_uri'])
    expect((await client.exchange(await signIn(request.url), request)).tokenType).toBe('Bearer')
  })

  test('sends everything in the URL where pushing is turned off', async () => {
    const client = await discover(server, 'public')
    const request = await client.authorizationRequest({ ...offline, pushed: false })
    const { searchParams } = new URL(request.url)
    expect(searchParams.get('code_challenge_method')).toBe('S256')
    expect(searchParams.get('scope')).toBe(offline.scope)
    expect((await client.exchange(await signIn(request.url), request)).tokenType).toBe('Bearer')
  })

  test('exchanges no code with the verifier of another request', async () => {
    const client = await discover(server, 'public')
    const request = await client.authorizationRequest(offline)
    const other = await client.authorizationRequest(offline)
    const callback = await signIn(request.url)
    const { codeVerifier = '' } = other.toData()
    const mixed = { ...request.toData(), codeVerifier }
    await expect(client.exchange(callback, mixed)).rejects.toThrow(InvalidGrantError)
  })

  test('asks for several resources, and for a token for one of them', async () => {
    const resource = ['https://api.example/', 'https://other.example/']
    const client = await discover(server, 'public', { resource })
    const request = await client.authorizationRequest({ ...offline, pushed: false })
    expect(new URL(request.url).searchParams.getAll('resource')).toEqual(resource)
    const callback = await signIn(request.url)
    const token = await client.exchange(callback, request, { resource: 'https://api.example/' })
    expect(audience(token.accessToken)).toBe('https://api.example/')
    const other = await client.refresh(token, { resource: 'https://other.example/' })
    expect(audience(other.accessToken)).toBe('https://other.example/')
  })
})

describe('the client credentials grant', () => {
  test('gives a token to a client with a secret', async () => {
    const client = await discover(server, 'service')
    const token = await client.clientCredentials({ scope: 'api:read' })
    expect(token.refreshToken).toBeUndefined()
    expect(token.expired(301_000)).toBe(true)
    expect(token.expired(200_000)).toBe(false)
  })

  test.each([
    ['ES256', clientKeys.ec],
    ['RS256', clientKeys.rsa],
    ['PS256', clientKeys.rsa],
    ['EdDSA', clientKeys.ed],
  ])('gives a token to a client that signs with %s', async (alg, key) => {
    const client = await discover(server, `key-${alg}`, { auth: clientAuth.privateKeyJwt(key, { alg }) })
    expect((await client.clientCredentials()).tokenType).toBe('Bearer')
    // A fresh assertion each time: the server refuses one that it has seen.
    expect((await client.clientCredentials()).tokenType).toBe('Bearer')
  })

  test('takes keys as PEM text and as JWK', async () => {
    for (const key of [
      clientKeys.ec.export({ format: 'pem', type: 'pkcs8' }) as string,
      clientKeys.ec.export({ format: 'jwk' }),
    ]) {
      const client = await discover(server, 'key-ES256', { auth: clientAuth.privateKeyJwt(key) })
      expect((await client.clientCredentials()).tokenType).toBe('Bearer')
    }
  })

  test('says which client was refused, and not its secret', async () => {
    const client = await discover(server, 'service', { auth: clientAuth.basic('wrong-secret-0') })
    const error = await client.clientCredentials().catch((error: unknown) => error as TokenRequestError)
    expect(error).toBeInstanceOf(TokenRequestError)
    expect(error).toMatchObject({ error: 'invalid_client', status: 401, outcome: 'rejected' })
    expect(String(error)).not.toContain('wrong-secret-0')
  })

  test('says that a resource is not known', async () => {
    const client = await discover(server, 'service', { resource: 'https://unknown.example/' })
    await expect(client.clientCredentials()).rejects.toMatchObject({ error: 'invalid_target' })
  })
})

describe('refreshing', () => {
  test('uses the refresh token up and takes the new one', async () => {
    const client = await discover(server, basicClient.id)
    const first = await tokenFor(client)
    const second = await client.refresh(first)
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(second.scope).toEqual(first.scope)
    await expect(client.refresh(first)).rejects.toThrow(InvalidGrantError)
  })

  test('takes a bare refresh token, and narrows the scope', async () => {
    const client = await discover(server, 'public')
    const { refreshToken = '' } = await tokenFor(client)
    const narrow = await client.refresh(refreshToken, { scope: 'openid' })
    expect(narrow.scope).toEqual(['openid'])
    expect(narrow.refreshToken).toBeTypeOf('string')
  })
})

describe('the device flow', () => {
  test('waits for the user, and gives a token once', async () => {
    const clock = new FakeClock()
    const client = await discover(server, 'public', { clock })
    const device = await client.device({ scope: 'openid' })
    const pages: Promise<string>[] = []
    const token = await device.poll({
      // The user signs in after the second "not yet".
      onPending: () => {
        if (clock.slept.length === 2) pages.push(signInOnPage(device.verificationUriComplete ?? ''))
      },
    })
    expect(await Promise.all(pages)).toHaveLength(1)
    expect(token.tokenType).toBe('Bearer')
    expect(clock.slept.length).toBeGreaterThanOrEqual(2)
    expect(clock.slept.every((ms) => ms === 5000)).toBe(true)
  })

  test('has a prompt ready', async () => {
    const client = await discover(server, 'public', { clock: new FakeClock() })
    let prompted = ''
    const token = await signInOnDevice(client, {
      scope: 'openid',
      prompt: async (text, device) => {
        prompted = text
        await signInOnPage(device.verificationUriComplete ?? '')
      },
    })
    expect(prompted).toMatch(/open http:.*\/device and enter the code [A-Z-]+, or open http/)
    expect(token.tokenType).toBe('Bearer')
  })

  test('ends when the user refuses', async () => {
    const client = await discover(server, 'public', { clock: new FakeClock() })
    const device = await client.device()
    const code = await server.provider.DeviceCode.findByUserCode(device.userCode.replaceAll('-', ''))
    if (code === undefined) throw new Error('the server does not know its own code')
    Object.assign(code, { error: 'access_denied', errorDescription: 'no' })
    await code.save()
    const error = await device.poll().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DeviceFlowError)
    expect(error).toMatchObject({ error: 'access_denied' })
  })
})

describe('grants that the certified server has been taught', () => {
  test('a user name and password, which are sent as they are', async () => {
    const client = await discover(server, postClient.id)
    const { username, password } = userPassword
    const token = await client.password(username, password, { scope: 'api:write' })
    expect([token.tokenType, token.scope]).toEqual(['Bearer', ['api:write']])
    expect(await (await discover(server, 'inspector')).introspect(token)).toMatchObject({ active: true })
    await expect(client.password(username, 'wooden')).rejects.toThrow(InvalidGrantError)
  })

  test('an assertion in JWT, if the right key has signed it', async () => {
    const client = await discover(server, postClient.id)
    const assertion = (key: KeyObject, alg: string): Promise<string> =>
      new SignJWT().setProtectedHeader({ alg }).setAudience(server.issuer).setExpirationTime('1m').sign(key)
    const token = await client.jwtBearer(await assertion(clientKeys.ec, 'ES256'))
    expect(await (await discover(server, 'inspector')).introspect(token)).toMatchObject({ active: true })
    await expect(client.jwtBearer(await assertion(clientKeys.rsa, 'RS256'))).rejects.toThrow(InvalidGrantError)
  })
})

describe('the other endpoints', () => {
  test('exchange a token for another', async () => {
    const client = await discover(server, postClient.id)
    const { accessToken } = await tokenFor(client)
    const token = await client.tokenExchange({ subjectToken: accessToken, audience: 'https://api.example/' })
    expect(token.raw['issued_token_type']).toBe('urn:ietf:params:oauth:token-type:access_token')
    await expect(client.tokenExchange({ subjectToken: 'unknown' })).rejects.toThrow(InvalidGrantError)
  })

  // Trap 42: simple-oauth2's own revoke() takes the empty answer for a failure.
  test('revoke tokens, known and unknown', async () => {
    const client = await discover(server, basicClient.id)
    const token = await tokenFor(client)
    await client.revoke(token)
    await expect(client.refresh(token)).rejects.toThrow(InvalidGrantError)
    await expect(client.userinfo(token)).rejects.toMatchObject({ status: 401, error: 'invalid_token' })
    await client.revoke('unknown')
    await client.revoke('unknown', 'refresh_token')
  })

  test('introspect tokens', async () => {
    const inspector = await discover(server, 'inspector')
    const token = await (await discover(server, 'service')).clientCredentials()
    expect(await inspector.introspect(token)).toMatchObject({ active: true, client_id: 'service' })
    expect(await inspector.introspect('unknown', { hint: 'access_token' })).toEqual({ active: false })
  })
})

test('the server has nothing to complain about itself', () => {
  expect(server.failures).toEqual([])
})

function audience(jwt: string): unknown {
  return (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { aud: unknown }).aud
}
