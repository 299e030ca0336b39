import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import {
  type AuthInit,
  BasicAuth,
  BearerAuth,
  DigestAuth,
  type PreparedRequest,
  Retry,
  Session,
  UsageError,
} from '@entreat/core'
import { failureOf, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
let paths = 0

/** The Authorization header that a scheme sends. */
async function sentBy(auth: AuthInit): Promise<string | null> {
  const path = `/signed-${++paths}`
  await using session = new Session()
  await session.get(site().on(path, reply(200)), { auth })
  return site().last(path).header('authorization')
}

function basic(bytes: string, encoding: BufferEncoding): string {
  return `Basic ${Buffer.from(bytes, encoding).toString('base64')}`
}

test.each<[what: string, auth: AuthInit, value: string]>([
  ['ASCII', ['user', 'pass'], basic('user:pass', 'utf8')],
  ['Latin-1 as Latin-1', ['üser', 'päss'], basic('üser:päss', 'latin1')],
  ['other text as UTF-8', ['пользователь', 'pass'], basic('пользователь:pass', 'utf8')],
  ['bytes as they are', [new Uint8Array([0xff]), new Uint8Array([0])], 'Basic /zoA'],
  ['nothing at all', ['', ''], 'Basic Og=='],
  ['numbers as text', [42, 42] as never, basic('42:42', 'utf8')],
  ['colons in the password', ['u', 'a:b'], basic('u:a:b', 'utf8')],
])('Basic sends %s (RFC 7617 section 2)', async (_what, auth, value) => {
  expect(await sentBy(auth)).toBe(value)
})

test.each([
  ['undefined', undefined],
  ['null', null],
  ['a record', {}],
])('no scheme takes %s for a password, as of a variable that is not set', async (_what, nothing) => {
  await using session = new Session()
  const error = await failureOf(session.get(`${site().url}/get`, { auth: ['user', nothing as never] }))
  expect(error).toBeInstanceOf(UsageError)
  expect(() => new DigestAuth('user', nothing as never)).toThrow(UsageError)
  expect(() => new DigestAuth(nothing as never, 'password')).toThrow(UsageError)
})

test('Basic is refused with wrong credentials, once', async () => {
  await using session = new Session()
  const before = site().server.requests.length
  expect((await session.get(`${site().url}/basic-auth/u/p`, { auth: ['u', 'wrong'] })).statusCode).toBe(401)
  expect(site().server.requests.length - before).toBe(1)
})

test('Bearer sends a token, or asks for one each time (RFC 6750 section 2.1)', async () => {
  expect(await sentBy(new BearerAuth('abc'))).toBe('Bearer abc')
  let asked = 0
  const auth = new BearerAuth(async () => `token-${++asked}`)
  expect([await sentBy(auth), await sentBy(auth)]).toEqual(['Bearer token-1', 'Bearer token-2'])
})

test('Bearer passes what its source throws through unchanged', async () => {
  const failure = new Error('no token')
  const auth = new BearerAuth(() => Promise.reject(failure))
  await using session = new Session()
  expect(await failureOf(session.get(`${site().url}/bearer`, { auth }))).toBe(failure)
})

test('Bearer refuses a token that would break the header', async () => {
  await using session = new Session()
  const call = session.get(`${site().url}/bearer`, { auth: new BearerAuth('a\r\nX-Evil: 1') })
  await expect(call).rejects.toMatchObject({ code: 'ERR_INVALID_HEADER' })
})

test('a function signs the request in place', async () => {
  expect(await sentBy((request) => request.headers.set('Authorization', 'Own 1'))).toBe('Own 1')
})

test('an asynchronous function signs by giving another request', async () => {
  const auth = async (request: PreparedRequest): Promise<PreparedRequest> => {
    const signed = request.copy()
    signed.headers.set('Authorization', `Own ${signed.method} ${signed.pathUrl}`)
    return signed
  }
  expect(await sentBy(auth)).toBe(`Own GET /signed-${paths}`)
})

test('a function that gives another request has its URL, method and body sent', async () => {
  await using session = new Session()
  site().on('/by-function', reply(200))
  const auth = (request: PreparedRequest): PreparedRequest => {
    const signed = request.copy()
    signed.method = 'PUT'
    signed.url = `${site().url}/by-function?signed=1`
    signed.body = 'signed' as never
    return signed
  }
  await session.post(`${site().url}/post`, { data: 'x', auth })
  const { method, url, body } = site().last('/by-function')
  expect([method, url, body.toString()]).toEqual(['PUT', '/by-function?signed=1', 'signed'])
  expect(site().last('/by-function').header('content-length')).toBe('6')
})

test('a signing function sees the finished request: body, cookies and all', async () => {
  await using session = new Session({ cookies: { c: '1' } })
  let seen: unknown
  const auth = (request: PreparedRequest): void => {
    const { headers, pathUrl } = request
    seen = [pathUrl, headers.get('cookie'), headers.get('content-length'), headers.get('content-type')]
  }
  await session.post(`${site().url}/post`, { params: { a: 1 }, json: { b: 2 }, auth })
  expect(seen).toEqual(['/post?a=1', 'c=1', '7', 'application/json'])
})

test('passes what a signing function throws through unchanged', async () => {
  const failure = new Error('no key')
  const auth = (): never => {
    throw failure
  }
  await using session = new Session()
  expect(await failureOf(session.get(`${site().url}/get`, { auth }))).toBe(failure)
})

test('leaves what it signed out of the request above: nothing is signed twice over', async () => {
  await using session = new Session()
  const auth = (request: PreparedRequest): void => request.headers.append('X-Signed', '1')
  await session.get(`${site().url}/redirect/2`, { auth })
  expect(site().last('/get').header('x-signed')).toBe('1')
})

test('signs every attempt anew when a request is retried', async () => {
  await using session = new Session()
  let count = 0
  const auth = (request: PreparedRequest): void => request.headers.set('Authorization', `Own ${++count}`)
  await session.get(`${site().url}/flaky/signed-anew/2`, {
    auth,
    retry: new Retry({ total: 3, statusForcelist: [503] }),
  })
  const sent = site()
    .received('/flaky/signed-anew/2')
    .map((request) => request.header('authorization'))
  expect(sent).toEqual(['Own 1', 'Own 2', 'Own 3'])
})

test.each([
  ['BasicAuth', new BasicAuth('user', 's3cret')],
  ['BearerAuth', new BearerAuth('s3cret')],
])('%s shows no secret when it is printed', (_name, auth) => {
  const shown = inspect(auth, { showHidden: true, depth: 5 }) + JSON.stringify(auth)
  expect(shown).not.toMatch(/s3cret|dXNlcjpzM2NyZXQ=/)
})

test('BasicAuth has one pool key for equal credentials, and others for others', () => {
  expect(new BasicAuth('a', 'b').poolKey).toBe(new BasicAuth('a', 'b').poolKey)
  expect(new BasicAuth('a', 'b').poolKey).not.toBe(new BasicAuth('a', 'c').poolKey)
})
