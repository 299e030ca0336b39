import { expect, test } from 'vitest'
import { get, HTTPAdapter, Request, RequestException, Retry, Session, UsageError } from '@entreat/core'
import { failureOf, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

/** What a synchronous call throws. */
function thrownBy(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('It did not throw')
}

const MISSPELT: readonly [where: string, call: () => unknown, given: string, nearest: string][] = [
  ['new Session()', () => new Session({ timeOut: 5 } as never), 'timeOut', 'timeout'],
  [
    'the limits of a Session',
    () => new Session({ limits: { decodedByte: 5 } as never }),
    'decodedByte',
    'decodedBytes',
  ],
  ['the timeout of a Session', () => new Session({ timeout: { reed: 5 } as never }), 'reed', 'read'],
  ['the hooks of a Session', () => new Session({ hooks: { respones: () => {} } as never }), 'respones', 'response'],
  ['new HTTPAdapter()', () => new HTTPAdapter({ serverName: 'x' } as never), 'serverName', 'servername'],
  ['the limits of an HTTPAdapter', () => new HTTPAdapter({ limits: { coding: 5 } as never }), 'coding', 'codings'],
  ['new Retry()', () => new Retry({ statusForceList: [503] } as never), 'statusForceList', 'statusForcelist'],
]

test.each(MISSPELT)('%s refuses a misspelt option and names the one that was meant', (_where, call, given, nearest) => {
  const error = thrownBy(call)
  expect(error).toBeInstanceOf(UsageError)
  expect(error.message).toContain(given)
  expect(error.message.replaceAll(`"${given}"`, '')).toContain(nearest)
})

const REFUSED: readonly [
  where: string,
  call: (session: Session, url: string) => Promise<unknown>,
  given: string,
  nearest: string,
][] = [
  ['request()', (session, url) => session.request('GET', url, { header: {} } as never), 'header', 'headers'],
  ['get()', (session, url) => session.get(url, { paramz: {} } as never), 'paramz', 'params'],
  ['head()', (session, url) => session.head(url, { Jason: {} } as never), 'Jason', 'json'],
  ['a one-shot', (_, url) => get(url, { verifi: false } as never), 'verifi', 'verify'],
  [
    'prepareRequest()',
    (session, url) => session.prepareRequest(new Request('GET', url, { cokies: {} } as never)),
    'cokies',
    'cookies',
  ],
  [
    'the timeout of a request',
    (session, url) => session.get(url, { timeout: { conect: 5 } as never }),
    'conect',
    'connect',
  ],
  [
    'the limits of a request',
    (session, url) => session.get(url, { limits: { drainedByte: 5 } as never }),
    'drainedByte',
    'drainedBytes',
  ],
  [
    'the hooks of a request',
    (session, url) => session.get(url, { hooks: { requests: () => {} } as never }),
    'requests',
    'request',
  ],
  [
    'send()',
    async (session, url) =>
      session.send(await session.prepareRequest(new Request('GET', url)), { allowRedirect: false } as never),
    'allowRedirect',
    'allowRedirects',
  ],
  ['Request.prepare()', (_, url) => new Request('GET', url, { heades: {} } as never).prepare(), 'heades', 'headers'],
]

test.each(REFUSED)(
  '%s rejects a misspelt option and names the one that was meant',
  async (_where, call, given, nearest) => {
    await using session = new Session()
    const error = (await failureOf(call(session, `${site().url}/get`))) as Error
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain(given)
    expect(error.message.replaceAll(`"${given}"`, '')).toContain(nearest)
  },
)

test('send() refuses options that only a request can have', async () => {
  await using session = new Session()
  const prepared = await session.prepareRequest(new Request('GET', `${site().url}/get`))
  await expect(session.send(prepared, { headers: {} } as never)).rejects.toThrow(UsageError)
})

const WRONG: readonly [what: string, call: (session: Session, url: string) => Promise<unknown>][] = [
  ['options that are no object', (session, url) => session.get(url, 'fast' as never)],
  ['a method with a space', (session, url) => session.request('GE T', url)],
  ['an empty method', (session, url) => session.request('', url)],
  ['a method that is a symbol', (session, url) => session.request(Symbol('GET') as never, url)],
  ['a URL that is a symbol', (session) => session.get(Symbol('url') as never)],
  ['a URL that is null', (session) => session.get(null as never)],
  ['a negative timeout', (session, url) => session.get(url, { timeout: -1 })],
  ['a timeout of zero', (session, url) => session.get(url, { timeout: 0 })],
  ['a timeout that is text', (session, url) => session.get(url, { timeout: 'soon' as never })],
  ['a timeout of three numbers', (session, url) => session.get(url, { timeout: [1, 2, 3] as never })],
  ['a timeout that is not a number', (session, url) => session.get(url, { timeout: { read: Number.NaN } })],
  ['a signal that is none', (session, url) => session.get(url, { signal: {} as never })],
  ['auth that is text', (session, url) => session.get(url, { auth: 'user' as never })],
  ['auth of three texts', (session, url) => session.get(url, { auth: ['a', 'b', 'c'] as never })],
  ['maxRedirects that is not a number', (session, url) => session.get(url, { maxRedirects: Number.NaN })],
  ['a negative maxRedirects', (session, url) => session.get(url, { maxRedirects: -1 })],
  ['a negative retry', (session, url) => session.get(url, { retry: -1 })],
  ['a retry that is a plain object', (session, url) => session.get(url, { retry: { total: 2 } as never })],
  ['a hook that is no function', (session, url) => session.get(url, { hooks: { response: 'log' as never } })],
  ['a limit that is negative', (session, url) => session.get(url, { limits: { decodedBytes: -1 } })],
  ['params that are a number', (session, url) => session.get(url, { params: 5 as never })],
  ['params of uneven pairs', (session, url) => session.get(url, { params: [['a']] as never })],
  ['params that hold an object', (session, url) => session.get(url, { params: { a: { b: 1 } } as never })],
  ['data that is a number', (session, url) => session.post(url, { data: 5 as never })],
  ['data that is a list of texts', (session, url) => session.post(url, { data: ['a', 'b'] as never })],
  ['headers that are a list of texts', (session, url) => session.get(url, { headers: ['a'] as never })],
  ['headers that are text', (session, url) => session.get(url, { headers: 'X-A: 1' as never })],
  ['a cookie that is a number', (session, url) => session.get(url, { cookies: { a: 5 } as never })],
  ['something else than a prepared request', (session) => session.send({} as never)],
  ['an unprepared request', (session, url) => session.send(new Request('GET', url) as never)],
  ['something else than a Request to prepare', (session) => session.prepareRequest({} as never)],
]

test.each(WRONG)('rejects %s as a RequestException, and throws nothing on the spot', async (_what, call) => {
  await using session = new Session()
  const promise = call(session, `${site().url}/anything`)
  expect(await failureOf(promise)).toBeInstanceOf(RequestException)
})
