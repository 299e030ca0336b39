import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { jwtVerify, createLocalJWKSet } from 'jose'
import { describe, expect, test } from 'vitest'
import { type ClientAuth, clientAuth, OAuth2Client, signAssertion } from '../../src/index.ts'
import { bearer, FakeServer, type SeenRequest } from '../support/fake-server.ts'
import { UsageError } from '@entreat/core'

// What the server sees of a client. Traps 36 and 37; RFC 6749 section 2.3, RFC 7523.

async function send(auth: ClientAuth | undefined, clientId = 'we:b/ %+&'): Promise<SeenRequest & { url: string }> {
  await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
  const client = new OAuth2Client({ metadata: server.metadata, clientId, ...(auth === undefined ? {} : { auth }) })
  await client.clientCredentials()
  return { ...(server.seen[0] as SeenRequest), url: server.url }
}

const decoded = (header: string | undefined): string =>
  Buffer.from(header?.slice('Basic '.length) ?? '', 'base64').toString()

describe('a secret', () => {
  // Trap 36.
  test('in a Basic header is form-encoded first', async () => {
    const { headers, form } = await send(clientAuth.basic("s :/%+&!'()*é"))
    expect(decoded(headers.authorization)).toBe('we%3Ab%2F+%25%2B%26:s+%3A%2F%25%2B%26%21%27%28%29%2A%C3%A9')
    expect([...form.keys()]).toEqual(['grant_type'])
  })

  test('in a Basic header is sent as it is to servers that know no better', async () => {
    const { headers } = await send(clientAuth.basic('s3:cret', { loose: true }), 'c')
    expect(decoded(headers.authorization)).toBe('c:s3:cret')
  })

  test('in the form leaves the header alone', async () => {
    const { headers, form } = await send(clientAuth.post('s3cret'))
    expect(form.get('client_secret')).toBe('s3cret')
    expect(form.get('client_id')).toBe('we:b/ %+&')
    expect(headers.authorization).toBeUndefined()
  })

  test('may come from a function, anew each time', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    let count = 0
    const auth = clientAuth.post(() => Promise.resolve(`s3cret-${++count}`))
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c', auth })
    await client.clientCredentials()
    await client.clientCredentials()
    expect(server.seen.map(({ form }) => form.get('client_secret'))).toEqual(['s3cret-1', 's3cret-2'])
  })

  test('that is empty is a mistake', async () => {
    await expect(send(clientAuth.basic(''))).rejects.toThrow('must be text that is not empty')
    await expect(send(clientAuth.post(undefined as never))).rejects.toThrow(UsageError)
  })

  // Trap 37.
  test('is nowhere in the requests of a public client', async () => {
    const { headers, form } = await send(undefined)
    expect(String(form)).toBe('grant_type=client_credentials&client_id=we%3Ab%2F+%25%2B%26')
    expect(headers.authorization).toBeUndefined()
  })
})

describe('an assertion', () => {
  test('is a JWT that another library accepts, for this server, for a minute, once', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const auth = clientAuth.privateKeyJwt(privateKey, { keyId: 'k1' })
    const [first, second] = [await send(auth), await send(auth)]
    const jwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid: 'k1', alg: 'ES384' }
    const { payload, protectedHeader } = await jwtVerify(
      first.form.get('client_assertion') ?? '',
      createLocalJWKSet({ keys: [jwk as never] }),
      { issuer: 'we:b/ %+&', subject: 'we:b/ %+&', audience: first.url },
    )
    expect(protectedHeader).toEqual({ alg: 'ES384', typ: 'JWT', kid: 'k1' })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
    expect(first.form.get('client_assertion')).not.toBe(second.form.get('client_assertion'))
    expect(first.form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  })

  test('can be signed elsewhere', async () => {
    const signer = {
      alg: 'ES256',
      keyId: 'hsm-1',
      sign: (input: Uint8Array) => Promise.resolve(Buffer.from(`signed ${input.length}`)),
    }
    const { form } = await send(clientAuth.privateKeyJwt(signer))
    const [header = '', claims = '', signature = ''] = (form.get('client_assertion') ?? '').split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ typ: 'JWT', alg: 'ES256', kid: 'hsm-1' })
    expect(Buffer.from(signature, 'base64url').toString()).toBe(`signed ${header.length + claims.length + 1}`)
  })

  test('names the audience that is asked for', async () => {
    const { form } = await send(
      clientAuth.secretJwt('s3cret-0123456789-0123456789-0123', { audience: 'https://other.example' }),
    )
    const claims = JSON.parse(
      Buffer.from((form.get('client_assertion') ?? '').split('.')[1] ?? '', 'base64url').toString(),
    ) as { aud: string }
    expect(claims.aud).toBe('https://other.example')
  })

  test.each([
    ['nonsense', 'not a key', undefined],
    ['a public key', createPublicKey(generateKeyPairSync('ed25519').privateKey), undefined],
    ['an algorithm of another kind', generateKeyPairSync('ed25519').privateKey, 'RS256'],
    ['an algorithm of another curve', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ES384'],
    ['no algorithm', generateKeyPairSync('ed25519').privateKey, 'none'],
    ['a curve that JWS does not know', generateKeyPairSync('x25519').privateKey, undefined],
  ])('is not signed with %s', (_, key, alg) => {
    expect(() => clientAuth.privateKeyJwt(key, alg === undefined ? {} : { alg })).toThrow(UsageError)
  })

  test('with a secret knows HS256 to HS512 alone', async () => {
    await expect(send(clientAuth.secretJwt('s3cret', { alg: 'none' }))).rejects.toThrow(
      'HS256, HS384 or HS512, not none',
    )
  })
})

describe('grants that a certified server lacks', () => {
  test('send a password', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c', scope: 'a b' })
    const token = await client.password('ahab', 'ivory &', { extra: { grant_type: 'other', tenant: 'blue' } })
    expect(Object.fromEntries(server.seen[0]?.form ?? [])).toMatchObject({
      grant_type: 'password',
      username: 'ahab',
      password: 'ivory &',
      scope: 'a b',
      tenant: 'blue',
    })
    expect(token.scope).toEqual(['a', 'b'])
  })

  test('send a signed assertion', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const assertion = await signAssertion(privateKey, {
      issuer: 'robot@example.com',
      subject: 'ishmael@example.com',
      audience: `${server.url}/token`,
      claims: { scope: 'mail' },
    })
    await client.jwtBearer(assertion)
    const { form } = server.seen[0] as SeenRequest
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
    const { payload } = await jwtVerify(form.get('assertion') ?? '', publicKey, { audience: `${server.url}/token` })
    expect(payload).toMatchObject({ iss: 'robot@example.com', sub: 'ishmael@example.com', scope: 'mail' })
  })

  test('are not overridden by further parameters', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    const extra = {
      grant_type: 'other',
      client_id: 'other',
      refresh_token: 'other',
      response_type: 'token',
      state: 'other',
    }
    await client.clientCredentials({ extra })
    await client.refresh('r3fresh', { extra })
    const { url } = await client.authorizationRequest({ extra })
    expect(server.seen.map(({ form }) => form.getAll('grant_type'))).toEqual([
      ['client_credentials'],
      ['refresh_token'],
    ])
    expect(server.seen[1]?.form.getAll('refresh_token')).toEqual(['r3fresh'])
    const { searchParams } = new URL(url)
    expect(searchParams.getAll('response_type')).toEqual(['code'])
    expect(searchParams.getAll('client_id')).toEqual(['c'])
    expect(searchParams.get('state')).not.toBe('other')
  })

  test('send anything, lists repeated', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    await client.grant('urn:example:magic', { spell: ['a', 'b'], count: 3, empty: undefined, none: null })
    expect(String(server.seen[0]?.form)).toBe('grant_type=urn%3Aexample%3Amagic&spell=a&spell=b&count=3&client_id=c')
  })

  test('exchange tokens on behalf of another', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken', { token_type: 'N_A' }) })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    await client.tokenExchange({
      subjectToken: 's',
      actorToken: 'a',
      audience: ['one', 'two'],
      requestedTokenType: 'urn:x',
    })
    const { form } = server.seen[0] as SeenRequest
    expect(form.getAll('audience')).toEqual(['one', 'two'])
    expect(form.get('actor_token_type')).toBe('urn:ietf:params:oauth:token-type:access_token')
    expect(form.get('requested_token_type')).toBe('urn:x')
  })
})

describe('options', () => {
  const metadata = { token_endpoint: 'https://server.example/token' }

  test.each([
    [
      () => new OAuth2Client({ metadata, clientid: 'c' } as never),
      'has no option "clientid". Did you mean "clientId"?',
    ],
    [() => new OAuth2Client({ metadata } as never), 'needs a clientId'],
    [() => new OAuth2Client({ clientId: 'c' } as never), 'needs metadata'],
    [() => new OAuth2Client({ metadata, clientId: 'c', timeout: 0 }), 'timeout must be a positive number'],
  ])('that cannot be meant are refused', (make, message) => {
    expect(make).toThrow(UsageError)
    expect(make).toThrow(message)
  })

  test('of calls are checked too', async () => {
    const client = new OAuth2Client({ metadata, clientId: 'c' })
    await expect(client.clientCredentials({ scopes: 'a' } as never)).rejects.toThrow('Did you mean "scope"?')
    await expect(client.tokenExchange({ subject_token: 'a' } as never)).rejects.toThrow('Did you mean "subjectToken"?')
    await expect(client.refresh('')).rejects.toThrow('has no refresh token')
  })

  test('on a polluted prototype say nothing', async () => {
    await using server = await FakeServer.start({ '/token': () => bearer('t0ken') })
    const prototype = Object.prototype as unknown as Record<string, unknown>
    prototype['scope'] = 'polluted'
    prototype['resource'] = 'polluted'
    prototype['extra'] = { polluted: 'yes' }
    try {
      const client = new OAuth2Client({ metadata: { ...server.metadata }, clientId: 'c' })
      await client.clientCredentials()
      await client.refresh('r3fresh')
      const { url } = await client.authorizationRequest()
      expect(url).not.toContain('polluted')
    } finally {
      for (const name of ['scope', 'resource', 'extra']) delete prototype[name]
    }
    expect(server.seen.map(({ form }) => String(form))).toEqual([
      'grant_type=client_credentials&client_id=c',
      'grant_type=refresh_token&refresh_token=r3fresh&client_id=c',
    ])
  })
})
