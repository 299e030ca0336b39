import { AuthBase, type AuthContext, ConnectionError, DigestAuth, type PreparedRequest, Retry } from '@entreat/core'
import { TestProxy } from '@entreat/testkit'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection } from '../support/failure.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

useServerAndSession(() => ({ verify: server.ca }))

const NAMES = ['start', 'leg', 'redirect', 'retry', 'end', 'error']

interface Heard {
  readonly name: string
  readonly message: Record<string, unknown>
}

let heard: Heard[]
let listeners: [string, (message: unknown) => void][]

beforeEach(() => {
  heard = []
  listeners = NAMES.map((name) => [
    `entreat:${name}`,
    (message) => void heard.push({ name, message: message as Record<string, unknown> }),
  ])
  for (const [name, listener] of listeners) subscribe(name, listener)
})

afterEach(() => {
  for (const [name, listener] of listeners) unsubscribe(name, listener)
})

/** The messages' names, with what tells one from another. */
const summary = (...keys: string[]): unknown[][] =>
  heard.map(({ name, message }) => [name, ...keys.filter((key) => key in message).map((key) => message[key])])

describe('a call', () => {
  it('publishes its start, its leg and its end, with one id', async () => {
    await session.get(`${server.url}/get?a=1`)
    expect(summary('method', 'url', 'hop', 'attempt', 'statusCode', 'legsBefore')).toEqual([
      ['start', 'GET', `${server.url}/get?a=1`],
      ['leg', 'GET', `${server.url}/get?a=1`, 0, 0, 200],
      ['end', 'GET', `${server.url}/get?a=1`, 200, 0],
    ])
    expect(new Set(heard.map(({ message }) => message['id'])).size).toBe(1)
    expect(heard[1]?.message['timings']).toMatchObject({ firstByte: expect.any(Number) as number })
  })

  it('has an id of its own', async () => {
    await Promise.all([session.get(`${server.url}/get`), session.get(`${server.url}/get`)])
    expect(new Set(heard.map(({ message }) => message['id'])).size).toBe(2)
  })

  it('publishes each redirect', async () => {
    await session.get(`${server.url}/redirect/1`)
    expect(summary('hop', 'statusCode', 'location')).toEqual([
      ['start'],
      ['leg', 0, 302],
      ['redirect', 302, `${server.url}/get`],
      ['leg', 1, 200],
      ['end', 200],
    ])
  })

  it('publishes the legs of its authentication, which hooks do not see', async () => {
    await session.get(`${server.url}/digest-auth/auth/user/password`, { auth: new DigestAuth('user', 'password') })
    expect(summary('statusCode', 'legsBefore')).toEqual([['start'], ['leg', 401], ['leg', 200], ['end', 200, 1]])
  })

  it('publishes the legs of a proxy that is asked for a tunnel', async () => {
    await using proxy = await TestProxy.start({ credentials: { username: 'user', password: 's3cret' } })
    const proxies = { all: proxy.url.replace('//', '//user:s3cret@') }
    await session.get(`${server.httpsUrl}/get`, { proxies })
    expect(summary('method', 'statusCode')).toEqual([
      ['start', 'GET'],
      ['leg', 'CONNECT', 200],
      ['leg', 'GET', 200],
      ['end', 'GET', 200],
    ])
  })

  it('publishes requests out of band', async () => {
    class TokenAuth extends AuthBase {
      override async apply(request: PreparedRequest, context: AuthContext): Promise<void> {
        const token = request.copy()
        token.url = `${server.url}/uuid`
        await context.send(token)
      }
    }
    await session.get(`${server.url}/get`, { auth: new TokenAuth() })
    expect(summary('url').filter(([name]) => name === 'leg')).toEqual([
      ['leg', `${server.url}/uuid`],
      ['leg', `${server.url}/get`],
    ])
  })

  it('publishes each retry', async () => {
    const retry = new Retry({ total: 1, statusForcelist: [503], backoffMs: 0, raiseOnStatus: false })
    await session.get(`${server.url}/status/503`, { retry })
    expect(summary('attempt', 'statusCode', 'delayMs')).toEqual([
      ['start'],
      ['leg', 0, 503],
      ['retry', 1, 503, 0],
      ['leg', 1, 503],
      ['end', 503],
    ])
  })

  it('publishes its failure', async () => {
    const error = await failure(session.get(`${server.url}/reset`))
    const [leg, last] = heard.slice(-2)
    expect([leg?.name, last?.name]).toEqual(['leg', 'error'])
    const shown = { name: error.name, code: error.code, message: error.message }
    expect([error instanceof ConnectionError, last?.message['error'], leg?.message['statusCode']]).toEqual([
      true,
      shown,
      null,
    ])
  })

  it("does not repeat the words of a caller's reason", async () => {
    const controller = new AbortController()
    const running = rejection(session.get(`${server.url}/delay/10`, { signal: controller.signal }))
    controller.abort(new Error('s3cret plans'))
    await running
    expect(heard.find(({ name }) => name === 'error')).toMatchObject({
      message: { error: { name: 'Error', code: null, message: '' } },
    })
  })

  it('publishes no secret', async () => {
    const url = `${server.url.replace('//', '//user:s3cret@')}/cookies/set/a/s3cret?token=s3cret`
    const headers = { 'X-Api-Key': 's3cret', Authorization: 'Bearer s3cret' }
    await session.get(url.replace('set/a/s3cret', 'set'), { headers, data: 's3cret', params: { api_key: 's3cret' } })
    expect(heard.length).toBe(5)
    expect(inspect(heard, { depth: 9, showHidden: true })).not.toMatch(/s3cret|czNjcmV0/)
  })
})
