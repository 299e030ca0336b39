import { expect, test } from 'vitest'
import {
  InvalidSchema,
  InvalidURL,
  LimitExceededError,
  RequestException,
  Session,
  TooManyRedirects,
  UnrewindableBodyError,
} from '@entreat/core'
import { failureOf, RawServer, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
let hops = 0

/** A path that redirects to a Location. */
function redirecting(status: number, location: string, extra: Record<string, string> = {}, body = ''): string {
  return site().on(`/from-${++hops}`, reply(status, { Location: location, ...extra }, body))
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PURGE']
const STATUSES = [301, 302, 303, 307, 308]

/** RFC 9110 sections 15.4.2 to 15.4.9, as Requests reads them. */
function expectedMethod(method: string, status: number): string {
  if (status >= 307 || method === 'HEAD') return method
  if (status === 301) return method === 'POST' ? 'GET' : method
  return 'GET'
}

test.each(
  METHODS.flatMap((method) => STATUSES.map((status) => [status, method, expectedMethod(method, status)] as const)),
)('%i turns %s into %s (RFC 9110 section 15.4)', async (status, method, expected) => {
  const path = `/to-${method}-${status}`
  site().on(path, reply(200))
  await using session = new Session()
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const options = hasBody ? { data: 'body', headers: { 'Content-Type': 'x/y' } } : {}
  const response = await session.request(method, redirecting(status, path), { ...options, allowRedirects: true })
  const { body, method: sent } = site().last(path)
  expect(sent).toBe(expected)
  expect(response.request.method).toBe(expected)
  const keepsBody = hasBody && status >= 307
  expect(body.toString()).toBe(keepsBody ? 'body' : '')
  expect(site().last(path).header('content-type')).toBe(keepsBody ? 'x/y' : null)
  expect(site().last(path).header('transfer-encoding')).toBeNull()
  if (!keepsBody) expect(site().last(path).header('content-length') ?? '0').toBe('0')
})

test.each([201, 300, 304, 305, 306, 309])('does not follow a %i with Location', async (status) => {
  await using session = new Session()
  const response = await session.get(redirecting(status, '/get'))
  expect([response.statusCode, response.isRedirect, response.history]).toEqual([status, false, []])
})

test('does not follow an empty Location', async () => {
  await using session = new Session()
  const response = await session.get(redirecting(302, ''))
  expect([response.statusCode, response.isRedirect, response.next]).toEqual([302, true, null])
})

test('says which redirects are permanent', async () => {
  await using session = new Session()
  const permanent = await Promise.all(
    STATUSES.map(
      async (status) => (await session.get(redirecting(status, '/get'), { allowRedirects: false })).isPermanentRedirect,
    ),
  )
  expect(permanent).toEqual([true, false, false, false, true])
})

test.each([
  ['a path', '/abs?x=1', '/abs?x=1'],
  ['a relative path', 'rel', '/dir/rel'],
  ['a path above', '../up', '/up'],
  ['a query', '?q=1', '/dir/page?q=1'],
  ['dot segments', '/a/./b/../c', '/a/c'],
  ['spaces', '/with space', '/with%20space'],
  ['broken escapes', '/%zz/%7e', '/%25zz/%257e'],
])('resolves %s in Location (RFC 3986 section 5.2)', async (what, location, target) => {
  site().on(target.split('?')[0] as string, reply(200))
  await using session = new Session()
  const first = `/dir/page`
  site().on(first, reply(302, { Location: location }))
  if (what === 'a query')
    site().on(first, (request, response) =>
      reply(request.url === first ? 302 : 200, { Location: location })(request, response),
    )
  const response = await session.get(site().url + first)
  expect(response.request.pathUrl).toBe(target)
})

test('follows a Location whose scheme is in upper case', async () => {
  await using session = new Session()
  const response = await session.get(redirecting(302, `${site().url.replace('http', 'HTTP')}/get`))
  expect([response.statusCode, response.url]).toEqual([200, `${site().url}/get`])
})

test('resolves a Location without a scheme', async () => {
  site().on('/schemeless', reply(200))
  await using session = new Session()
  const { url } = await session.get(redirecting(302, `${site().otherHostUrl.replace('http:', '')}/schemeless`))
  expect(url).toBe(`${site().otherHostUrl}/schemeless`)
})

test('reads a Location as UTF-8', async () => {
  await using session = new Session()
  const response = await session.get(redirecting(302, Buffer.from('/get?ä=š').toString('latin1')))
  expect(response.request.pathUrl).toBe('/get?%C3%A4=%C5%A1')
})

test.each([
  ['with a bad port', 'http://host:abc/'],
  ['without a host', 'http://:1'],
  ['with a port out of range', 'http://127.0.0.1:99999/'],
  ['with an open bracket', 'http://[bad/'],
  ['with a space in its host', 'http://a b/'],
  ['that is not UTF-8', '/\xff\xfe'],
])('refuses a Location %s', async (_what, location) => {
  await using session = new Session()
  const error = await failureOf(session.get(redirecting(302, location)))
  expect(error).toBeInstanceOf(RequestException)
  expect(error).toBeInstanceOf(InvalidURL)
})

test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'javascript:alert(1)', 'data:,x', 'mailto:a@b.c'])(
  'refuses a redirect to %s',
  async (location) => {
    await using session = new Session()
    expect(await failureOf(session.get(redirecting(302, location)))).toBeInstanceOf(InvalidSchema)
  },
)

// ── fragments (RFC 9110 section 10.2.2) ─────────────────────────────────────

test('passes the fragment on to where Location has none', async () => {
  await using session = new Session()
  const response = await session.get(`${redirecting(302, '/get')}#own`)
  expect(response.url).toBe(`${site().url}/get#own`)
  expect(site().last('/get').url).toBe('/get')
})

test('takes the fragment of Location, and passes that on', async () => {
  await using session = new Session()
  const second = new URL(redirecting(302, '/get')).pathname
  const response = await session.get(`${redirecting(302, `${second}#theirs`)}#own`)
  expect(response.url).toBe(`${site().url}/get#theirs`)
})

// ── history and limits ──────────────────────────────────────────────────────

test('keeps the history oldest first, each with its own', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/redirect/3`)
  const paths = response.history.map(({ request }) => request.pathUrl)
  expect(paths).toEqual(['/redirect/3', '/relative-redirect/2', '/relative-redirect/1'])
  for (const [index, earlier] of response.history.entries())
    expect(earlier.history).toEqual(response.history.slice(0, index))
})

test('gives up after maxRedirects, with the last response', async () => {
  await using session = new Session()
  const error = (await failureOf(session.get(`${site().url}/redirect/50`, { maxRedirects: 5 }))) as TooManyRedirects
  expect(error).toBeInstanceOf(TooManyRedirects)
  expect(error.message).toBe('Exceeded 5 redirects.')
  expect(error.response?.history).toHaveLength(5)
  expect(error.request?.pathUrl).toBe('/relative-redirect/45')
})

test('follows 30 redirects by default', async () => {
  await using session = new Session()
  expect((await session.get(`${site().url}/redirect/30`)).history).toHaveLength(30)
  await expect(session.get(`${site().url}/redirect/31`)).rejects.toThrow(TooManyRedirects)
})

test('follows none with maxRedirects 0', async () => {
  await using session = new Session({ maxRedirects: 0 })
  await expect(session.get(`${site().url}/redirect/1`)).rejects.toThrow('Exceeded 0 redirects.')
})

test('does not count auth legs as redirects', async () => {
  await using session = new Session({ maxRedirects: 1 })
  const { DigestAuth } = await import('@entreat/core')
  const target = '/digest-auth/auth/u/p'
  const response = await session.get(redirecting(302, target), { auth: new DigestAuth('u', 'p') })
  expect(response.history.map(({ statusCode }) => statusCode)).toEqual([302, 401])
})

test('gives response.next where redirects are not followed', async () => {
  await using session = new Session({ auth: ['u', 'p'] })
  const response = await session.post(redirecting(303, '/get?next=1'), { data: 'x', allowRedirects: false })
  expect(response.next?.method).toBe('GET')
  expect(response.next?.url).toBe(`${site().url}/get?next=1`)
  expect(response.next?.body).toBeNull()
  const followed = await session.send(response.next as NonNullable<typeof response.next>)
  expect(followed.json()).toMatchObject({ args: { next: '1' }, headers: { Authorization: 'Basic dTpw' } })
})

test.each(['http://host:abc/', 'ftp://x/', ''])(
  'makes no error of a Location %j that it does not follow',
  async (location) => {
    await using session = new Session()
    expect((await session.get(redirecting(302, location), { allowRedirects: false })).statusCode).toBe(302)
  },
)

// ── bodies on the way ───────────────────────────────────────────────────────

test('keeps the bodies of redirects readable', async () => {
  await using session = new Session()
  const response = await session.get(redirecting(302, '/get', {}, 'moved'))
  expect(response.history[0]?.text).toBe('moved')
})

test('reads no more than drainedBytes of a redirect, and says so in history', async () => {
  await using session = new Session({ limits: { drainedBytes: 1000 } })
  const response = await session.get(redirecting(302, '/get', {}, 'x'.repeat(5000)))
  expect(response.statusCode).toBe(200)
  expect(() => response.history[0]?.content).toThrow(LimitExceededError)
})

test('gives up the connection of a redirect that is longer than drainedBytes', async () => {
  await using session = new Session({ limits: { drainedBytes: 1000 } })
  const before = site().server.connectionCount
  const response = await session.get(redirecting(302, '/get', {}, 'x'.repeat(2_000_000)))
  expect(() => response.history[0]?.content).toThrow(LimitExceededError)
  expect(site().server.connectionCount - before).toBe(2)
})

test('follows a redirect whose body is endless', async () => {
  const url = site().on(`/endless`, (_request, response) => {
    response.writeHead(302, { Location: '/get' })
    const write = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', write)
    write()
  })
  await using session = new Session({ limits: { drainedBytes: 100_000 } })
  expect((await session.get(url)).statusCode).toBe(200)
})

test('follows a redirect whose body is not what its Content-Encoding says', async () => {
  await using session = new Session()
  const response = await session.get(redirecting(302, '/get', { 'Content-Encoding': 'gzip' }, 'not gzip'))
  expect(response.statusCode).toBe(200)
  expect(() => response.history[0]?.content).toThrow(expect.objectContaining({ code: 'ERR_CONTENT_DECODING' }))
})

test('uses one connection for a chain on one origin', async () => {
  await using session = new Session()
  const before = site().server.connectionCount
  await session.get(`${site().url}/redirect/5`)
  expect(site().server.connectionCount - before).toBe(1)
})

test.each([307, 308])('refuses to send a one-shot body again after a %i, and sends nothing empty', async (status) => {
  await using session = new Session()
  async function* once(): AsyncGenerator<string> {
    yield 'once'
  }
  const target = `/never-reached-${status}`
  site().on(target, reply(200))
  const error = await failureOf(session.post(redirecting(status, target), { data: once() }))
  expect(error).toBeInstanceOf(UnrewindableBodyError)
  expect(site().received(target)).toEqual([])
})

test.each([307, 308])('opens a factory again after a %i', async (status) => {
  await using session = new Session()
  let opened = 0
  async function* factory(): AsyncGenerator<string> {
    yield `body ${++opened}`
  }
  const target = `/reopened-${status}`
  site().on(target, reply(200))
  await session.post(redirecting(status, target), { data: factory })
  expect(site().last(target).body.toString()).toBe('body 2')
})

test('drops a one-shot body where the redirect turns into a GET', async () => {
  await using session = new Session()
  async function* once(): AsyncGenerator<string> {
    yield 'once'
  }
  const response = await session.post(redirecting(303, '/get'), { data: once() })
  expect(response.statusCode).toBe(200)
  expect(site().last('/get').header('transfer-encoding')).toBeNull()
})

test('streams only the last response', async () => {
  await using session = new Session()
  const response = await session.get(redirecting(302, '/bytes/10', {}, 'moved'), { stream: true })
  expect(response.history[0]?.text).toBe('moved')
  expect(() => response.content).toThrow(expect.objectContaining({ code: 'ERR_CONTENT_NOT_READ' }))
  expect((await response.read()).length).toBe(10)
})

test('reads two Location lines as one value, as Requests does', async () => {
  const lines = 'HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n'
  await using server = await RawServer.start((socket, head) => {
    socket.write(head.startsWith('GET /start') ? lines : 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  await using session = new Session()
  const outcome = await session.get(`${server.url}/start`).then(
    ({ url }) => new URL(url).pathname,
    (error: unknown) => error,
  )
  expect(outcome).toBe('/a,%20/b')
})
