import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import {
  type PreparedRequest,
  Request,
  RequestException,
  type RequestOptions,
  Session,
  type SessionOptions,
} from '@entreat/core'
import { failureOf, RawServer, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
const SECRET = 's3cret'
/** The secret as it is, percent-encoded, and within base64 in any of its three alignments. */
const ANY_SECRET = /s3cret|s3%63ret|czNjcmV0|MzY3JldA|M2NyZX|zM2Ny/i

const SETTINGS: SessionOptions = {
  auth: ['user', SECRET],
  headers: { 'X-Api-Key': SECRET, 'Proxy-Authorization': `Basic ${SECRET}` },
  cookies: { session: SECRET },
  trustEnv: false,
}

/** Everything that an error, and what it carries, says of itself. */
function everythingSaid(error: unknown): string {
  const { request, response, cause, stack } = error as RequestException
  const said = [error, request, response, cause, request?.headers, response?.headers, response?.cookies]
  return [
    ...said.map((value) => inspect(value, { depth: 10, showHidden: true })),
    ...[error, request, response].map((value) => JSON.stringify(value)),
    String(error),
    stack,
  ].join('\n')
}

/** How a call fails. */
type Failing = (session: Session) => Promise<unknown>

const url = (path: string): string =>
  `${site().url.replace('//', `//user:${SECRET}@`)}${path}?token=${SECRET}&access_token=${SECRET}&oauth_signature=${SECRET}&a=1#f`

const FAILURES: Readonly<Record<string, Failing>> = {
  'a status': async (session) => (await session.get(url('/status/404'))).raiseForStatus(),
  'a reset connection': (session) => session.get(url('/reset')),
  'a read timeout': (session) => session.get(url('/never'), { timeout: 30 }),
  'a total timeout': (session) => session.get(url('/never'), { timeout: { total: 30 } }),
  'too many redirects': (session) => session.get(url('/redirect/5'), { maxRedirects: 1 }),
  'a truncated body': (session) => session.get(url('/truncated')),
  'JSON that is none': async (session) => (await session.get(url('/html'))).json(),
  'a body unread': async (session) => {
    const response = await session.get(url('/html'), { stream: true })
    response.close()
    await response.read()
    const other = await session.get(url('/html'), { stream: true })
    return other.content
  },
  'a body too long': (session) => session.get(url('/bytes/1000'), { limits: { decodedBytes: 10 } }),
  'a bad coding': (session) =>
    session.get(url(new URL(site().on('/secret-coding', reply(200, { 'Content-Encoding': 'gzip' }, 'x'))).pathname)),
  'retries used up': async (session) => {
    const { Retry } = await import('@entreat/core')
    return session.get(url('/status/500'), { retry: new Retry({ total: 1, statusForcelist: [500] }) })
  },
  'a body that cannot be sent again': (session) =>
    session.post(url(new URL(site().on('/secret-307', reply(307, { Location: '/post' }))).pathname), {
      data: [Buffer.from('x')].values(),
    }),
  'a redirect to nowhere': (session) =>
    session.get(
      url(
        new URL(site().on('/secret-302', reply(302, { Location: `http://user:${SECRET}@[bad/?token=${SECRET}` })))
          .pathname,
      ),
    ),
  'a redirect to another scheme': (session) =>
    session.get(
      url(
        new URL(site().on('/secret-ftp', reply(302, { Location: `ftp://user:${SECRET}@host/?token=${SECRET}` })))
          .pathname,
      ),
    ),
  'a refused connection': async (session) => {
    const gone = await RawServer.start(() => {})
    const port = new URL(gone.url).port
    await gone[Symbol.asyncDispose]()
    return session.get(`http://user:${SECRET}@127.0.0.1:${port}/?token=${SECRET}`)
  },
  'a refused proxy': async (session) => {
    const gone = await RawServer.start(() => {})
    const port = new URL(gone.url).port
    await gone[Symbol.asyncDispose]()
    return session.get(url('/get'), { proxies: { all: `http://user:${SECRET}@127.0.0.1:${port}` } })
  },
  'a proxy URL without host': (session) => session.get(url('/get'), { proxies: { all: `http://user:${SECRET}@` } }),
  'a proxy URL with a bad port': (session) =>
    session.get(url('/get'), { proxies: { all: `http://user:${SECRET}@host:port` } }),
  'a proxy URL without scheme and with a bad port': (session) =>
    session.get(url('/get'), { proxies: { all: `user:${SECRET}@host:99999` } }),
  'a proxy of another scheme': (session) =>
    session.get(url('/get'), { proxies: { all: `gopher://user:${SECRET}@host` } }),
  'a closed session': async (session) => {
    const running = failureOf(session.get(url('/never')))
    await session.close()
    throw await running
  },
}

test.each(Object.entries(FAILURES))('says no secret after %s', async (_what, fail) => {
  await using session = new Session(SETTINGS)
  const error = await failureOf(fail(session))
  expect(error).toBeInstanceOf(RequestException)
  expect(everythingSaid(error)).not.toMatch(ANY_SECRET)
})

test.each([
  ['without scheme', `user:${SECRET}@example.com/x`],
  ['without scheme but slashes', `//user:${SECRET}@example.com/x`],
  ['without scheme, with a token', `example.com/x?access_token=${SECRET}`],
  ['of an unknown scheme', `gopher://user:${SECRET}@example.com/x`],
  ['without host', `http://user:${SECRET}@/x`],
  ['with a bad port', `http://user:${SECRET}@host:port/`],
  ['with a bad host', `http://user:${SECRET}@ho st/`],
  ['with a slash in its password', `http://user:${SECRET}/x@example.com/`],
  ['with a hash in its password', `http://user:${SECRET}#x@example.com/`],
  ['with a question mark in its password', `http://user:${SECRET}?x@example.com/`],
  ['with an at sign in its password', `http://user:${SECRET}@x@exa mple.com/`],
  ['with one slash', `http:/user:${SECRET}@example.com/`],
  ['with a backslash', `http:\\\\user:${SECRET}@example.com/`],
  ['with a token in its fragment', `http://exa mple.com/#access_token=${SECRET}`],
])('says no secret of a URL %s', async (_what, text) => {
  await using session = new Session({ trustEnv: false })
  const error = await failureOf(session.get(text))
  expect(error).toBeInstanceOf(RequestException)
  expect(everythingSaid(error)).not.toMatch(ANY_SECRET)
})

test.each<[what: string, options: RequestOptions]>([
  ['a header', { headers: { Authorization: `Bearer ${SECRET}\n` } }],
  ['a cookie', { headers: { Cookie: `a=${SECRET}\0` } }],
  ['auth', { auth: [SECRET, SECRET, SECRET] as never }],
  ['auth as text', { auth: `user:${SECRET}` as never }],
  ['params', { params: { token: { secret: SECRET } } as never }],
  ['a key', { cert: { cert: Buffer.from('x'), key: Buffer.from(SECRET), passphrase: SECRET } }],
])('says no secret of %s that it refuses', async (_what, options) => {
  await using session = new Session({ trustEnv: false })
  const error = await failureOf(session.get('https://127.0.0.1:1/', options))
  expect(everythingSaid(error)).not.toMatch(ANY_SECRET)
})

test('says method, URL and phase', async () => {
  await using session = new Session()
  const error = (await failureOf(session.put(`${site().url}/never?a=1`, { timeout: 30 }))) as RequestException
  expect(error.message).toContain(`PUT ${site().url}/never?a=1`)
  expect(error.message).toContain('timeout.read = 30 ms')
  expect(error.toJSON()).toEqual({
    name: 'ReadTimeout',
    code: 'ERR_READ_TIMEOUT',
    message: error.message,
    method: 'PUT',
    url: `${site().url}/never?a=1`,
  })
})

test('shows no request, response or document among its own keys', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/html`)
  const error = await failureOf((async () => response.json())())
  expect(Object.keys(error as object)).toEqual([])
})

test('prints requests and headers without their secrets', async () => {
  const session = new Session({ ...SETTINGS, sensitiveHeaders: ['X-Own'] })
  const headers = {
    Cookie: `a=${SECRET}`,
    'X-Auth-Token': SECRET,
    'Api-Key': SECRET,
    'X-Amz-Security-Token': SECRET,
    'X-Access-Token': SECRET,
  }
  const prepared: PreparedRequest = await session.prepareRequest(new Request('GET', url('/get'), { headers }))
  const options = { depth: 10, showHidden: true }
  expect(inspect(prepared, options) + inspect(prepared.headers, options) + JSON.stringify(prepared)).not.toMatch(
    ANY_SECRET,
  )
})

test('prints an unprepared request without its secrets', () => {
  const request = new Request('GET', `http://user:${SECRET}@x.example/?token=${SECRET}`, {
    auth: ['user', SECRET],
    headers: { Authorization: SECRET },
  })
  expect(inspect(request, { depth: 10 }) + JSON.stringify(request)).not.toMatch(ANY_SECRET)
})

test('passes the reason of the signal through unchanged', async () => {
  await using session = new Session()
  const reason = { any: 'thing' }
  const controller = new AbortController()
  const pending = session.get(
    site().on('/secret-abort', () => controller.abort(reason)),
    { signal: controller.signal },
  )
  expect(await failureOf(pending)).toBe(reason)
})
