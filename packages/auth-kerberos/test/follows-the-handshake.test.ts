import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { AuthenticationError, UnrewindableBodyError } from '@entreat/core'
import { KerberosAuth, type KerberosError, MutualAuthenticationError } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { FakeAcceptor, FakeGss } from './support/fake-gss.ts'
import { useServer } from './support/use-server.ts'
import { useSessions } from './support/sessions.ts'

const newSession = useSessions()
const startServer = useServer()

/** A server whose first answers are its own, and those after them an acceptor's. */
function refusing(first: readonly ((response: ServerResponse) => void)[], acceptor = new FakeAcceptor()) {
  let answers = 0
  return async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const answer = first[answers++]
    if (answer === undefined) return acceptor.handle(request, response)
    for await (const _ of request);
    answer(response)
    return true
  }
}

const challenge = (value: string) => (response: ServerResponse) =>
  void response.writeHead(401, { 'WWW-Authenticate': value }).end('refused')

const sentTokens = (server: { requests: readonly { header(name: string): string | null }[] }): (string | null)[] =>
  server.requests.map((request) => request.header('authorization'))

describe('a token that is refused', () => {
  test('with a fresh challenge is followed by another one, never by itself', async () => {
    const gss = new FakeGss()
    const server = await startServer(refusing([challenge('Negotiate'), challenge('Negotiate')]))
    const response = await newSession(new KerberosAuth({ provider: gss })).get(`${server.url}/protected`)
    expect(response.statusCode).toBe(401)
    const again = await newSession(new KerberosAuth({ provider: gss })).get(`${server.url}/protected`)
    expect(again.text).toBe('welcome')
    const tokens = sentTokens(server).filter((token) => token !== null)
    expect(new Set(tokens).size).toBe(tokens.length)
    expect(gss.leaked).toBe(0)
  })

  test('pre-emptively, is followed by one more and no third', async () => {
    const gss = new FakeGss()
    const server = await startServer(refusing(Array(9).fill(challenge('Negotiate'))))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    const response = await session.get(`${server.url}/protected`)
    expect([response.statusCode, response.text]).toEqual([401, 'refused'])
    expect(sentTokens(server)).toHaveLength(2)
    expect(new Set(sentTokens(server)).size).toBe(2)
  })

  test('without a challenge of the scheme stays refused', async () => {
    const server = await startServer(refusing([challenge('Basic realm="x"')]))
    const session = newSession(new KerberosAuth({ provider: new FakeGss(), preemptive: true }))
    expect((await session.get(`${server.url}/protected`)).statusCode).toBe(401)
    expect(server.requests).toHaveLength(1)
  })

  test('sends a body that can be read once no second time', async () => {
    const server = await startServer(refusing([challenge('Negotiate')]))
    const session = newSession(new KerberosAuth({ provider: new FakeGss(), preemptive: true }))
    const data = (async function* () {
      yield Buffer.from('once')
    })()
    expect(await failureOf(session.post(`${server.url}/protected`, { data }))).toBeInstanceOf(UnrewindableBodyError)
    expect(server.requests).toHaveLength(1)
  })

  test('on a connection that the server closes with its challenge: the next one is signed at once', async () => {
    const closing = (response: ServerResponse): void =>
      void response.writeHead(401, { 'WWW-Authenticate': 'Negotiate', Connection: 'close' }).end()
    const server = await startServer(refusing([closing]))
    const session = newSession(new KerberosAuth({ provider: new FakeGss() }))
    expect((await session.get(`${server.url}/protected`)).text).toBe('welcome')
    expect(sentTokens(server).map((token) => token !== null)).toEqual([false, true])
  })
})

describe('a context of several legs', () => {
  test.each([2, 3])('of %d tokens is carried to its end on one connection', async (legs) => {
    const acceptor = new FakeAcceptor({ legs })
    const gss = new FakeGss({ legs })
    const server = await startServer((request, response) => acceptor.handle(request, response))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    expect((await session.post(`${server.url}/protected`, { data: 'whole' })).text).toBe('welcome')
    expect(acceptor.tokens).toHaveLength(legs)
    expect(server.connectionCount).toBe(1)
    expect(gss.leaked).toBe(0)
  })

  test('that has no end is given up', async () => {
    const acceptor = new FakeAcceptor({ legs: 1_000 })
    const gss = new FakeGss({ legs: 1_000 })
    const server = await startServer((request, response) => acceptor.handle(request, response))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    expect((await session.get(`${server.url}/protected`)).statusCode).toBe(401)
    expect(server.requests).toHaveLength(5)
    expect(gss.leaked).toBe(0)
  })

  test.each([
    ['no base64', 'Negotiate a-token_of~another.kind', /no base64/],
    ['base64 cut short', 'Negotiate YII', /no base64/],
    ['nothing the library knows', `Negotiate ${Buffer.from('garbage').toString('base64')}`, /Invalid token/],
    ['longer than any token', `Negotiate ${'A'.repeat(12_000)}`, /Invalid token/],
  ])('whose token is %s ends with an error that says so', async (_, value, text) => {
    const gss = new FakeGss({ legs: 2 })
    const server = await startServer(refusing([challenge(value)]))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    const error = (await failureOf(session.get(`${server.url}/protected`))) as KerberosError
    expect([error.name, error.reason, error.response?.statusCode]).toEqual(['KerberosError', 'bad-token', 401])
    expect(error.message).toMatch(text)
    expect(gss.leaked).toBe(0)
  })
})

describe('what the provider grants', () => {
  test('no mutual authentication, although the token fits: refused', async () => {
    const gss = new FakeGss({ flags: { mutual: false, delegated: false } })
    const acceptor = new FakeAcceptor()
    const server = await startServer((request, response) => acceptor.handle(request, response))
    const error = await failureOf(newSession(new KerberosAuth({ provider: gss })).get(`${server.url}/protected`))
    expect(error).toBeInstanceOf(MutualAuthenticationError)
  })

  test('delegation goes to origins, and never to a proxy', async () => {
    const gss = new FakeGss()
    const auth = new KerberosAuth({ provider: gss, delegate: true })
    const server = await startServer(new FakeAcceptor().handle.bind(new FakeAcceptor()))
    await newSession(auth).get(`${server.url}/protected`)
    // The test server is no proxy, but as one it is asked all the same.
    await failureOf(
      newSession(null, {
        proxyAuth: new KerberosAuth({ provider: gss, delegate: true, preemptive: true }),
        proxies: { all: server.url },
      }).get('https://localhost:1/'),
    )
    expect(gss.contexts.map(({ options }) => options.delegate)).toEqual([true, false])
  })
})

describe('a body that waits for the challenge', () => {
  const send = async (mutual: 'required' | 'optional') => {
    const server = await startServer(undefined)
    const auth = new KerberosAuth({ provider: new FakeGss(), preemptive: false, mutual })
    const outcome = await newSession(auth)
      .post(`${server.url}/post`, { data: 'body' })
      .catch((error: unknown) => error)
    return { outcome, lengths: server.requests.map(({ bodyLength }) => bodyLength) }
  }

  test('is not sent to a server that does not ask, and must prove who it is', async () => {
    const { outcome, lengths } = await send('required')
    expect(outcome).toBeInstanceOf(MutualAuthenticationError)
    expect(lengths).toEqual([0])
  })

  test('follows where the server need not prove anything', async () => {
    const { outcome, lengths } = await send('optional')
    expect(outcome).toHaveProperty('statusCode', 200)
    expect(lengths).toEqual([0, 4])
  })

  test('goes out unsigned, when there is no ticket, only where nothing need be proven', async () => {
    const server = await startServer(undefined)
    const gss = new FakeGss({
      beforeStep: () => {
        throw new Error('No credentials cache found')
      },
    })
    const url = `${server.url}/post`
    const strict = newSession(new KerberosAuth({ provider: gss }))
    expect(((await failureOf(strict.post(url, { data: 'body' }))) as KerberosError).reason).toBe('no-credentials')
    expect(server.requests).toHaveLength(0)
    const lenient = newSession(new KerberosAuth({ provider: gss, mutual: 'optional' }))
    expect((await lenient.post(url, { data: 'body' })).statusCode).toBe(200)
  })
})

describe('whom it answers', () => {
  test('the first origin, and after that no other', async () => {
    const gss = new FakeGss()
    const auth = new KerberosAuth({ provider: gss })
    const [first, other] = [new FakeAcceptor(), new FakeAcceptor()]
    const one = await startServer((request, response) => first.handle(request, response))
    const two = await startServer((request, response) => other.handle(request, response))
    const session = newSession(auth)
    expect((await session.get(`${one.url}/protected`)).statusCode).toBe(200)
    const error = (await failureOf(session.get(`${two.url}/protected`))) as AuthenticationError
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toContain('KerberosAuth answers only')
    expect(error.response?.statusCode).toBe(401)
    expect((await session.get(`${two.url}/get`)).statusCode).toBe(200)
    expect(sentTokens(two)).toEqual([null, null])
    expect(gss.contexts).toHaveLength(1)
  })

  test('by service, hostname and host', async () => {
    const gss = new FakeGss()
    const acceptor = new FakeAcceptor()
    const server = await startServer((request, response) => acceptor.handle(request, response))
    for (const options of [{}, { service: 'http' }, { hostname: 'web.example.com' }]) {
      await newSession(new KerberosAuth({ provider: gss, ...options })).get(`${server.url}/protected`)
    }
    const services = gss.contexts.map(({ options }) => options.service)
    expect(services).toEqual(['HTTP@127.0.0.1', 'http@127.0.0.1', 'HTTP@web.example.com'])
  })
})

/** Waits for the flows of callers who were told at once that they are aborted. */
async function untilFreed(gss: FakeGss): Promise<void> {
  for (let turn = 0; turn < 1_000 && gss.leaked > 0; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('an abort', () => {
  /** Aborts in the n-th step, while the provider works on it. */
  async function abortedIn(step: number): Promise<{ gss: FakeGss; error: unknown; reason: Error }> {
    const controller = new AbortController()
    const reason = new Error('enough')
    let steps = 0
    const gss = new FakeGss({
      legs: 2,
      beforeStep: async () => {
        if (++steps !== step) return
        controller.abort(reason)
        await new Promise((resolve) => setTimeout(resolve, 20))
      },
    })
    const acceptor = new FakeAcceptor({ legs: 2 })
    const server = await startServer((request, response) => acceptor.handle(request, response))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    const url = `${server.url}/protected`
    const error = await failureOf(session.get(url, { signal: controller.signal }))
    expect(gss.leaked).toBe(1)
    expect((await session.get(url)).text).toBe('welcome')
    return { gss, error, reason }
  }

  test.each([1, 2, 3])('in step %d rejects with its reason; the context is freed after the step', async (step) => {
    const { gss, error, reason } = await abortedIn(step)
    expect(error).toBe(reason)
    await untilFreed(gss)
    expect(gss.leaked).toBe(0)
  })

  test('while the server is silent frees the context', async () => {
    const gss = new FakeGss()
    const controller = new AbortController()
    const server = await startServer(() => {
      controller.abort(new Error('enough'))
      return true
    })
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    expect(await failureOf(session.get(`${server.url}/x`, { signal: controller.signal }))).toBe(
      controller.signal.reason,
    )
    expect(gss.contexts).toHaveLength(1)
    await untilFreed(gss)
    expect(gss.leaked).toBe(0)
  })
})

describe('the first ticket for a service', () => {
  test('is fetched by one request while the others wait', async () => {
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    let steps = 0
    const gss = new FakeGss({ beforeStep: (token) => (token === null && ++steps === 1 ? gate : undefined) })
    const acceptor = new FakeAcceptor()
    const server = await startServer((request, response) => acceptor.handle(request, response))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    const asked = Array.from({ length: 20 }, () => session.get(`${server.url}/protected`))
    while (gss.contexts.length < 20) await new Promise((resolve) => void setImmediate(resolve))
    expect(steps).toBe(1)
    release()
    expect((await Promise.all(asked)).every(({ text }) => text === 'welcome')).toBe(true)
    expect([steps, gss.leaked]).toEqual([20, 0])
  })

  test('that cannot be had is not asked for again by those who waited', async () => {
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    let steps = 0
    const gss = new FakeGss({
      beforeStep: async () => {
        steps++
        await gate
        throw Object.assign(new Error('Cannot contact any KDC for requested realm'), { majorStatus: 0xd0000 })
      },
    })
    const server = await startServer(undefined)
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    const asked = Array.from({ length: 20 }, () => failureOf(session.get(`${server.url}/get`)))
    while (gss.contexts.length < 20) await new Promise((resolve) => void setImmediate(resolve))
    release()
    for (const error of await Promise.all(asked)) {
      expect((error as KerberosError).reason).toBe('kdc-unreachable')
      expect((error as KerberosError).message).toContain('(GSS major 0xd0000)')
    }
    expect([steps, server.requests.length, gss.leaked]).toEqual([1, 0, 0])
  })

  test('is fetched for the others when its own request is given up', async () => {
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    let begin = (): void => {}
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const gss = new FakeGss({
      beforeStep: () => {
        begin()
        return gate
      },
    })
    const acceptor = new FakeAcceptor()
    const server = await startServer((request, response) => acceptor.handle(request, response))
    const session = newSession(new KerberosAuth({ provider: gss, preemptive: true }))
    const controller = new AbortController()
    const url = `${server.url}/protected`
    const first = failureOf(session.get(url, { signal: controller.signal }))
    await begun
    const second = session.get(url)
    while (gss.contexts.length < 2) await new Promise((resolve) => void setImmediate(resolve))
    controller.abort(new Error('enough'))
    expect(await first).toBe(controller.signal.reason)
    release()
    expect((await second).text).toBe('welcome')
    expect(gss.leaked).toBe(0)
  })
})
