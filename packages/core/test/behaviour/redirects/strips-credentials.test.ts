import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestProxy, TestServer } from '@entreat/testkit'
import { type RequestOptions, Session, type SessionOptions } from '@entreat/core'
import { useSite } from '../requests/support/servers.ts'

const site = useSite()
let other: TestServer
beforeAll(async () => {
  other = await TestServer.start()
})
afterAll(() => other.close())

/** A credential: how it is given, and how a server would see it. */
interface Credential {
  readonly session?: SessionOptions
  readonly request?: RequestOptions
  readonly userinfo?: string
  readonly seen: string
}

const SECRET = 's3cret'
const CREDENTIALS: Readonly<Record<string, Credential>> = {
  'the Authorization header': { request: { headers: { authorization: `Token ${SECRET}` } }, seen: 'authorization' },
  'the Authorization header of the session': { session: { headers: { Authorization: SECRET } }, seen: 'authorization' },
  'session auth': { session: { auth: [SECRET, SECRET] }, seen: 'authorization' },
  'auth of the request': { request: { auth: [SECRET, SECRET] }, seen: 'authorization' },
  'auth as a function': {
    request: { auth: (request) => request.headers.set('X-Signature', SECRET) },
    seen: 'x-signature',
  },
  'userinfo of the URL': { userinfo: `user:${SECRET}@`, seen: 'authorization' },
  'the Cookie header': { request: { headers: { Cookie: `a=${SECRET}` } }, seen: 'cookie' },
  'the Cookie header of the session': { session: { headers: { Cookie: `a=${SECRET}` } }, seen: 'cookie' },
  'the Proxy-Authorization header': {
    request: { headers: { 'Proxy-Authorization': SECRET } },
    seen: 'proxy-authorization',
  },
  'a Host override': { request: { headers: { Host: `${SECRET}.example` } }, seen: 'host' },
  'X-Api-Key': { request: { headers: { 'X-Api-Key': SECRET } }, seen: 'x-api-key' },
  'X-Auth-Token of the session': { session: { headers: { 'X-Auth-Token': SECRET } }, seen: 'x-auth-token' },
  'a header that the session calls sensitive': {
    session: { sensitiveHeaders: ['X-Own'] },
    request: { headers: { 'x-own': SECRET } },
    seen: 'x-own',
  },
  'a header that the request calls sensitive': {
    request: { headers: { 'x-own': SECRET }, sensitiveHeaders: ['X-Own'] },
    seen: 'x-own',
  },
}

/** What is bound to a host whatever its port and scheme. */
const COOKIES: Readonly<Record<string, Credential>> = {
  'a cookie of the jar': { session: { cookies: { a: SECRET } }, seen: 'cookie' },
  'a cookie of the request': { request: { cookies: { a: SECRET } }, seen: 'cookie' },
}

const PLACES: Readonly<Record<string, () => string>> = {
  'another port': () => other.url,
  'another host': () => site().otherHostUrl,
  'https on another port': () => site().server.httpsUrl,
}
const STATUSES = [301, 302, 303, 307, 308]

function redirectTo(origin: string, target: string, status: number): string {
  return `${origin}/redirect-to?status_code=${status}&url=${encodeURIComponent(target)}`
}

/** Sends a request with a credential along a chain of redirects that begins at the site. */
async function follow(credential: Credential, url: string, options: RequestOptions = {}): Promise<void> {
  const { session: settings, request, userinfo } = credential
  await using session = new Session({ ...settings, verify: site().server.ca, trustEnv: false })
  const first = userinfo === undefined ? url : url.replace('//', `//${userinfo}`)
  await session.post(first, { data: 'x', ...request, ...options })
}

/** What a server received for a path, of one header. */
function seenAt(server: TestServer, path: string, header: string): string[] {
  return server.requests.filter(({ url }) => url.startsWith(path)).map((request) => request.header(header) ?? '')
}

let chains = 0
const names = Object.keys(CREDENTIALS)
const places = Object.keys(PLACES)
const crossings = STATUSES.flatMap((status) =>
  places.flatMap((place) => names.map((name) => [name, place, status] as const)),
)

test.each(crossings)('sends %s not to %s after a %i', async (name, place, status) => {
  const credential = CREDENTIALS[name] as Credential
  const path = `/anything/${++chains}`
  const origin = (PLACES[place] as () => string)()
  const target = origin + path
  await follow(credential, redirectTo(site().url, target, status))
  const server = origin === other.url ? other : site().server
  const seen = seenAt(server, path, credential.seen)
  expect(seen).toHaveLength(1)
  expect(seen[0]).not.toContain(SECRET)
  // The redirect itself had it: otherwise this test would show nothing.
  expect(seenAt(site().server, '/redirect-to', credential.seen).at(-1)).toMatch(/s3cret|Basic/)
})

test.each(STATUSES.flatMap((status) => names.map((name) => [name, status] as const)))(
  'does not send %s again when a chain of %i comes back to its origin',
  async (name, status) => {
    const credential = CREDENTIALS[name] as Credential
    const path = `/anything/${++chains}`
    const back = redirectTo(other.url, site().url + path, status)
    await follow(credential, redirectTo(site().url, back, status))
    const seen = seenAt(site().server, path, credential.seen)
    expect(seen).toHaveLength(1)
    expect(seen[0]).not.toMatch(/s3cret|Basic/)
  },
)

const DROPPED_ANYWAY = ['the Cookie header', 'the Cookie header of the session', 'the Proxy-Authorization header']

test.each(STATUSES.flatMap((status) => names.map((name) => [name, status] as const)))(
  'keeps or drops %s on its own origin after a %i, as it should',
  async (name, status) => {
    const credential = CREDENTIALS[name] as Credential
    const path = `/anything/${++chains}`
    await follow(credential, redirectTo(site().url, site().url + path, status))
    const [seen] = seenAt(site().server, path, credential.seen)
    if (DROPPED_ANYWAY.includes(name)) expect(seen).toBe('')
    else expect(seen).toMatch(/s3cret|Basic/)
  },
)

test.each(Object.keys(COOKIES).flatMap((name) => STATUSES.map((status) => [name, status] as const)))(
  'sends %s not to another host after a %i',
  async (name, status) => {
    const credential = COOKIES[name] as Credential
    const path = `/anything/${++chains}`
    await follow(credential, redirectTo(site().url, site().otherHostUrl + path, status))
    expect(seenAt(site().server, path, 'cookie')).toEqual([''])
  },
)

test('sends no credential to the target of a redirect hook on another origin', async () => {
  const path = `/anything/${++chains}`
  const hooks = {
    redirect: ({ next }: { next: { url: string } }): void => {
      next.url = other.url + path
    },
  }
  const headers = { Authorization: SECRET, 'X-Api-Key': SECRET }
  await follow({ request: { headers }, seen: '' }, redirectTo(site().url, site().url, 302), { hooks })
  const [sent] = other.requests.filter(({ url }) => url === path)
  expect(sent).toBeDefined()
  expect(JSON.stringify(sent?.headers)).not.toContain(SECRET)
})

test('ignores userinfo in a Location', async () => {
  const path = `/anything/${++chains}`
  await using session = new Session({ trustEnv: false })
  const response = await session.get(redirectTo(site().url, other.url.replace('//', '//evil:s3cret@') + path, 302))
  expect(response.url).toBe(other.url + path)
  expect(seenAt(other, path, 'authorization')).toEqual([''])
})

test('lets userinfo in a Location replace nothing on the same origin', async () => {
  const path = `/anything/${++chains}`
  await using session = new Session({ auth: ['own', 'own'], trustEnv: false })
  await session.get(redirectTo(site().url, site().url.replace('//', '//evil:s3cret@') + path, 302))
  expect(seenAt(site().server, path, 'authorization')).toEqual([`Basic ${btoa('own:own')}`])
})

test('gives response.next no credential for another origin', async () => {
  await using session = new Session({ auth: [SECRET, SECRET], headers: { 'X-Api-Key': SECRET }, trustEnv: false })
  const response = await session.get(redirectTo(site().url, `${other.url}/get`, 302), {
    allowRedirects: false,
    headers: { Cookie: SECRET },
  })
  expect(JSON.stringify([...(response.next?.headers.items() ?? [])])).not.toMatch(/s3cret|Basic/)
  await session.send(response.next as NonNullable<typeof response.next>)
  expect(seenAt(other, '/get', 'authorization').at(-1)).toBe('')
})

// ── default ports: the proxy stands in for the hosts of the world ────────────

test.each([
  ['keeps', 'http://scope.test', 'https://scope.test', true],
  ['keeps', 'http://scope.test:80', 'https://scope.test:443', true],
  ['keeps', 'http://scope.test', 'http://scope.test:80', true],
  ['drops', 'http://scope.test', 'https://www.scope.test', false],
  ['drops', 'http://scope.test:8080', 'https://scope.test', false],
  ['drops', 'http://scope.test', 'https://scope.test:8443', false],
  ['drops', 'https://scope.test', 'http://scope.test', false],
  ['drops', 'https://scope.test', 'https://scope.test.evil.test', false],
])('%s credentials from %s to %s', async (_verb, from, to, keeps) => {
  const port = (text: string): number => Number(new URL(text).port)
  await using proxy = await TestProxy.start({
    resolve: ({ port: asked }) =>
      [443, 8443].includes(asked)
        ? { host: 'localhost', port: port(site().server.httpsUrl) }
        : { host: '127.0.0.1', port: port(site().url) },
  })
  await using session = new Session({ proxies: { all: proxy.url }, verify: false, auth: ['u', 'p'], trustEnv: false })
  const path = `/anything/${++chains}`
  await session.get(redirectTo(from, to + path, 302), { headers: { 'X-Api-Key': SECRET } })
  const [sent] = site().server.requests.filter(({ url }) => url.endsWith(path))
  expect([sent?.header('authorization'), sent?.header('x-api-key')]).toEqual(
    keeps ? ['Basic dTpw', SECRET] : [null, null],
  )
})
