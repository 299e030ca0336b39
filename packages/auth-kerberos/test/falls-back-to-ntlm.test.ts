import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { AuthBase, type AuthContext, type PreparedRequest, type Response, UsageError } from '@entreat/core'
import { type KerberosError, MutualAuthenticationError, NegotiateAuth } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { FakeAcceptor, FakeGss } from './support/fake-gss.ts'
import { useServer } from './support/use-server.ts'
import { useSessions } from './support/sessions.ts'

const newSession = useSessions()
const startServer = useServer()

/** Two legs, as NTLM has them, the body in the second alone. */
class FakeNtlm extends AuthBase {
  override readonly connectionBound = true
  flows = 0

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    this.flows++
    const first = request.withoutBody()
    context.authorize(first, 'NTLM negotiate')
    const response = yield first
    if (response.statusCode !== 401) return
    context.authorize(request, 'NTLM authenticate')
    yield request
  }
}

/** Offers Negotiate, NTLM or both, and takes either. */
function serve(offers: readonly string[], acceptor = new FakeAcceptor()) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const body: Buffer[] = []
    for await (const part of request) body.push(part as Buffer)
    const { authorization } = request.headers
    const verdict = acceptor.accept(authorization)
    if (verdict.isAccepted && offers.includes('Negotiate')) {
      response.writeHead(200, { 'WWW-Authenticate': verdict.challenge }).end('by Kerberos')
    } else if (authorization === 'NTLM authenticate' && offers.includes('NTLM')) {
      response.writeHead(200).end(`by NTLM ${Buffer.concat(body).toString()}`)
    } else response.writeHead(401, { 'WWW-Authenticate': [...offers] }).end('refused')
    return true
  }
}

const failing = (text: string): FakeGss =>
  new FakeGss({
    beforeStep: () => {
      throw new Error(text)
    },
  })
/** The tests' servers have addresses for hosts. */
const hostname = 'web.example.com'

describe('NegotiateAuth', () => {
  test('signs in by Kerberos where it can', async () => {
    const ntlm = new FakeNtlm()
    const server = await startServer(serve(['Negotiate', 'NTLM']))
    const session = newSession(new NegotiateAuth({ provider: new FakeGss(), ntlm, hostname }))
    expect((await session.get(server.url)).text).toBe('by Kerberos')
    expect(ntlm.flows).toBe(0)
  })

  test.each([
    ['no ticket', 'No credentials cache found'],
    ['an expired ticket', 'Ticket expired'],
    ['a server that the KDC does not know', 'Server not found in Kerberos database'],
    ['a KDC that cannot be reached', 'Cannot contact any KDC for requested realm'],
  ])('falls back with %s, and remembers it', async (_, text) => {
    const gss = failing(text)
    const ntlm = new FakeNtlm()
    const server = await startServer(serve(['Negotiate', 'NTLM']))
    const session = newSession(new NegotiateAuth({ provider: gss, ntlm, hostname }))
    for (const data of ['one', 'two']) expect((await session.post(server.url, { data })).text).toBe(`by NTLM ${data}`)
    expect([ntlm.flows, gss.contexts.length, gss.leaked]).toEqual([2, 1, 0])
    const signed = server.requests.map((request) => request.header('authorization'))
    expect(signed.filter((value) => value?.startsWith('Negotiate'))).toEqual([])
  })

  test('falls back where the server offers nothing else', async () => {
    const gss = new FakeGss()
    const server = await startServer(serve(['NTLM']))
    const session = newSession(new NegotiateAuth({ provider: gss, ntlm: new FakeNtlm(), hostname }))
    expect((await session.get(server.url)).text).toBe('by NTLM ')
    expect((await session.get(server.url)).text).toBe('by NTLM ')
    expect(gss.contexts).toHaveLength(0)
    expect(server.requests).toHaveLength(5)
    expect(server.connectionCount).toBe(1)
  })

  test('falls back for a host that is an address, without asking Kerberos', async () => {
    const gss = new FakeGss()
    const server = await startServer(serve(['Negotiate', 'NTLM']))
    const session = newSession(new NegotiateAuth({ provider: gss, ntlm: new FakeNtlm() }))
    expect((await session.get(server.url)).text).toBe('by NTLM ')
    expect(gss.contexts).toHaveLength(0)
  })

  test('tries Kerberos again after ten minutes', async () => {
    let isBroken = true
    let now = 1_000_000
    const gss = new FakeGss({
      beforeStep: () => {
        if (isBroken) throw new Error('Cannot contact any KDC')
      },
    })
    const auth = new NegotiateAuth({ provider: gss, ntlm: new FakeNtlm(), hostname })
    const authFlow = auth.authFlow.bind(auth)
    auth.authFlow = (request, context) => authFlow(request, Object.assign(Object.create(context), { now: () => now }))
    const server = await startServer(serve(['Negotiate', 'NTLM']))
    const session = newSession(auth)
    const texts: string[] = []
    for (const passedMs of [0, 9 * 60_000, 2 * 60_000]) {
      now += passedMs
      texts.push((await session.get(server.url)).text)
      isBroken = false
    }
    expect(texts).toEqual(['by NTLM ', 'by NTLM ', 'by Kerberos'])
  })

  test.each([
    ['a wrong password', 'Preauthentication failed', 'wrong-key'],
    ['clocks that differ', 'Clock skew too great', 'clock-skew'],
    ['a client that the KDC does not know', 'Client not found in Kerberos database', 'unknown-client'],
    ['what nobody knows', 'The sky is falling', 'other'],
  ])('does not fall back with %s', async (_, text, reason) => {
    const ntlm = new FakeNtlm()
    const server = await startServer(serve(['Negotiate', 'NTLM']))
    const error = await failureOf(
      newSession(new NegotiateAuth({ provider: failing(text), ntlm, hostname })).get(server.url),
    )
    expect((error as KerberosError).reason).toBe(reason)
    expect(ntlm.flows).toBe(0)
  })

  test('never falls back after a server that did not prove who it is', async () => {
    const ntlm = new FakeNtlm()
    const server = await startServer((request, response) => {
      const isSigned = request.headers.authorization?.startsWith('Negotiate ') === true
      response
        .writeHead(isSigned ? 200 : 401, isSigned ? {} : { 'WWW-Authenticate': ['Negotiate', 'NTLM'] })
        .end('hello')
      return true
    })
    const session = newSession(new NegotiateAuth({ provider: new FakeGss(), ntlm, hostname }))
    for (let turn = 0; turn < 2; turn++) {
      expect(await failureOf(session.get(server.url))).toBeInstanceOf(MutualAuthenticationError)
    }
    expect(ntlm.flows).toBe(0)
  })

  test('does what KerberosAuth does without a scheme to fall back to', async () => {
    const server = await startServer(serve(['Negotiate', 'NTLM']))
    const auth = new NegotiateAuth({ provider: failing('No credentials cache found') })
    expect(((await failureOf(newSession(auth).get(server.url))) as KerberosError).reason).toBe('no-credentials')
  })

  test('refuses something else than a scheme', () => {
    expect(() => new NegotiateAuth({ ntlm: 'alice' as never })).toThrow(UsageError)
    expect(() => new NegotiateAuth({ ntml: null } as never)).toThrow(/ntlm/)
  })
})
