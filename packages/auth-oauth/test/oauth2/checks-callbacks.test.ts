import { Session } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import {
  AuthorizationRequest,
  AuthorizationResponseError,
  IDTokenError,
  InvalidGrantError,
  IssuerMismatchError,
  OAuth2Client,
  StateMismatchError,
} from '../../src/index.ts'
import { discover, offline } from '../support/clients.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'
import { redirectUri } from '../support/oidc-clients.ts'
import { OidcServer } from '../support/oidc-server.ts'
import { signIn } from '../support/sign-in.ts'

// The way back from the authorization endpoint. Traps 32 and 33.

const metadata = {
  issuer: 'https://server.example',
  authorization_endpoint: 'https://server.example/authorize?tenant=blue',
  token_endpoint: 'https://server.example/token',
}
const client = new OAuth2Client({ metadata, clientId: 'c', redirectUri, scope: ['openid', 'a'] })

describe('an authorization request', () => {
  test('has state, PKCE and nonce of its own, and keeps the endpoint’s query', async () => {
    const request = await client.authorizationRequest({
      prompt: 'login',
      extra: { ui_locales: 'de', empty: undefined },
    })
    const params = Object.fromEntries(new URL(request.url).searchParams)
    expect(params).toMatchObject({
      tenant: 'blue',
      response_type: 'code',
      client_id: 'c',
      redirect_uri: redirectUri,
      scope: 'openid a',
      prompt: 'login',
      ui_locales: 'de',
      code_challenge_method: 'S256',
      state: request.state,
    })
    expect(params).not.toHaveProperty('empty')
    expect(params['code_challenge']).toMatch(/^[\w-]{43}$/)
    expect(params['nonce']).toMatch(/^[\w-]{43}$/)
    const other = await client.authorizationRequest()
    expect(other.state).not.toBe(request.state)
    expect(other.toData().codeVerifier).not.toBe(request.toData().codeVerifier)
  })

  test('has no scope parameter where none is asked for, and no nonce without openid', async () => {
    const bare = new OAuth2Client({ metadata, clientId: 'c' })
    const { searchParams } = new URL((await bare.authorizationRequest()).url)
    expect([...searchParams.keys()].sort()).toEqual(
      ['client_id', 'code_challenge', 'code_challenge_method', 'response_type', 'state', 'tenant'].sort(),
    )
  })

  test('knows plain PKCE and none, where it is asked to', async () => {
    const plain = await client.authorizationRequest({ pkce: 'plain' })
    expect(new URL(plain.url).searchParams.get('code_challenge')).toBe(plain.toData().codeVerifier)
    const none = await client.authorizationRequest({ pkce: false })
    expect(new URL(none.url).searchParams.has('code_challenge')).toBe(false)
    expect(none.toData().codeVerifier).toBeUndefined()
  })

  test('survives a trip through a user’s session', async () => {
    const request = await client.authorizationRequest()
    const back = AuthorizationRequest.fromData(JSON.parse(JSON.stringify(request.toData())) as never)
    expect(back.toData()).toEqual(request.toData())
    expect(() => AuthorizationRequest.fromData({ url: 'x' } as never)).toThrow('needs a url and a state')
  })
})

describe('a callback', () => {
  async function exchange(params: string, more: Record<string, unknown> = {}): Promise<unknown> {
    const other = new OAuth2Client({ metadata: { ...metadata, ...more }, clientId: 'c', redirectUri })
    const request = await other.authorizationRequest()
    const callback = `${redirectUri}?${params.replace('STATE', request.state)}`
    return other.exchange(callback, request).catch((error: unknown) => error)
  }

  // Trap 32.
  test.each([
    ['without state', 'code=c0de', StateMismatchError],
    ['with another state', 'code=c0de&state=other', StateMismatchError],
    ['with an empty state', 'code=c0de&state=', StateMismatchError],
    ['with two states', 'code=c0de&state=STATE&state=STATE', AuthorizationResponseError],
    ['with two codes', 'code=c0de&code=other&state=STATE', AuthorizationResponseError],
    ['with another issuer', 'code=c0de&state=STATE&iss=https://evil.example', IssuerMismatchError],
    ['without a code', 'state=STATE', AuthorizationResponseError],
    ['with an error of another sign-in', 'error=access_denied&state=other', StateMismatchError],
  ])('%s is refused before anything is sent', async (_, params, type) => {
    expect(await exchange(params)).toBeInstanceOf(type)
  })

  test('without the issuer that the server promises is refused', async () => {
    const error = await exchange('code=c0de&state=STATE', { authorization_response_iss_parameter_supported: true })
    expect(error).toBeInstanceOf(IssuerMismatchError)
  })

  test('with an error says what the server said, and nothing that steers a terminal', async () => {
    const error = await exchange(
      'state=STATE&error=access_denied&error_description=no%1B[31m+thanks&error_uri=https://x.example',
    )
    expect(error).toBeInstanceOf(AuthorizationResponseError)
    expect(error).toMatchObject({
      error: 'access_denied',
      errorDescription: 'no [31m thanks',
      errorUri: 'https://x.example',
      message: 'The authorization server refused: access_denied: no [31m thanks',
    })
  })

  test('may be absolute, relative, a URL, or a posted form', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    const local = new OAuth2Client({ metadata: server.metadata, clientId: 'c', redirectUri })
    for (const shape of [
      (query: string) => `${redirectUri}?${query}`,
      (query: string) => `/cb?${query}`,
      (query: string) => new URL(`${redirectUri}?${query}`),
      (query: string) => new URLSearchParams(query),
    ]) {
      const request = await local.authorizationRequest()
      const token = await local.exchange(shape(`code=c0de&state=${request.state}`), request)
      expect(token.accessToken).toBe('t0ken')
    }
    expect(server.seen[0]?.form.get('redirect_uri')).toBe(redirectUri)
    expect(server.seen[0]?.form.get('code_verifier')).toMatch(/^[\w-]{43}$/)
  })

  test('may be tried again if the server could not be reached', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    await using session = new Session({ proxies: { all: 'http://127.0.0.1:9' } })
    const local = new OAuth2Client({ metadata: server.metadata, clientId: 'c', session })
    const request = await local.authorizationRequest()
    const callback = `/cb?code=c0de&state=${request.state}`
    await expect(local.exchange(callback, request)).rejects.toMatchObject({ outcome: 'not-sent' })
    session.proxies = {}
    expect((await local.exchange(callback, request)).accessToken).toBe('t0ken')
  })

  // Trap 33: a second exchange of a code ends the tokens of the first.
  test('is good once, even if the server would not mind', async () => {
    await using server = await OidcServer.start()
    const first = await discover(server, 'public')
    const request = await first.authorizationRequest(offline)
    const callback = await signIn(request.url)
    const token = await first.exchange(callback, request)
    await expect(first.exchange(callback, request)).rejects.toThrow('The callback was used before')
    await expect(first.exchange(callback, request.toData())).rejects.toThrow('The callback was used before')
    expect((await first.userinfo(token)).sub).toBe('ishmael')
    expect(server.refused).toEqual([])

    // What it protects from: another process that does not know.
    const second = await discover(server, 'public')
    await expect(second.exchange(callback, request)).rejects.toThrow(InvalidGrantError)
    await expect(first.userinfo(token)).rejects.toMatchObject({ status: 401 })
  })
})

describe('an ID token', () => {
  const clock = new FakeClock()
  const now = Math.floor(clock.now() / 1000)
  const right = { iss: 'ISSUER', aud: 'c', sub: 'ishmael', iat: now, exp: now + 300, nonce: 'NONCE' }

  async function check(
    claims: Record<string, unknown>,
    header: Record<string, unknown> = { alg: 'RS256' },
  ): Promise<unknown> {
    let idToken = ''
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken', { id_token: idToken }) })
    const local = new OAuth2Client({ metadata: server.metadata, clientId: 'c', redirectUri, scope: 'openid', clock })
    const request = await local.authorizationRequest()
    const { nonce } = request.toData()
    const filled = Object.entries(claims).map(([name, value]) => [
      name,
      value === 'ISSUER' ? server.url : value === 'NONCE' ? nonce : value,
    ])
    idToken = [header, Object.fromEntries(filled) as object, 'signature']
      .map((part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'))
      .join('.')
    return await local
      .exchange(`/cb?code=c0de&state=${request.state}`, request)
      .then((token) => token.accessToken)
      .catch((error: unknown) => error)
  }

  test('that is right is kept', async () => {
    expect(await check(right)).toBe('t0ken')
    expect(await check({ ...right, aud: ['c', 'd'], azp: 'c' })).toBe('t0ken')
    expect(await check({ ...right, exp: now - 40 })).toBe('t0ken')
    // The left half of SHA-256 of "t0ken".
    expect(await check({ ...right, at_hash: 'IcOKb7X3kKf1JQsFVrXEAA' })).toBeInstanceOf(IDTokenError)
  })

  test.each([
    ['of another issuer', { ...right, iss: 'https://evil.example' }],
    ['for another client', { ...right, aud: 'd' }],
    ['for several clients, without saying for whom', { ...right, aud: ['c', 'd'] }],
    ['issued to another client', { ...right, azp: 'd' }],
    ['that has ended', { ...right, exp: now - 80 }],
    ['from the future', { ...right, iat: now + 80 }],
    ['without times', { iss: 'ISSUER', aud: 'c', sub: 'ishmael', nonce: 'NONCE' }],
    ['with another nonce', { ...right, nonce: 'other' }],
    ['without a nonce', { ...right, nonce: undefined }],
    ['of another access token', { ...right, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['without a subject', { ...right, sub: '' }],
  ])('%s is refused', async (_, claims) => {
    expect(await check(claims)).toBeInstanceOf(IDTokenError)
  })

  test('without a signature is refused', async () => {
    expect(await check(right, { alg: 'none' })).toBeInstanceOf(IDTokenError)
    expect(await check(right, {})).toBeInstanceOf(IDTokenError)
  })
})
