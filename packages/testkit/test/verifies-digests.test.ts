import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type DigestAlgorithm, DigestVerifier } from '@entreat/testkit'
import { type Answer, exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()
const hashNames: Record<string, string> = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' }
const algorithms = ['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess', 'SHA-512-256', 'SHA-512-256-sess'] as const

type Params = Record<string, string>

interface Signing {
  readonly challenge: Params
  readonly path: string
  readonly method?: string
  readonly qop?: string | null
  readonly nc?: string
  readonly cnonce?: string
  readonly firstCnonce?: string
  readonly password?: string
  readonly body?: string
}

function challengesOf(answer: Answer): Params[] {
  const lines = answer.rawHeaders.filter((_, index) => answer.rawHeaders[index - 1] === 'WWW-Authenticate')
  return lines.map((line) =>
    Object.fromEntries([...line.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map((m) => [m[1], m[2] ?? m[3]])),
  )
}

// Written from RFC 7616 section 3.4, apart from the code under test.
function sign(signing: Signing): string {
  const { challenge, path, method = 'GET', qop = 'auth', nc = '00000001', cnonce = 'abc', body = '' } = signing
  const { realm, nonce, opaque, algorithm = 'MD5' } = challenge
  const h = (text: string) =>
    createHash(hashNames[algorithm.replace('-sess', '')] ?? 'unknown')
      .update(text)
      .digest('hex')
  let ha1 = h(`user:${realm}:${signing.password ?? 'pass'}`)
  if (algorithm.endsWith('-sess')) ha1 = h(`${ha1}:${nonce}:${signing.firstCnonce ?? cnonce}`)
  const ha2 = qop === 'auth-int' ? h(`${method}:${path}:${h(body)}`) : h(`${method}:${path}`)
  const response = qop === null ? h(`${ha1}:${nonce}:${ha2}`) : h(`${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`)
  const common = `Digest username="user", realm="${realm}", nonce="${nonce}", uri="${path}", response="${response}"`
  const quality = qop === null ? '' : `, qop=${qop}, nc=${nc}, cnonce="${cnonce}"`
  return `${common}, algorithm=${algorithm}, opaque="${opaque}"${quality}`
}

async function challengeOf(path: string): Promise<Params> {
  const [challenge = {}] = challengesOf(await exchange(server().url + path))
  return challenge
}

function send(signing: Signing): Promise<Answer> {
  const { method = 'GET', body } = signing
  const headers = { Authorization: sign(signing) }
  return exchange(server().url + signing.path, { method, headers, ...(body === undefined ? {} : { body }) })
}

test.each(algorithms)('a right %s digest is accepted', async (algorithm) => {
  const path = `/digest-auth/auth/user/pass/${algorithm}?q=1`
  const challenge = await challengeOf(path)
  expect(challenge).toMatchObject({ realm: 'Fake Realm', qop: 'auth', algorithm })
  expect((await send({ challenge, path })).json()).toEqual({ authenticated: true, user: 'user' })
})

test.each(algorithms)('a %s digest with a wrong password is refused and not called stale', async (algorithm) => {
  const path = `/digest-auth/auth/user/pass/${algorithm}`
  const answer = await send({ challenge: await challengeOf(path), path, password: 'wrong' })
  expect(answer.status).toBe(401)
  expect(challengesOf(answer)[0]).not.toHaveProperty('stale')
})

test.each(algorithms)('%s with auth-int covers the body', async (algorithm) => {
  const path = `/digest-auth/auth-int/user/pass/${algorithm}`
  const signing = { challenge: await challengeOf(path), path, method: 'POST', qop: 'auth-int', body: 'payload' }
  expect((await send(signing)).status).toBe(200)
  const headers = { Authorization: sign({ ...signing, nc: '00000002' }) }
  expect((await exchange(server().url + path, { method: 'POST', headers, body: 'forged!' })).status).toBe(401)
})

test('without qop the digest of RFC 2069 is accepted', async () => {
  const path = '/digest-auth/none/user/pass'
  const challenge = await challengeOf(path)
  expect(challenge).not.toHaveProperty('qop')
  expect((await send({ challenge, path, qop: null })).status).toBe(200)
  expect((await send({ challenge, path, qop: 'auth' })).status).toBe(401)
})

test('a nonce count is accepted once, in any order', async () => {
  const path = '/digest-auth/auth/user/pass'
  const challenge = await challengeOf(path)
  const statuses: number[] = []
  for (const nc of ['00000002', '00000001', '00000002', '0000000a']) {
    statuses.push((await send({ challenge, path, nc })).status)
  }
  expect(statuses).toEqual([200, 200, 401, 200])
})

test('a nonce used up is refused as stale, and the new one works', async () => {
  const path = '/digest-auth/auth/user/pass/SHA-256/2'
  const challenge = await challengeOf(path)
  expect((await send({ challenge, path, nc: '00000001' })).status).toBe(200)
  expect((await send({ challenge, path, nc: '00000002' })).status).toBe(200)
  const refused = await send({ challenge, path, nc: '00000003' })
  expect(refused.status).toBe(401)
  const [fresh = {}] = challengesOf(refused)
  expect(fresh).toMatchObject({ stale: 'true' })
  expect((await send({ challenge: fresh, path })).status).toBe(200)
})

test('an unknown nonce under a right digest is stale', async () => {
  const path = '/digest-auth/auth/user/pass'
  const challenge = { ...(await challengeOf(path)), nonce: 'made-up' }
  expect(challengesOf(await send({ challenge, path }))[0]).toMatchObject({ stale: 'true' })
})

test('a session key stays that of the first cnonce (RFC 7616 section 3.4.2)', async () => {
  const path = '/digest-auth/auth/user/pass/SHA-256-sess'
  const challenge = await challengeOf(path)
  expect((await send({ challenge, path, cnonce: 'one' })).status).toBe(200)
  const second = { challenge, path, cnonce: 'two', nc: '00000002' }
  expect((await send(second)).status).toBe(401)
  expect((await send({ ...second, firstCnonce: 'one' })).status).toBe(200)
})

test('a digest for another path, opaque or qop is refused with a reason', async () => {
  const path = '/digest-auth/auth/user/pass'
  const challenge = await challengeOf(path)
  const elsewhere = sign({ challenge, path: '/digest-auth/auth/user/other' })
  const answer = await exchange(server().url + path, { headers: { Authorization: elsewhere } })
  expect(answer.json()).toMatchObject({ authenticated: false, reason: expect.stringContaining('uri') })
  expect((await send({ challenge: { ...challenge, opaque: 'x' }, path })).json()).toMatchObject({
    reason: expect.stringContaining('opaque'),
  })
  expect((await send({ challenge, path, qop: 'auth-int' })).json()).toMatchObject({
    reason: expect.stringContaining('qop'),
  })
})

test('several algorithms give one challenge line each, in order', async () => {
  const path = '/digest-auth/auth,auth-int/user/pass/SHA-256,MD5'
  const challenges = challengesOf(await exchange(server().url + path))
  expect(challenges.map(({ algorithm }) => algorithm)).toEqual(['SHA-256', 'MD5'])
  expect((await send({ challenge: challenges[1] ?? {}, path })).status).toBe(200)
})

test('Authentication-Info proves that the server knows the password (RFC 7616 section 3.5)', async () => {
  const path = '/digest-auth/auth/user/pass/MD5'
  const challenge = await challengeOf(path)
  const answer = await send({ challenge, path })
  const h = (text: string) => createHash('md5').update(text).digest('hex')
  const ha1 = h(`user:Fake Realm:pass`)
  const rspauth = h(`${ha1}:${challenge['nonce']}:00000001:abc:auth:${h(`:${path}`)}`)
  expect(answer.headers['authentication-info']).toBe(`rspauth="${rspauth}", qop=auth, cnonce="abc", nc=00000001`)
})

test('an unknown algorithm or qop in the path is a 400', async () => {
  expect((await exchange(`${server().url}/digest-auth/auth/u/p/SHA-3`)).status).toBe(400)
  expect((await exchange(`${server().url}/digest-auth/maybe/u/p`)).status).toBe(400)
})

// RFC 7616 section 3.9.2, with its nonce taken as known: the hashed user name is the one in the text.
test('the hashed user name of RFC 7616 section 3.9.2 is understood', () => {
  const verifier = new DigestVerifier({
    realm: 'api@example.org',
    username: 'Jäsøn Doe',
    password: 'Secret, or not?',
    algorithms: ['SHA-512-256' satisfies DigestAlgorithm],
    qops: ['auth'],
    userhash: true,
  })
  const hashed = createHash('sha512-256').update('Jäsøn Doe:api@example.org').digest('hex')
  const nonce = '5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK'
  const h = (text: string) => createHash('sha512-256').update(text).digest('hex')
  const ha1 = h('Jäsøn Doe:api@example.org:Secret, or not?')
  const response = h(`${ha1}:${nonce}:00000001:cn:auth:${h('GET:/doe.json')}`)
  const authorization = `Digest username="${hashed}", realm="api@example.org", uri="/doe.json", algorithm=SHA-512-256, nonce="${nonce}", nc=00000001, cnonce="cn", qop=auth, response="${response}", opaque="o", userhash=true`
  const verdict = verifier.verify({ method: 'GET', target: '/doe.json', authorization, body: Buffer.alloc(0) })
  expect(verdict).toMatchObject({ isAccepted: false, reason: 'The nonce is unknown' })
})
