import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OAuth2Client, OAuthError, Token, type TokenData, TokenRequestError } from '../../src/index.ts'
import { readTokenResponse } from '../../src/oauth2/token-response.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type FakeAnswer, FakeServer } from '../support/fake-server.ts'

// What the token endpoint answers, right and wrong. Traps 17, 30, 35, 43 and 44.

const requestedAt = 1_700_000_000_000
const context = { endpoint: 'https://server.example/token', requestedAt, scopeSeparator: ' ' }

function read(body: Record<string, unknown>): Token {
  return readTokenResponse({ access_token: 't0ken', token_type: 'Bearer', ...body }, context)
}

describe('a lifetime', () => {
  // Trap 17.
  test.each([
    [3600, 3_600_000],
    ['3600', 3_600_000],
    [' 3600 ', 3_600_000],
    [0.5, 500],
    [1e12, 10 * 365 * 24 * 3_600_000],
    ['99999999999', 10 * 365 * 24 * 3_600_000],
  ])('of %o is %i milliseconds', (given, expected) => {
    expect(read({ expires_in: given }).expiresAt).toBe(requestedAt + expected)
  })

  test.each([undefined, null, 0, -1, '', 'soon', Number.NaN, {}, [], true, '0', Number.POSITIVE_INFINITY])(
    'of %o is not known',
    (given) => {
      const token = read({ expires_in: given })
      expect(token.expiresAt).toBeUndefined()
      expect(token.expired(0, Number.MAX_SAFE_INTEGER)).toBe(false)
    },
  )

  test.each([
    ['2023-11-14T22:23:20Z', 600_000],
    [1_700_000_600, 600_000],
    ['1700000600', 600_000],
    [1_700_000_600_000, 600_000],
  ])('that ends at %o is known too', (given, expected) => {
    expect(read({ expires_at: given }).expiresAt).toBe(requestedAt + expected)
  })

  test.each([1, 'yesterday', null])('that ended at %o is not known', (given) => {
    expect(read({ expires_at: given }).expiresAt).toBeUndefined()
  })
})

describe('a scope', () => {
  // Trap 35: narrowed or widened, it is what was granted.
  test.each([
    ['a b', ['a', 'b']],
    ['a  b ', ['a', 'b']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    ['', []],
    [null, ['asked']],
    [undefined, ['asked']],
    [7, ['asked']],
  ])('of %o is %o', (given, expected) => {
    const body = { access_token: 't', token_type: 'Bearer', scope: given }
    expect(readTokenResponse(body, { ...context, requestedScope: ['asked'] }).scope).toEqual(expected)
  })
})

describe('a refresh token', () => {
  // Trap 44, and the defect of simple-oauth2 that loses it.
  test.each([undefined, null, '', 7])('of %o keeps the one before', (given) => {
    const previous: Partial<TokenData> = { refreshToken: 'r3fresh', scope: ['a'], raw: { tenant: 'blue' } }
    const token = readTokenResponse(
      { access_token: 't', token_type: 'Bearer', refresh_token: given },
      { ...context, previous },
    )
    expect(token.refreshToken).toBe('r3fresh')
    expect(token.scope).toEqual(['a'])
    expect(token.raw['tenant']).toBe('blue')
  })

  test('that is new takes its place', () => {
    const body = { access_token: 't', token_type: 'Bearer', refresh_token: 'n3w', tenant: 'red' }
    const token = readTokenResponse(body, {
      ...context,
      previous: { refreshToken: 'r3fresh', raw: { tenant: 'blue' } },
    })
    expect(token.refreshToken).toBe('n3w')
    expect(token.raw['tenant']).toBe('red')
  })
})

describe('an answer', () => {
  const json = (body: unknown, status = 200): FakeAnswer => ({ status, body })
  const html = (status: number): FakeAnswer => ({ status, body: '<html>Bad Gateway</html>' })
  const form = (body: string, type = 'application/x-www-form-urlencoded'): FakeAnswer => ({
    body,
    headers: { 'Content-Type': type },
  })

  async function ask(answer: FakeAnswer): Promise<Token> {
    await using server = await FakeServer.start({ '/token': () => answer })
    return await new OAuth2Client({ metadata: server.metadata, clientId: 'c' }).clientCredentials()
  }

  // Trap 30.
  test.each([
    ['200 with an error', json({ error: 'invalid_scope', error_description: 'no' }), 'invalid_scope'],
    ['200 with nothing', json({}), 'invalid_response'],
    ['200 with a list', json([1]), 'invalid_response'],
    ['200 with half a JSON', form('{"access_token": "t', 'application/json'), 'invalid_response'],
    ['200 with HTML', html(200), 'invalid_response'],
    ['200 with an empty body', form('', 'text/plain'), 'invalid_response'],
    ['200 with an empty token', json({ access_token: '', token_type: 'Bearer' }), 'invalid_response'],
    ['200 with a token that is no text', json({ access_token: { a: 1 }, token_type: 'Bearer' }), 'invalid_response'],
    [
      '200 with a token that no header can carry',
      json({ access_token: 't\r\nX: 1', token_type: 'Bearer' }),
      'invalid_response',
    ],
    ['200 without token_type', json({ access_token: 't' }), 'invalid_response'],
    ['200 with a form that says no', form('error=access_denied'), 'access_denied'],
    ['400 with an error', json({ error: 'invalid_grant' }, 400), 'invalid_grant'],
    ['401 with an error', json({ error: 'invalid_client' }, 401), 'invalid_client'],
    ['502 with HTML', html(502), 'invalid_response'],
    ['404 with nothing', json({}, 404), 'invalid_response'],
  ])('of %s is an error', async (_, answer, error) => {
    const caught = await ask(answer).catch((error: unknown) => error as TokenRequestError)
    expect(caught).toBeInstanceOf(TokenRequestError)
    expect(caught).toMatchObject({ error })
  })

  test.each([
    ['JSON', json({ access_token: 't0ken', token_type: 'bearer' })],
    ['JSON without a content type', form('{"access_token":"t0ken","token_type":"bearer"}', 'text/plain')],
    ['a form', form('access_token=t0ken&token_type=bearer&scope=a+b')],
    ['a form that repeats itself', form('access_token=t0ken&access_token=other&token_type=bearer')],
    ['a form as text', form('access_token=t0ken&token_type=bearer', 'text/plain; charset=utf-8')],
  ])('in %s is a token', async (_, answer) => {
    expect((await ask(answer)).accessToken).toBe('t0ken')
  })

  test('of 502 leaves open what has happened', async () => {
    await expect(ask(html(502))).rejects.toMatchObject({ outcome: 'unknown' })
    await expect(ask(html(500))).rejects.toMatchObject({ outcome: 'rejected' })
  })

  test('larger than 1 MiB is refused', async () => {
    const body = { access_token: 't', token_type: 'Bearer', padding: 'x'.repeat(1024 * 1024) }
    await expect(ask(json(body))).rejects.toMatchObject({ error: 'transport_error' })
  })

  test('that is cut off leaves open what has happened', async () => {
    await using server = await FakeServer.start({ '/token': () => ({ breaks: true }) })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    await expect(client.clientCredentials()).rejects.toMatchObject({ error: 'transport_error', outcome: 'unknown' })
  })

  test('that takes too long leaves open what has happened', async () => {
    let answer = (): void => {}
    const answered = new Promise<void>((resolve) => (answer = resolve))
    await using server = await FakeServer.start({
      '/token': async () => {
        await answered
        return json({})
      },
    })
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c', timeout: 100 })
    await expect(client.clientCredentials()).rejects.toMatchObject({
      outcome: 'unknown',
      message: `POST ${server.url}/token: no usable answer (TotalTimeout)`,
    })
    const leaving = new AbortController()
    const given = client.clientCredentials({ signal: leaving.signal, timeout: 20_000 })
    await expect.poll(() => server.seen.length).toBe(2)
    leaving.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    answer()
  })

  test('that never came because nobody listens was not sent', async () => {
    const server = await FakeServer.start({})
    await server.close()
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    await expect(client.clientCredentials()).rejects.toMatchObject({ error: 'transport_error', outcome: 'not-sent' })
  })

  // Trap 43.
  test('cannot reach a prototype', async () => {
    const body =
      '{"access_token":"t0ken","token_type":"Bearer","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
    const token = await ask(form(body, 'application/json'))
    expect((token.raw as { polluted?: boolean }).polluted).toBeUndefined()
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(Object.keys(token.raw)).not.toContain('__proto__')
  })

  test('of any JSON is a token or a TokenRequestError', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (body) => {
        try {
          expect(readTokenResponse(Object.assign(Object.create(null), body), context)).toBeInstanceOf(Token)
        } catch (error) {
          expect(error).toBeInstanceOf(OAuthError)
        }
      }),
    )
  })
})

test('a stored token is read back as it was, or not at all', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          accessToken: fc.string({ minLength: 1 }),
          tokenType: fc.string(),
          expiresAt: fc.integer(),
          refreshToken: fc.string({ minLength: 1 }),
          scope: fc.array(fc.string()),
          raw: fc.dictionary(fc.string(), fc.string()),
        },
        { requiredKeys: ['accessToken', 'tokenType'] },
      ),
      (data) => {
        const token = Token.fromData(JSON.parse(JSON.stringify(new Token(data).toData())) as TokenData)
        expect(JSON.stringify(token.toData())).toBe(JSON.stringify(new Token(data).toData()))
      },
    ),
  )
  for (const bad of [null, [], 'x', {}, { accessToken: 1, tokenType: 'Bearer' }, { accessToken: 'a' }]) {
    expect(() => Token.fromData(bad as TokenData)).toThrow(OAuthError)
  }
})

test('a clock of one’s own decides when a token has ended', () => {
  const clock = new FakeClock(requestedAt)
  const token = read({ expires_in: 10 })
  expect(token.expired(0, clock.now())).toBe(false)
  clock.pass(10_000)
  expect(token.expired(0, clock.now())).toBe(true)
})
