import { expect, test, vi } from 'vitest'
import * as core from '@entreat/core'

type ErrorClass = new (message: string, ...rest: never[]) => core.RequestException

/** Each class, its parents without RequestException, and its code. */
const TREE: readonly [name: keyof typeof core, parents: readonly string[], code: string][] = [
  ['ConnectionError', [], 'ERR_CONNECTION'],
  ['ProxyError', ['ConnectionError'], 'ERR_PROXY'],
  ['SSLError', ['ConnectionError'], 'ERR_SSL'],
  ['ConnectTimeout', ['ConnectionError', 'Timeout'], 'ERR_CONNECT_TIMEOUT'],
  ['Timeout', [], 'ERR_TIMEOUT'],
  ['ReadTimeout', ['Timeout'], 'ERR_READ_TIMEOUT'],
  ['WriteTimeout', ['Timeout'], 'ERR_WRITE_TIMEOUT'],
  ['PoolTimeout', ['Timeout'], 'ERR_POOL_TIMEOUT'],
  ['TotalTimeout', ['Timeout'], 'ERR_TOTAL_TIMEOUT'],
  ['HTTPError', [], 'ERR_HTTP_STATUS'],
  ['TooManyRedirects', [], 'ERR_TOO_MANY_REDIRECTS'],
  ['InvalidURL', [], 'ERR_INVALID_URL'],
  ['InvalidProxyURL', ['InvalidURL'], 'ERR_INVALID_PROXY_URL'],
  ['MissingSchema', [], 'ERR_MISSING_SCHEMA'],
  ['InvalidSchema', [], 'ERR_INVALID_SCHEMA'],
  ['InvalidHeader', [], 'ERR_INVALID_HEADER'],
  ['InvalidJSONError', [], 'ERR_INVALID_JSON'],
  ['JSONDecodeError', ['InvalidJSONError'], 'ERR_JSON_DECODE'],
  ['ChunkedEncodingError', [], 'ERR_BODY_TRUNCATED'],
  ['ContentDecodingError', [], 'ERR_CONTENT_DECODING'],
  ['StreamConsumedError', [], 'ERR_STREAM_CONSUMED'],
  ['ContentNotReadError', [], 'ERR_CONTENT_NOT_READ'],
  ['RetryError', [], 'ERR_RETRIES_EXHAUSTED'],
  ['UnrewindableBodyError', [], 'ERR_BODY_NOT_REPLAYABLE'],
  ['LimitExceededError', [], 'ERR_LIMIT_EXCEEDED'],
  ['AuthenticationError', [], 'ERR_AUTHENTICATION'],
  ['CookieStoreError', [], 'ERR_COOKIE_STORE'],
  ['UsageError', [], 'ERR_USAGE'],
]
const NAMES = ['RequestException', ...TREE.map(([name]) => name)]

function classOf(name: string, copy: typeof core = core): ErrorClass {
  return copy[name as keyof typeof core] as unknown as ErrorClass
}

function make(name: string, copy: typeof core = core): core.RequestException {
  const Class = classOf(name, copy) as unknown as new (...args: unknown[]) => core.RequestException
  return name === 'JSONDecodeError' ? new Class('message', 'doc') : new Class('message')
}

test.each(TREE)('%s is what it should be, and nothing else', (name, parents, code) => {
  const error = make(name)
  expect(NAMES.filter((other) => error instanceof classOf(other))).toEqual(
    NAMES.filter((other) => ['RequestException', name, ...parents].includes(other)),
  )
  expect(error).toBeInstanceOf(Error)
  expect([error.name, error.code, error.message]).toEqual([name, code, 'message'])
  expect(String(error)).toBe(`${name}: message`)
})

test('every error of the package is in the tree', () => {
  const errors = Object.entries(core).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof Error,
  )
  expect(errors.map(([name]) => name).sort()).toEqual([...NAMES].sort())
})

test('recognises the errors of another copy of the package, both ways', async () => {
  vi.resetModules()
  const other = await import('@entreat/core')
  expect(other.RequestException).not.toBe(core.RequestException)
  for (const [name, parents] of TREE) {
    for (const [error, copy] of [
      [make(name, other), core],
      [make(name), other],
    ] as const) {
      const recognised = NAMES.filter((known) => error instanceof classOf(known, copy))
      expect(recognised).toEqual(NAMES.filter((known) => ['RequestException', name, ...parents].includes(known)))
    }
  }
})

test('takes requests, auth and adapters of another copy of the package', async () => {
  vi.resetModules()
  const other = await import('@entreat/core')
  class Stub extends other.TransportAdapter {
    send(request: core.PreparedRequest): Promise<core.Response> {
      return Promise.resolve(
        new other.Response({ request, statusCode: 200, body: request.headers.get('authorization') ?? '' }),
      )
    }

    close(): Promise<void> {
      return Promise.resolve()
    }
  }
  await using session = new core.Session({ auth: new other.BasicAuth('u', 'p') })
  session.mount('stub://', new Stub())
  expect((await session.get('stub://x/')).text).toBe('Basic dTpw')
  const prepared = await new other.Request('GET', 'stub://x/').prepare()
  expect((await session.send(prepared)).statusCode).toBe(200)
})

test('takes a Headers, a CookieJar, a Request and a Retry of another copy of the package', async () => {
  vi.resetModules()
  const other = await import('@entreat/core')
  const headers = new other.Headers([
    ['X-A', '1'],
    ['X-A', '2'],
  ])
  const cookies = new other.CookieJar().set('c', '1', { domain: 'x.example' })
  const session = new core.Session({ headers, cookies, retry: new other.Retry({ total: 2 }) })
  const prepared = await session.prepareRequest(new other.Request('GET', 'http://x.example/'))
  expect(prepared.headers.getAll('x-a')).toEqual(['1', '2'])
  expect(prepared.headers.get('cookie')).toBe('c=1')
  expect(session.retry?.total).toBe(2)
})

test.each([null, undefined, 5, 'text', {}, new Error('x'), Object.create(null)])(
  '%s is no RequestException',
  (value) => {
    expect(value instanceof core.RequestException).toBe(false)
  },
)

test('a class that a user derives is itself and its parents', () => {
  class Mine extends core.ReadTimeout {}
  const mine = new Mine('mine')
  expect([mine instanceof Mine, mine instanceof core.Timeout, mine instanceof core.HTTPError]).toEqual([
    true,
    true,
    false,
  ])
  expect(new core.ReadTimeout('theirs') instanceof Mine).toBe(false)
})

test('keeps its cause, request, response and facts about the connection', () => {
  const cause = new Error('cause')
  const error = new core.ConnectionError('m', {
    cause,
    code: 'ERR_CLOSED',
    connectionReused: true,
    requestBytesSent: 0,
    responseStarted: false,
  })
  expect([error.cause, error.code, error.connectionReused, error.requestBytesSent, error.responseStarted]).toEqual([
    cause,
    'ERR_CLOSED',
    true,
    0,
    false,
  ])
})
