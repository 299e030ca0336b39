import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AuthInit, Session } from '@entreat/core'
import { useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
const folder = mkdtempSync(join(tmpdir(), 'netrc-'))
const netrc = join(folder, 'netrc')
writeFileSync(netrc, 'machine 127.0.0.1 login netrc password netrc\n', { mode: 0o600 })
beforeEach(() => void vi.stubEnv('NETRC', netrc))
afterEach(() => void vi.unstubAllEnvs())
afterAll(() => rmSync(folder, { recursive: true }))

interface Sources {
  readonly option?: AuthInit
  readonly session?: AuthInit
  readonly header?: string
  readonly sessionHeader?: string
  readonly userinfo?: string
  readonly trustEnv?: boolean
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

/** The Authorization header that goes out. */
async function authorizationFor(sources: Sources): Promise<string | null> {
  const { option, session: own = null, header, sessionHeader, userinfo, trustEnv = true } = sources
  await using session = new Session({ auth: own, trustEnv })
  if (sessionHeader !== undefined) session.headers.set('Authorization', sessionHeader)
  const url = userinfo === undefined ? site().url : site().url.replace('//', `//${userinfo}@`)
  const headers = header === undefined ? {} : { authorization: header }
  await session.get(`${url}/headers`, { headers, auth: option })
  return site().last('/headers').header('authorization')
}

const EVERYTHING: Sources = {
  option: ['option', 'x'],
  session: ['session', 'x'],
  header: 'Header x',
  sessionHeader: 'SessionHeader x',
  userinfo: 'user:x',
}

function without(...names: (keyof Sources)[]): Sources {
  return Object.fromEntries(Object.entries(EVERYTHING).filter(([name]) => !names.includes(name as keyof Sources)))
}

test.each<[what: string, sources: Sources, expected: string | null]>([
  ['the auth option before all else', EVERYTHING, basic('option:x')],
  ['session.auth before headers', without('option'), basic('session:x')],
  ['the header of the request before that of the session', without('option', 'session'), 'Header x'],
  ['the header of the session before userinfo', without('option', 'session', 'header'), 'SessionHeader x'],
  ['userinfo before netrc', { userinfo: 'user:x' }, basic('user:x')],
  ['netrc where there is nothing else', {}, basic('netrc:netrc')],
  ['an explicit header before netrc', { header: 'Header x' }, 'Header x'],
  ['nothing from netrc without trustEnv', { trustEnv: false }, null],
  ['userinfo without trustEnv', { trustEnv: false, userinfo: 'user:x' }, basic('user:x')],
  ['no auth at all for null, netrc included', { option: null }, null],
  ['no auth at all for null, userinfo included', { option: null, userinfo: 'user:x' }, null],
  ['no session auth for null', { option: null, session: ['session', 'x'] }, null],
  ['an explicit header beside null', { option: null, session: ['session', 'x'], header: 'Header x' }, 'Header x'],
  ['netrc for userinfo without a password part', { userinfo: 'user' }, basic('netrc:netrc')],
  ['an empty password in userinfo', { userinfo: 'user:' }, basic('user:')],
  ['decoded userinfo', { userinfo: 'us%40er:p%3Aw' }, basic('us@er:p:w')],
  ['empty credentials that were asked for', { option: ['', ''] }, 'Basic Og=='],
])('uses %s', async (_what, sources, expected) => {
  expect(await authorizationFor(sources)).toBe(expected)
})

test('keeps userinfo out of the URL of request and response', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url.replace('//', '//user:secret@')}/get`)
  expect(response.url).toBe(`${site().url}/get`)
  expect(response.request.url).toBe(`${site().url}/get`)
})

test('uses a changed session.auth from the next request on', async () => {
  await using session = new Session({ auth: ['a', 'a'] })
  session.auth = ['b', 'b']
  await session.get(`${site().url}/headers`)
  expect(site().last('/headers').header('authorization')).toBe(basic('b:b'))
})

test('serves with session auth only the origin of baseUrl', async () => {
  vi.stubEnv('NETRC', join(folder, 'none'))
  await using session = new Session({
    baseUrl: `${site().url}/api/`,
    auth: ['a', 'a'],
    headers: { 'X-Api-Key': 'key' },
  })
  await session.get('/headers')
  expect(site().last('/headers').header('authorization')).toBe(basic('a:a'))
  expect(site().last('/headers').header('x-api-key')).toBe('key')
  await session.get(`${site().otherHostUrl}/headers`)
  expect(site().last('/headers').header('authorization')).toBeNull()
  expect(site().last('/headers').header('x-api-key')).toBeNull()
})

test('keeps credentials in session headers to the origin of baseUrl', async () => {
  vi.stubEnv('NETRC', join(folder, 'none'))
  const headers = { Authorization: 'Secret x', Cookie: 'secret=1', 'X-Own': 'secret', 'X-Plain': '1' }
  await using session = new Session({ baseUrl: site().url, headers, sensitiveHeaders: ['X-Own'] })
  await session.get(`${site().otherHostUrl}/headers`)
  const { headers: sent } = site().last('/headers')
  expect(sent.map(([, value]) => value).join('\n')).not.toMatch(/secret/i)
  expect(site().last('/headers').header('x-plain')).toBe('1')
})

test('sends auth of the request to any origin, whatever baseUrl', async () => {
  await using session = new Session({ baseUrl: site().url, auth: ['a', 'a'] })
  await session.get(`${site().otherHostUrl}/headers`, { auth: ['b', 'b'] })
  expect(site().last('/headers').header('authorization')).toBe(basic('b:b'))
})

test.each([
  ['a path', '/api/v1/', '/headers', '/headers'],
  ['a relative path', '/api/v1/', 'users', '/api/v1/users'],
  ['a relative path above', '/api/v1/', '../x?y=1', '/api/x?y=1'],
  ['a query', '/api/v1', '?a=1', '/api/v1?a=1'],
  ['nothing', '/api/v1', '', '/api/v1'],
])('resolves %s against baseUrl (RFC 3986 section 5.2)', async (_what, base, reference, path) => {
  await using session = new Session({ baseUrl: site().url + base })
  expect((await session.get(reference)).request.pathUrl).toBe(path)
})
