import { expect, test } from 'vitest'
import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  ConnectionError,
  type PreparedRequest,
  Request,
  type Response,
  Session,
} from '@entreat/core'
import { TestProxy } from '@entreat/testkit'
import { failureOf, reply, until, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

type Flow = (request: PreparedRequest, context: AuthContext) => AsyncGenerator<PreparedRequest, void, Response>

/** A scheme made of one generator. */
function scheme(flow: Flow): AuthBase {
  return new (class FlowAuth extends AuthBase {
    override authFlow(request: PreparedRequest, context: AuthContext): AsyncGenerator<PreparedRequest, void, Response> {
      return flow(request, context)
    }
  })()
}

/** Answers 401 until the Authorization header is one of these, in turn. */
function asking(path: string, last: string): string {
  return site().on(path, (request, response) =>
    reply(
      request.headers.authorization === last ? 200 : 401,
      { 'WWW-Authenticate': 'Own step="1"' },
      request.headers.authorization ?? 'none',
    )(request, response),
  )
}

test('sends every leg that a flow yields, and gives the last answer', async () => {
  await using session = new Session()
  const auth = scheme(async function* (request, context) {
    const first = yield request
    expect(context.challenges(first).map(({ scheme: name, params }) => [name, params.get('step')])).toEqual([
      ['Own', '1'],
    ])
    context.authorize(request, 'Own 1')
    yield request
    context.authorize(request, 'Own 2')
    yield request
  })
  const response = await session.get(asking('/three-legs', 'Own 2'), { auth })
  expect([response.statusCode, response.text]).toEqual([200, 'Own 2'])
  expect(response.history.map(({ text }) => text)).toEqual(['none', 'Own 1'])
})

test('lets a flow read the body of an answer', async () => {
  await using session = new Session()
  const auth = scheme(async function* (request, context) {
    const answer = yield request
    context.authorize(request, `Own ${(await answer.read()).toString()}`)
    yield request
  })
  expect((await session.get(asking('/reads', 'Own none'), { auth })).statusCode).toBe(200)
})

test('gives a flow no more of a body than drainedBytes', async () => {
  await using session = new Session({ limits: { drainedBytes: 100 } })
  let failure: unknown
  const auth = scheme(async function* (request) {
    const answer = yield request
    failure = await answer.read().catch((error: unknown) => error)
    yield request
  })
  await session.get(site().on('/long-refusal', reply(401, {}, 'x'.repeat(1000))), { auth }).catch(() => null)
  expect(failure).toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' })
})

test('tells a flow who asks and for what target', async () => {
  await using session = new Session()
  let seen: unknown
  const auth = scheme(async function* (request, context) {
    seen = [context.recipient, context.recipientOrigin, context.requestTarget, typeof context.now(), context.signal]
    yield request
  })
  await session.get(`${site().url}/get?a=1#f`, { auth })
  expect(seen).toEqual(['origin', site().url, '/get?a=1', 'number', undefined])
})

test('tells the flow of a proxy which proxy asks, not which origin', async () => {
  await using proxy = await TestProxy.start()
  const seen: unknown[] = []
  const proxyAuth = scheme(async function* (request, context) {
    seen.push([context.recipient, context.recipientOrigin, context.requestTarget])
    yield request
  })
  await using session = new Session({ trustEnv: false, proxies: { all: proxy.url }, proxyAuth })
  await session.get(`${site().url}/get`)
  await session.get('https://127.0.0.1:9/').catch(() => null)
  expect(seen).toEqual([
    ['proxy', proxy.url, `${site().url}/get`],
    ['proxy', proxy.url, '127.0.0.1:9'],
  ])
})

test('throws a failed leg into the flow at its yield, which may go on', async () => {
  await using session = new Session()
  let caught: unknown
  const auth = scheme(async function* (request) {
    const broken = request.copy()
    broken.url = `${site().url}/reset`
    try {
      yield broken
    } catch (error) {
      caught = error
    }
    yield request
  })
  expect((await session.get(`${site().url}/get`, { auth })).statusCode).toBe(200)
  expect(caught).toBeInstanceOf(ConnectionError)
})

test('rejects with the error of a leg that the flow does not catch', async () => {
  await using session = new Session()
  const auth = scheme(async function* (request) {
    yield request
  })
  expect(await failureOf(session.get(`${site().url}/reset`, { auth }))).toBeInstanceOf(ConnectionError)
})

test.each<[what: string, path: string]>([
  ['its leg fails', '/reset'],
  ['all is well', '/get'],
])('lets a flow clean up when %s', async (_what, path) => {
  await using session = new Session()
  let isCleanedUp = false
  const auth = scheme(async function* (request) {
    try {
      yield request
    } finally {
      isCleanedUp = true
    }
  })
  await session.get(site().url + path, { auth }).catch(() => null)
  expect(isCleanedUp).toBe(true)
})

test('lets a flow clean up when the call is aborted', async () => {
  await using session = new Session()
  const controller = new AbortController()
  let isCleanedUp = false
  const auth = scheme(async function* (request) {
    try {
      yield request
    } finally {
      isCleanedUp = true
    }
  })
  const url = site().on('/abort-flow', () => controller.abort(new Error('enough')))
  await expect(session.get(url, { auth, signal: controller.signal })).rejects.toThrow('enough')
  await until(() => isCleanedUp)
})

test('passes what a flow throws through unchanged, and gives up the response', async () => {
  await using session = new Session({ limits: { connectionsPerOrigin: 1 }, timeout: { pool: 2000 } })
  const failure = new Error('I do not trust this server')
  const auth = scheme(async function* (request) {
    yield request
    throw failure
  })
  const url = `${site().url}/drip?duration=60&delay=0`
  expect(await failureOf(session.get(url, { auth, stream: true }))).toBe(failure)
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
})

test('a flow that rejects the last response has its AuthenticationError told', async () => {
  await using session = new Session()
  const auth = scheme(async function* (request) {
    const response = yield request
    throw new AuthenticationError('The server did not prove itself', { response })
  })
  await expect(session.get(`${site().url}/get`, { auth })).rejects.toMatchObject({ code: 'ERR_AUTHENTICATION' })
})

test('rejects with an AuthenticationError when a flow ends without a request', async () => {
  await using session = new Session()
  // eslint-disable-next-line require-yield -- that it yields nothing is what is tested
  const auth = scheme(async function* () {})
  const error = await failureOf(session.get(`${site().url}/get`, { auth }))
  expect(error).toBeInstanceOf(AuthenticationError)
  expect(error).toMatchObject({ message: expect.stringContaining('FlowAuth'), request: { method: 'GET' } })
})

test('stops a flow after ten legs', async () => {
  await using session = new Session()
  const auth = scheme(async function* (request) {
    for (;;) yield request
  })
  expect(await failureOf(session.get(site().on('/endless-flow', reply(401)), { auth }))).toBeInstanceOf(
    AuthenticationError,
  )
  expect(site().received('/endless-flow')).toHaveLength(10)
})

test('stops a flow that goes on after every leg that fails', async () => {
  await using session = new Session()
  let legs = 0
  const auth = scheme(async function* (request) {
    while (legs < 50) {
      legs++
      try {
        yield request
      } catch {
        // and again
      }
    }
  })
  await failureOf(session.post(`${site().url}/reset`, { auth }))
  expect(legs).toBe(11)
})

test("keeps a proxy's refused legs and the origin's in history, in wire order", async () => {
  await using proxy = await TestProxy.start({ credentials: { username: 'u', password: 'p' } })
  await using session = new Session({ proxies: { http: proxy.url } })
  session.proxyAuth = scheme(async function* (request, context) {
    const answer = yield request
    if (answer.statusCode !== 407) return
    context.authorize(request, `Basic ${Buffer.from('u:p').toString('base64')}`)
    yield request
  })
  const auth = scheme(async function* (request, context) {
    yield request
    context.authorize(request, 'Own 1')
    yield request
  })
  const response = await session.get(asking('/behind-a-proxy', 'Own 1'), { auth })
  expect([...response.history, response].map(({ statusCode }) => statusCode)).toEqual([407, 401, 407, 200])
})

test('gives every exchange a flow of its own', async () => {
  await using session = new Session()
  let flows = 0
  const auth = scheme(async function* (request) {
    flows++
    yield request
  })
  await Promise.all([1, 2, 3].map(() => session.get(`${site().url}/redirect/1`, { auth })))
  expect(flows).toBe(6)
})

test('leaves what a flow sets on its copy behind at the next hop', async () => {
  await using session = new Session()
  let hop = 0
  const auth = scheme(async function* (request) {
    request.headers.append('X-Hop', String(++hop))
    yield request
  })
  await session.get(`${site().url}/redirect/1`, { auth })
  expect(site().last('/get').header('x-hop')).toBe('2')
})

test('runs no flow of the first origin on another', async () => {
  await using session = new Session({ trustEnv: false })
  let flows = 0
  const auth = scheme(async function* (request) {
    flows++
    yield request
  })
  await session.get(`${site().url}/redirect-to?url=${site().otherHostUrl}/get`, { auth })
  expect(flows).toBe(1)
})

// ── requests out of band ────────────────────────────────────────────────────

/** A scheme that fetches a token first. */
function tokenScheme(use: (context: AuthContext, token: PreparedRequest) => Promise<Response>): AuthBase {
  return scheme(async function* (request, context) {
    const token = await new Request('POST', `${site().url}/token-endpoint`).prepare()
    const answer = await use(context, token)
    context.authorize(request, `Token ${answer.text}`)
    yield request
  })
}

test('context.send() runs no auth, cookies, redirects, retries or hooks', async () => {
  site().on('/token-endpoint', reply(302, { Location: '/get', 'Set-Cookie': 'token=1; Path=/' }, 'abc'))
  let hooks = 0
  await using session = new Session({ cookies: { a: '1' }, retry: 3, hooks: { request: () => void hooks++ } })
  await session.get(`${site().url}/headers`, { auth: tokenScheme((context, token) => context.send(token)) })
  expect(site().last('/headers').header('authorization')).toBe('Token abc')
  expect(site().last('/token-endpoint').header('cookie')).toBeNull()
  expect(site().last('/token-endpoint').header('authorization')).toBeNull()
  expect([session.cookies.items(), hooks]).toEqual([[['a', '1']], 1])
})

test('context.send() times out with a TotalTimeout of its own', async () => {
  await using session = new Session()
  const auth = scheme(async function* (request, context) {
    const never = await new Request('GET', `${site().url}/never`).prepare()
    await context.send(never, { timeout: { connect: null, read: null, write: null, pool: null, total: 50 } })
    yield request
  })
  expect(await failureOf(session.get(`${site().url}/get`, { auth }))).toMatchObject({ code: 'ERR_TOTAL_TIMEOUT' })
})
