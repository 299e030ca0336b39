import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Session, type SessionState, UsageError } from '@entreat/core'
import { useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

/** What a Session says of itself, through JSON and back. */
function throughJson(session: Session): Session {
  return Session.fromJSON(JSON.parse(JSON.stringify(session)) as SessionState)
}

test('comes back from JSON with its cookies', async () => {
  await using session = new Session()
  await session.get(`${site().url}/cookies/set?a=1&b=2`)
  await using restored = throughJson(session)
  expect((await restored.get(`${site().url}/cookies`)).json()).toEqual({ cookies: { a: '1', b: '2' } })
})

test('comes back from JSON with its scalar settings', () => {
  const session = new Session({
    baseUrl: 'https://api.example/v1/',
    timeout: { connect: 1, read: null, total: 5 },
    verify: '/etc/ca.pem',
    stream: true,
    maxRedirects: 3,
    sensitiveHeaders: ['X-Own'],
    trustEnv: false,
  })
  const restored = throughJson(session)
  expect(restored.baseUrl).toBe('https://api.example/v1/')
  expect(restored.timeout).toEqual({ connect: 1, read: null, write: null, pool: null, total: 5 })
  expect([restored.verify, restored.stream, restored.maxRedirects, restored.trustEnv]).toEqual([
    '/etc/ca.pem',
    true,
    3,
    false,
  ])
  expect(restored.sensitiveHeaders).toEqual(['X-Own'])
})

test('keeps verify: false', () => {
  expect(throughJson(new Session({ verify: false })).verify).toBe(false)
})

test('never weakens a CA that is not kept into no verification', () => {
  expect(throughJson(new Session({ verify: Buffer.from('pem') })).verify).toBe(true)
})

const SECRETS = {
  auth: ['user-s3cret', 'pass-s3cret'],
  proxyAuth: ['proxy-s3cret', 'proxy-s3cret'],
  headers: { Authorization: 'Bearer s3cret', 'X-Api-Key': 's3cret', 'X-Auth-Token': 's3cret', Cookie: 'a=s3cret' },
  params: { access_token: 's3cret' },
  proxies: { all: 'http://user:s3cret@proxy.example:8080' },
  cert: { cert: '/c.pem', key: '/k.pem', passphrase: 's3cret' },
  baseUrl: 'https://user:s3cret@api.example/',
} as const

test('says no secret in toJSON() but the cookies', () => {
  expect(JSON.stringify(new Session(SECRETS))).not.toContain('s3cret')
})

test('says no secret when it is inspected', () => {
  const session = new Session({ ...SECRETS, cookies: { a: 's3cret' } })
  expect(inspect(session, { depth: 10, showHidden: true })).not.toMatch(/s3cret|czNjcmV0/)
})

test('refuses the JSON of another version', () => {
  expect(() => Session.fromJSON({ version: 2 } as never)).toThrow(UsageError)
  expect(() => Session.fromJSON(null as never)).toThrow(UsageError)
})

test('takes every option as a property from the next request on', async () => {
  await using session = new Session()
  session.headers.set('X-Later', '1')
  session.params = { later: '1' }
  session.baseUrl = site().url
  session.cookies = { later: '1' }
  session.timeout = 5000
  session.limits = { codings: 1 }
  session.maxRedirects = 0
  session.retry = 1
  const told = (await session.get('/get')).json<{ args: object; headers: Record<string, string> }>()
  expect(told).toMatchObject({ args: { later: '1' }, headers: { 'X-Later': '1', Cookie: 'later=1' } })
  expect([session.timeout.connect, session.timeout.read, session.limits.codings, session.retry?.total]).toEqual([
    5000, 5000, 1, 1,
  ])
  await expect(session.get('/redirect/1')).rejects.toMatchObject({ code: 'ERR_TOO_MANY_REDIRECTS' })
})

test('has the defaults of Requests, and safe timeouts', () => {
  const { auth, proxyAuth, stream, verify, cert, maxRedirects, trustEnv, timeout, retry, headers, params } =
    new Session()
  expect({ auth, proxyAuth, stream, verify, cert, maxRedirects, trustEnv, retry, params }).toEqual({
    auth: null,
    proxyAuth: null,
    stream: false,
    verify: true,
    cert: null,
    maxRedirects: 30,
    trustEnv: true,
    retry: null,
    params: null,
  })
  expect(timeout).toEqual({ connect: 10_000, read: 60_000, write: null, pool: null, total: null })
  expect([...headers.keys()]).toEqual(['User-Agent', 'Accept-Encoding', 'Accept'])
})
