import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { Session } from '@entreat/core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ClientAuth, clientAuth, OAuth2Auth, OAuth2Client, Token } from '../../src/index.ts'
import { FakeServer } from '../support/fake-server.ts'

// Trap 28: no secret in what is printed, serialised or thrown.

const CANARY = 'c4nary'
/** As they stand in a form: a server may repeat that too. */
const ODD = `${CANARY} /+%`

/** Every way in which something may be shown. */
function shown(value: unknown): string {
  const texts = [inspect(value, { depth: 10, showHidden: true }), inspect(value), JSON.stringify(value), String(value)]
  if (value instanceof Error)
    texts.push(
      value.stack ?? '',
      shown(Object.fromEntries(Object.entries(value))),
      value.cause === undefined ? '' : shown(value.cause),
    )
  return texts.join('\n')
}

const CHANNELS = ['start', 'leg', 'redirect', 'retry', 'end', 'error'].map((name) => `entreat:${name}`)
/** What diagnostics told, of every test. */
const messages: unknown[] = []
const onMessage = (message: unknown): void => void messages.push(message)

beforeAll(() => CHANNELS.forEach((name) => subscribe(name, onMessage)))

afterEach(() => expect(shown(messages)).not.toContain(CANARY))

afterAll(() => {
  CHANNELS.forEach((name) => unsubscribe(name, onMessage))
  expect(messages.length).toBeGreaterThan(50)
})

const data = {
  accessToken: `${CANARY}-access`,
  tokenType: 'Bearer',
  refreshToken: `${CANARY}-refresh`,
  idToken: `${CANARY}-id`,
  raw: { secret: `${CANARY}-raw` },
  dpopKey: { kty: 'EC', d: `${CANARY}-key` },
}

test('a token, a client, a scheme and a request show none', async () => {
  const token = new Token(data)
  const metadata = {
    token_endpoint: 'https://server.example/token',
    authorization_endpoint: 'https://server.example/a',
  }
  const client = new OAuth2Client({ metadata, clientId: 'c', auth: clientAuth.post(`${CANARY}-secret`), dpop: true })
  const request = await client.authorizationRequest({ extra: { hint: `${CANARY}-hint` } })
  for (const value of [
    token,
    client,
    new OAuth2Auth({ client, token }),
    request,
    { nested: [token, client, request] },
  ]) {
    expect(shown(value)).not.toContain(CANARY)
  }
  expect(shown(request)).not.toContain(request.state)
  expect(`${token}`).toBe('Token { Bearer }')
  // What is meant to be stored has it all.
  expect(JSON.stringify(token.toData())).toContain(`${CANARY}-refresh`)
})

test.each([
  ['basic', clientAuth.basic(`${ODD}-secret`)],
  ['post', clientAuth.post(`${ODD}-secret`)],
  ['secretJwt', clientAuth.secretJwt(`${CANARY}-secret-0123456789-0123456789`)],
] satisfies [string, ClientAuth][])(
  'errors of every kind show none, even of a server that repeats them: %s',
  async (_, auth) => {
    await using server = await FakeServer.start({
      '/token': ({ form, headers }, count) => {
        const [, basic = ''] = /Basic (.*)/.exec(headers.authorization ?? '') ?? []
        const echo = `${String(form)} ${[...form.values()].join(' ')} ${headers.authorization} ${Buffer.from(basic, 'base64').toString()}`
        if (count % 3 === 0) return { breaks: true }
        if (count % 3 === 1) return { status: 400, body: { error: 'invalid_grant', error_description: echo } }
        return { status: 500, body: `<html>${echo}</html>` }
      },
    })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c', auth })
    const calls = [
      () => client.refresh(new Token(data)),
      () => client.password('ahab', `${ODD}-password`),
      () => client.jwtBearer(`${CANARY}-assertion`),
      () => client.tokenExchange({ subjectToken: `${CANARY}-subject`, actorToken: `${CANARY}-actor` }),
      () => client.grant('urn:x', { device_code: `${CANARY}-device`, code: `${CANARY}-code` }),
      () => new OAuth2Auth({ client, token: { ...data, expiresAt: 1, dpopKey: undefined } as never }).token(),
    ]
    for (const call of [...calls, ...calls, ...calls]) {
      const error = await call().catch((error: unknown) => error)
      expect(error).toBeInstanceOf(Error)
      expect(shown(error)).not.toContain(CANARY)
    }
  },
)

test('errors of requests, stores and callbacks show none', async () => {
  await using server = await FakeServer.start({})
  const client = new OAuth2Client({
    metadata: server.metadata,
    clientId: 'c',
    redirectUri: 'https://client.example/cb',
  })
  const request = await client.authorizationRequest()
  const callback = `/cb?code=${CANARY}-code&state=${CANARY}-state`
  const errors = [
    await client.exchange(callback, request).catch((error: unknown) => error),
    await client.exchange(`/cb?code=${CANARY}-code&state=${request.state}`, request).catch((error: unknown) => error),
    await client.userinfo(new Token(data)).catch((error: unknown) => error),
    await client.introspect(`${CANARY}-access`).catch((error: unknown) => error),
    await client.revoke(`${CANARY}-access`).catch((error: unknown) => error),
  ]
  try {
    Token.fromData({ ...data, expiresAt: CANARY } as never)
  } catch (error) {
    errors.push(error)
  }
  try {
    clientAuth.privateKeyJwt(`-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`)
  } catch (error) {
    errors.push(error)
  }
  expect(errors).toHaveLength(7)
  for (const error of errors) {
    expect(error).toBeInstanceOf(Error)
    expect(shown(error)).not.toContain(CANARY)
  }
})

test('requests and responses show none, even if the token travels in the query', async () => {
  await using server = await FakeServer.start({
    '/token': () => ({ body: { access_token: `${CANARY}-access`, token_type: 'Bearer' } }),
    '*': () => ({}),
  })
  const client = new OAuth2Client({
    metadata: server.metadata,
    clientId: 'c',
    auth: clientAuth.post(`${CANARY}-secret`),
  })
  await using session = new Session({
    auth: new OAuth2Auth({ client, obtain: 'client_credentials', placement: 'query' }),
  })
  const response = await session.get(`${server.url}/api`)
  expect(server.to('/api')[0]?.query.get('access_token')).toBe(`${CANARY}-access`)
  expect(
    [inspect(response), JSON.stringify(response), inspect(response.request), inspect(session)].join('\n'),
  ).not.toContain(CANARY)
})
