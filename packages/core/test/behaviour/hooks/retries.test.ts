import { expect, test, vi } from 'vitest'
import {
  ConnectionError,
  Retry,
  type RetryEvent,
  RetryError,
  Session,
  UnrewindableBodyError,
  UsageError,
} from '@entreat/core'
import { failureOf, RawServer, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

/** Statuses retried at once. */
function onStatus(...statusForcelist: number[]): Retry {
  return new Retry({ total: 3, statusForcelist })
}

/** The delay that a Retry-After header comes to: the retry itself does not happen. */
async function delayFor(header: string, options: ConstructorParameters<typeof Retry>[0] = {}): Promise<number | null> {
  await using session = new Session({ retry: new Retry({ total: 1, ...options }) })
  let delay: number | null = null
  const retry = ({ delayMs }: RetryEvent): false => {
    delay = delayMs
    return false
  }
  await session.get(`${site().url}/status/503?retry_after=${encodeURIComponent(header)}`, { hooks: { retry } })
  return delay
}

test('repeats a status in the list until it is another', async () => {
  await using session = new Session({ retry: onStatus(503) })
  expect((await session.get(`${site().url}/flaky/until/3`)).json()).toEqual({ attempt: 4 })
})

test('raises RetryError when a status stays in the list, with the last response', async () => {
  await using session = new Session({ retry: onStatus(500) })
  const error = (await failureOf(session.get(`${site().url}/status/500?token=s3cret`))) as RetryError
  expect(error).toBeInstanceOf(RetryError)
  expect(error.response?.statusCode).toBe(500)
  expect(error.request?.pathUrl).toContain('/status/500')
  expect(error.message).not.toContain('s3cret')
  expect(site().received('/status/500')).toHaveLength(4)
})

test('gives the last response instead with raiseOnStatus: false', async () => {
  await using session = new Session({ retry: new Retry({ total: 1, statusForcelist: [502], raiseOnStatus: false }) })
  expect((await session.get(`${site().url}/status/502`)).statusCode).toBe(502)
})

test('holds no connection after RetryError', async () => {
  await using session = new Session({
    retry: new Retry({ total: 1, statusForcelist: [418] }),
    limits: { connectionsPerOrigin: 1 },
    timeout: { pool: 2000 },
  })
  await failureOf(session.get(`${site().url}/status/418`, { stream: true }))
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
})

test('keeps retried responses out of history', async () => {
  await using session = new Session({ retry: onStatus(503) })
  expect((await session.get(`${site().url}/flaky/history/2`)).history).toEqual([])
})

test('does not repeat POST for a status', async () => {
  await using session = new Session({ retry: onStatus(503) })
  expect((await session.post(`${site().url}/flaky/post/1`)).statusCode).toBe(503)
})

test('repeats POST where allowedMethods says so', async () => {
  const retry = new Retry({ total: 1, statusForcelist: [503], allowedMethods: ['post'] })
  await using session = new Session({ retry })
  expect((await session.post(`${site().url}/flaky/allowed/1`)).statusCode).toBe(200)
})

test('repeats every method for allowedMethods: null', async () => {
  const retry = new Retry({ total: 1, statusForcelist: [503], allowedMethods: null })
  await using session = new Session({ retry })
  expect((await session.patch(`${site().url}/flaky/any/1`)).statusCode).toBe(200)
})

test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])(
  'repeats %s after a broken connection: it is idempotent (RFC 9110 section 9.2.2)',
  async (method) => {
    const path = `/breaks-once-${method}`
    let requests = 0
    site().on(path, (request, response) => {
      if (++requests === 1) request.socket.destroy()
      else response.end()
    })
    await using session = new Session({ retry: 1 })
    expect((await session.request(method, site().url + path)).statusCode).toBe(200)
  },
)

test.each(['POST', 'PATCH'])('does not repeat %s after a broken connection', async (method) => {
  const path = `/breaks-${method}`
  site().on(path, (request) => void request.socket.destroy())
  await using session = new Session({ retry: 3 })
  expect(await failureOf(session.request(method, site().url + path))).toBeInstanceOf(ConnectionError)
  expect(site().received(path)).toHaveLength(1)
})

test('does not repeat a one-shot body', async () => {
  const path = '/one-shot-retry'
  site().on(path, reply(503))
  async function* once(): AsyncGenerator<string> {
    yield 'once'
  }
  await using session = new Session({ retry: new Retry({ total: 3, statusForcelist: [503], raiseOnStatus: false }) })
  const outcome = await session.put(site().url + path, { data: once() }).catch((error: unknown) => error)
  expect(outcome).not.toBeInstanceOf(UnrewindableBodyError)
  expect(
    site()
      .received(path)
      .map(({ body }) => body.toString()),
  ).toEqual(['once'])
})

test.each([
  ['total', { total: 2 }, 3],
  ['status before total', { total: 5, status: 1 }, 2],
  ['total before status', { total: 1, status: 5 }, 2],
  ['status alone', { total: null, status: 2 }, 3],
  ['nothing for 0', { total: 0 }, 1],
])('counts by %s', async (what, options, requests) => {
  const path = `/counted-${what.replaceAll(' ', '-')}`
  site().on(path, reply(503))
  await using session = new Session({ retry: new Retry({ ...options, statusForcelist: [503], raiseOnStatus: false }) })
  await session.get(site().url + path)
  expect(site().received(path)).toHaveLength(requests)
})

test('counts reads apart from the rest', async () => {
  const path = '/counted-reads'
  site().on(path, (request) => void request.socket.destroy())
  await using session = new Session({ retry: new Retry({ total: 5, read: 1 }) })
  await failureOf(session.get(site().url + path))
  expect(site().received(path)).toHaveLength(2)
})

test('repeats a connection that is refused, for POST too: nothing was sent', async () => {
  const gone = await RawServer.start(() => {})
  const { url } = gone
  await gone[Symbol.asyncDispose]()
  await using session = new Session({ retry: 2 })
  let retries = 0
  await failureOf(session.post(url, { data: 'x', hooks: { retry: () => void retries++ } }))
  expect(retries).toBe(2)
})

test('does not retry without being told to', async () => {
  await using session = new Session()
  expect((await session.get(`${site().url}/flaky/untold/1?retry_after=0`)).statusCode).toBe(503)
})

// ── Retry-After (RFC 9110 section 10.2.3) ───────────────────────────────────

test.each([
  ['seconds', '7', 7000],
  ['seconds of zero', '0', 0],
  ['a date that is past', 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['a date of RFC 850 that is past', 'Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ['a date of asctime that is past', 'Sun Nov  6 08:49:37 1994', 0],
  ['nonsense', 'soon', 0],
  ['a negative number', '-5', 0],
])('waits for %s', async (_what, header, expected) => {
  expect(await delayFor(header)).toBe(expected)
})

/** A date in an hour, as HTTP writes it in three ways (RFC 9110 section 5.6.7). */
function inAnHour(): { imf: string; asctime: string; rfc850: string } {
  const imf = new Date(Date.now() + 3_600_000).toUTCString()
  const [weekday = '', day = '', month = '', year = '', time = ''] = imf.replace(',', '').split(' ')
  const names: Record<string, string> = {
    Sun: 'Sunday',
    Mon: 'Monday',
    Tue: 'Tuesday',
    Wed: 'Wednesday',
    Thu: 'Thursday',
    Fri: 'Friday',
    Sat: 'Saturday',
  }
  return {
    imf,
    asctime: `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`,
    rfc850: `${names[weekday]}, ${day}-${month}-${year.slice(2)} ${time} GMT`,
  }
}

test.each(['imf', 'asctime', 'rfc850'] as const)(
  'reads a date as %s, in GMT wherever it runs (RFC 9110 section 5.6.7)',
  async (form) => {
    vi.stubEnv('TZ', 'Asia/Tokyo')
    const delay = await delayFor(inAnHour()[form], { maxRetryAfterMs: 7_200_000 })
    vi.unstubAllEnvs()
    expect(delay).toBeGreaterThan(3_590_000)
    expect(delay).toBeLessThanOrEqual(3_600_000)
  },
)

test('gives the response where Retry-After is longer than it may be', async () => {
  expect(await delayFor('121')).toBeNull()
  expect(await delayFor('3', { maxRetryAfterMs: 2000 })).toBeNull()
})

test.each([413, 429, 503])('retries a %i with Retry-After that is in no list', async (status) => {
  await using session = new Session({ retry: 1 })
  expect((await session.get(`${site().url}/flaky/after-${status}/1/${status}?retry_after=0`)).statusCode).toBe(200)
})

test('gives the response where such a status stays to the end', async () => {
  await using session = new Session({ retry: 1 })
  expect((await session.get(`${site().url}/status/429?retry_after=0`)).statusCode).toBe(429)
})

test('does not look at Retry-After with respectRetryAfter: false', async () => {
  await using session = new Session({ retry: new Retry({ total: 1, respectRetryAfter: false }) })
  expect((await session.get(`${site().url}/flaky/disrespect/1?retry_after=0`)).statusCode).toBe(503)
})

test('grows the back-off from the second retry on, up to its cap', () => {
  const retry = new Retry({ backoffMs: 100, maxBackoffMs: 500 })
  expect([1, 2, 3, 4, 20].map((attempt) => retry.backoff(attempt))).toEqual([0, 200, 400, 500, 500])
  const jittered = new Retry({ backoffMs: 100, jitterMs: 50 }).backoff(2)
  expect(jittered).toBeGreaterThanOrEqual(200)
  expect(jittered).toBeLessThanOrEqual(250)
})

test('leaves off waiting when the signal aborts', async () => {
  await using session = new Session({ retry: 1 })
  const controller = new AbortController()
  const retry = (): void => void setImmediate(() => controller.abort(new Error('enough')))
  const call = session.get(`${site().url}/status/503?retry_after=60`, { signal: controller.signal, hooks: { retry } })
  await expect(call).rejects.toThrow('enough')
})

test('leaves off waiting when the whole takes too long', async () => {
  await using session = new Session({ retry: 1, timeout: { total: 100 } })
  const call = session.get(`${site().url}/status/503?retry_after=60`)
  await expect(call).rejects.toMatchObject({ code: 'ERR_TOTAL_TIMEOUT' })
})

test.each([{ total: -1 }, { backoffMs: Number.NaN }, { status: 'many' as never }])('refuses %j', (options) => {
  expect(() => new Retry(options)).toThrow(UsageError)
})

// ── the stale repeat ────────────────────────────────────────────────────────

/** A server that ends each kept connection as soon as a second request arrives on it. */
function forgetful(): Promise<RawServer> {
  const seen = new Set<number>()
  return RawServer.start((socket, _head, connection) => {
    if (seen.has(connection)) socket.destroy()
    else {
      seen.add(connection)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    }
  })
}

test.each(['GET', 'PUT', 'DELETE'])(
  'repeats %s once on a new connection where a kept one has gone stale',
  async (method) => {
    await using server = await forgetful()
    await using session = new Session()
    await session.get(server.url)
    expect((await session.request(method, server.url)).text).toBe('ok')
    expect(server.connectionCount).toBe(2)
  },
)

test.each(['POST', 'PATCH'])('does not repeat %s on a stale connection', async (method) => {
  await using server = await forgetful()
  await using session = new Session()
  await session.get(server.url)
  const error = await failureOf(session.request(method, server.url, { data: 'x' }))
  expect(error).toBeInstanceOf(ConnectionError)
  expect(error).toMatchObject({ connectionReused: true, responseStarted: false })
  expect(server.connectionCount).toBe(1)
})

test('does not count the stale repeat as a retry', async () => {
  await using server = await forgetful()
  await using session = new Session({ retry: 1 })
  let retries = 0
  await session.get(server.url)
  await session.get(server.url, { hooks: { retry: () => void retries++ } })
  expect(retries).toBe(0)
})
