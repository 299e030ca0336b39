import { expect, test } from 'vitest'
import { BasicAuth, ConnectionError, RequestException, Response, Session, UsageError } from '@entreat/core'
import { StubAdapter, UnmatchedRequestError } from '@entreat/testkit'

function sessionWith(stub: StubAdapter): Session {
  return new Session({ trustEnv: false }).mount('https://', stub).mount('http://', stub)
}

test('answers JSON, text and bytes with a fitting Content-Type', async () => {
  const stub = new StubAdapter()
    .on('GET', 'https://api.test/json', { json: { name: 'Ahab' } })
    .on('GET', 'https://api.test/text', { text: 'whale' })
    .on('GET', 'https://api.test/bytes', { statusCode: 206, reason: 'Some', body: Buffer.from([0, 255]) })
  const session = sessionWith(stub)
  const json = await session.get('https://api.test/json')
  expect(json.json()).toEqual({ name: 'Ahab' })
  expect(json.headers.get('content-type')).toBe('application/json')
  expect((await session.get('https://api.test/text')).text).toBe('whale')
  const bytes = await session.get('https://api.test/bytes')
  expect([bytes.statusCode, bytes.reason, [...bytes.content]]).toEqual([206, 'Some', [0, 255]])
})

test('runs the whole Session above it: redirects, cookies, auth and retries', async () => {
  const stub = new StubAdapter()
    .on('GET', 'https://api.test/old', { statusCode: 302, headers: { Location: '/new', 'Set-Cookie': 'seen=yes' } })
    .on('GET', 'https://api.test/new', [{ statusCode: 503 }, { text: 'here' }])
  const session = sessionWith(stub)
  session.auth = new BasicAuth('ahab', 'ivory')
  session.retry = 2
  const response = await session.get('https://api.test/old', { retry: session.retry })
  expect(response.statusCode).toBe(503) // 503 without Retry-After is not retried by default
  expect(stub.requests.map(({ url }) => url)).toEqual(['https://api.test/old', 'https://api.test/new'])
  expect(stub.requests[1]?.headers.get('cookie')).toBe('seen=yes')
  expect(stub.requests[1]?.headers.get('authorization')).toMatch(/^Basic /)
})

test('compares URLs without their query, unless the rule has one', async () => {
  const stub = new StubAdapter()
    .on('GET', 'https://api.test/search?q=2', { text: 'second' })
    .on('GET', 'https://api.test/search', { text: 'any' })
    .on('*', 'https://*.test/files/*', { text: 'wild' })
    .on('GET', /\/users\/(?<id>\d+)$/, ({ match }) => ({ json: { id: Number(match?.groups?.['id']) } }))
    .on('GET', ({ url }) => url.startsWith('https://function.test/'), { text: 'function' })
  const session = sessionWith(stub)
  const textOf = async (url: string): Promise<string> => (await session.get(url)).text
  expect(await textOf('https://api.test/search?q=2')).toBe('second')
  expect(await textOf('https://api.test/search?q=3')).toBe('any')
  expect(await textOf('https://cdn.test/files/a/b')).toBe('wild')
  expect(await textOf('https://api.test/users/42')).toBe('{"id":42}')
  expect(await textOf('https://function.test/x')).toBe('function')
})

test('records what was sent, matched or not', async () => {
  const stub = new StubAdapter().on('POST', 'https://api.test/', ({ body }) => ({ text: `got ${body.length}` }))
  const session = sessionWith(stub)
  expect((await session.post('https://api.test/', { json: { a: 1 } })).text).toBe('got 7')
  await expect(session.get('https://api.test/other')).rejects.toThrow(UnmatchedRequestError)
  expect(stub.requests.map(({ method, body }) => [method, body.toString()])).toEqual([
    ['POST', '{"a":1}'],
    ['GET', ''],
  ])
  expect(stub.requests[0]?.options.verify).toBe(true)
})

test('names the rules that there are when none fits, without secrets, and is not retried', async () => {
  const stub = new StubAdapter().on('GET', 'https://api.test/a?token=hush', { text: '' })
  const failure = await sessionWith(stub)
    .get('https://api.test/b', { retry: 3 })
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(UnmatchedRequestError)
  expect(failure).toBeInstanceOf(RequestException)
  expect(failure).toMatchObject({ code: 'ERR_UNMATCHED_REQUEST', name: 'UnmatchedRequestError' })
  expect(String(failure)).toContain('GET https://api.test/a?token=***')
  expect(String(failure)).not.toContain('hush')
  expect(stub.requests).toHaveLength(1)
})

test('answers of a list come one after the other, and then none', async () => {
  const stub = new StubAdapter().on('GET', 'https://api.test/', [{ text: 'one' }, { text: 'two' }])
  const session = sessionWith(stub)
  expect((await session.get('https://api.test/')).text).toBe('one')
  expect(() => stub.assertAllUsed()).toThrow(/GET https:\/\/api\.test\/ \(used 1 times\)/)
  expect((await session.get('https://api.test/')).text).toBe('two')
  stub.assertAllUsed()
  await expect(session.get('https://api.test/')).rejects.toThrow(/used up/)
})

test('throws what the answer says', async () => {
  const own = new ConnectionError('refused', { connectionReused: false, requestBytesSent: 0, responseStarted: false })
  const stub = new StubAdapter()
    .on('GET', 'https://api.test/own', { error: own })
    .on('GET', 'https://api.test/foreign', { error: new Error('reset') })
  const session = sessionWith(stub)
  await expect(session.get('https://api.test/own')).rejects.toBe(own)
  const foreign = await session.get('https://api.test/foreign').catch((error: unknown) => error)
  expect(foreign).toBeInstanceOf(ConnectionError)
  expect((foreign as ConnectionError).cause).toMatchObject({ message: 'reset' })
})

test('gives a Response of the caller back as it is', async () => {
  const stub = new StubAdapter().on('GET', 'https://api.test/', async () => {
    const request = await new Session().prepareRequest(
      new (await import('@entreat/core')).Request('GET', 'https://x.test/'),
    )
    return new Response({ request, statusCode: 299 })
  })
  expect((await sessionWith(stub).get('https://api.test/')).statusCode).toBe(299)
})

test('refuses what cannot be meant', () => {
  const stub = new StubAdapter()
  // @ts-expect-error a misspelt key
  expect(() => stub.on('GET', 'https://api.test/', { staus: 200 })).toThrow(UsageError)
  expect(() => stub.on('GET', 'https://api.test/', [])).toThrow(/needs an answer/)
  expect(() => stub.on('GET', 'https://api.test/', {}, { times: 0 })).toThrow(/times/)
})

test('a wildcard takes linear time', () => {
  const stub = new StubAdapter().on('GET', `https://api.test/${'*a'.repeat(200)}*b`, {})
  const started = performance.now()
  return sessionWith(stub)
    .get(`https://api.test/${'a'.repeat(100_000)}`)
    .catch(() => {})
    .finally(() => expect(performance.now() - started).toBeLessThan(2000))
})
