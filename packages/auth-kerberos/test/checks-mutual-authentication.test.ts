import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { AuthenticationError, RequestException, type Response, Retry } from '@entreat/core'
import { KerberosAuth, MutualAuthenticationError } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true })
const newSession = useSessions()

/** What somebody between client and server makes of the server's token, and of the status. */
interface Tampering {
  readonly token?: (token: string) => string | null
  readonly status?: number
  readonly headers?: Record<string, string>
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Stands before Apache and changes its answers. */
async function tamper(changes: (answer: number) => Tampering): Promise<string> {
  let answers = 0
  const server = createServer((request, response) => {
    const { method, headers, url } = request
    const onward = httpRequest(lab().apache.url + url, { method, headers }, (answer) => {
      const { token = (text) => text, status, headers: more = {} } = changes(++answers)
      const challenge = answer.headers['www-authenticate']
      const changed = challenge === undefined ? null : token(challenge)
      const { 'www-authenticate': _, ...others } = answer.headers
      const own = changed === null ? {} : { 'WWW-Authenticate': changed }
      response.writeHead(status ?? answer.statusCode ?? 500, { ...others, ...own, ...more })
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://localhost:${(server.address() as AddressInfo).port}/krb/echo`
}

const preemptive = true
const flipped = (token: string): string => {
  const bytes = Buffer.from(token.replace('Negotiate ', ''), 'base64')
  bytes[bytes.length - 3]! ^= 1
  return `Negotiate ${bytes.toString('base64')}`
}

describe('with mutual authentication required', () => {
  test.each<[string, (token: string) => string | null]>([
    ['leaves its token out', () => null],
    ['sends the scheme alone', () => 'Negotiate'],
    ['changes one bit of its token', flipped],
    ['cuts its token short', (token) => token.slice(0, 60)],
    ['cuts its token short within a base64 group', (token) => token.slice(0, -3)],
    ['sends something that is no base64', () => 'Negotiate %%%%'],
    ['sends random bytes', () => `Negotiate ${Buffer.alloc(300, 'x').toString('base64')}`],
    ['sends a token as long as a head can be', () => `Negotiate ${Buffer.alloc(10_000, 1).toString('base64')}`],
    ['sends an empty token', () => 'Negotiate ='],
    ['sends a token of another scheme', (token) => token.replace('Negotiate', 'Kerberos')],
  ])('a server that %s is refused, and its body is not handed out', async (_, token) => {
    const url = await tamper(() => ({ token }))
    for (const stream of [false, true]) {
      const error = (await failureOf(
        newSession(new KerberosAuth({ preemptive })).get(url, { stream }),
      )) as MutualAuthenticationError
      expect(error).toBeInstanceOf(MutualAuthenticationError)
      expect(error).toBeInstanceOf(AuthenticationError)
      expect(error).toBeInstanceOf(RequestException)
      expect([error.code, error.service]).toEqual(['ERR_MUTUAL_AUTHENTICATION', 'HTTP@localhost'])
      expect(error.message).toMatch(/^GET http:\S+: the server did not prove that it is HTTP@localhost: its? /)
      expect(error.response?.statusCode).toBe(200)
      expect(error.response?.content.length).toBe(0)
    }
  })

  test('each answer is checked: one that proved itself says nothing of the next', async () => {
    const url = await tamper((answer) => (answer === 3 ? { token: () => null } : {}))
    const session = newSession(new KerberosAuth({ preemptive }))
    expect((await session.get(url)).statusCode).toBe(200)
    expect((await session.get(url)).statusCode).toBe(200)
    expect(await failureOf(session.get(url))).toBeInstanceOf(MutualAuthenticationError)
    expect((await session.get(url)).statusCode).toBe(200)
  })

  test('the token of one answer proves nothing in another', async () => {
    let kept: string | null = null
    const url = await tamper(() => ({ token: (token) => (kept ??= token) }))
    const session = newSession(new KerberosAuth({ preemptive }))
    expect((await session.get(url)).statusCode).toBe(200)
    expect(await failureOf(session.get(url))).toBeInstanceOf(MutualAuthenticationError)
  })

  test('of many answers at once exactly those without proof are refused', async () => {
    const url = await tamper((answer) => (answer % 2 === 0 ? { token: flipped } : {}))
    const session = newSession(new KerberosAuth({ preemptive }))
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => session.get(url)))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(20)
  })

  test('a redirect without proof is not followed', async () => {
    const headers = { Location: '/open/echo' }
    const url = await tamper((answer) => (answer === 1 ? { token: () => null, status: 302, headers } : {}))
    expect(await failureOf(newSession(new KerberosAuth({ preemptive })).get(url))).toBeInstanceOf(
      MutualAuthenticationError,
    )
  })

  test('an error without proof keeps its head and loses its body', async () => {
    const url = await tamper(() => ({ token: () => null, status: 503 }))
    const response = await newSession(new KerberosAuth({ preemptive })).get(url)
    expect([response.statusCode, response.content.length]).toEqual([503, 0])
    expect(response.headers.get('server')).toContain('Apache')
  })

  test('an error with proof keeps its body', async () => {
    const url = await tamper(() => ({ status: 404 }))
    const response = await newSession(new KerberosAuth({ preemptive })).get(url)
    expect(response.statusCode).toBe(404)
    expect(response.text).toContain('user=alice@TEST.LOCAL')
  })

  test('a refusal keeps its body, whoever it comes from', async () => {
    const url = await tamper(() => ({ token: () => 'Basic realm="other"', status: 401 }))
    const response = await newSession(new KerberosAuth({ preemptive })).get(url)
    expect(response.statusCode).toBe(401)
    expect(response.text).toContain('user=alice@TEST.LOCAL')
  })
})

describe('a request that is repeated', () => {
  test('carries a new token each time: Apache, which knows what it has seen, takes them all', async () => {
    await lab().apache.log.clear()
    const url = await tamper((answer) => (answer < 3 ? { status: 503 } : {}))
    const retry = new Retry({ total: 2, statusForcelist: [503] })
    const response = await newSession(new KerberosAuth({ preemptive }), { retry }).get(url)
    expect(response.text).toContain('user=alice@TEST.LOCAL')
    expect((await lab().apache.log.requests({ atLeast: 3 })).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('by somebody else, with the same token, is refused by Apache', async () => {
    const url = await tamper(() => ({}))
    const response = await newSession(new KerberosAuth({ preemptive })).get(url)
    const Authorization = response.request.headers.get('Authorization')
    const replayed = await newSession(null).get(url, { headers: { Authorization } })
    expect(replayed.statusCode).toBe(401)
  })
})

describe('with mutual authentication optional or off', () => {
  const answer = async (mutual: 'optional' | 'off', token: (text: string) => string | null): Promise<Response> => {
    const url = await tamper(() => ({ token }))
    return newSession(new KerberosAuth({ preemptive, mutual })).get(url)
  }

  test('optional takes an answer without a token', async () => {
    expect((await answer('optional', () => null)).text).toContain('user=alice@TEST.LOCAL')
  })

  test('optional refuses a token that is wrong', async () => {
    expect(await failureOf(answer('optional', flipped))).toBeInstanceOf(MutualAuthenticationError)
  })

  test('off looks at no token', async () => {
    expect((await answer('off', flipped)).text).toContain('user=alice@TEST.LOCAL')
    expect((await answer('off', () => null)).text).toContain('user=alice@TEST.LOCAL')
  })
})
