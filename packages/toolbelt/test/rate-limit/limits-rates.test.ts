import { HTTPAdapter, Request, Response, Session, UsageError } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import { RateLimitAdapter, RateLimiter, type RateLimiterOptions } from '@entreat/toolbelt/rate-limit'
import { failure } from '../support/failure.ts'
import { reply, useSite } from '../support/site.ts'
import { ManualClock } from './manual-clock.ts'

const ORIGIN = 'https://api.example.com'

/** Asks so many times; the list grows as they are let go. */
function ask(limiter: RateLimiter, count: number, origin = ORIGIN): number[] {
  const gone: number[] = []
  for (let index = 0; index < count; index++) void limiter.acquire(origin).then(() => gone.push(index))
  return gone
}

function make(options: Partial<RateLimiterOptions> = {}): { limiter: RateLimiter; clock: ManualClock } {
  const clock = new ManualClock()
  return { limiter: new RateLimiter({ limit: 10, clock, ...options }), clock }
}

async function response(statusCode: number, headers: Record<string, string>): Promise<Response> {
  return new Response({ request: await new Request('GET', ORIGIN).prepare(), statusCode, headers })
}

describe('a rate limiter', () => {
  test('lets a burst go at once, and the rest at its rate, in order', async () => {
    const { limiter, clock } = make()
    const gone = ask(limiter, 25)
    await clock.advance(0)
    expect(gone.length).toBe(10)
    await clock.advance(100)
    expect(gone.length).toBe(11)
    await clock.advance(900)
    expect(gone.length).toBe(20)
    await clock.advance(10_000)
    expect(gone).toEqual(Array.from({ length: 25 }, (_, index) => index))
    expect(clock.timers).toBe(0)
  })

  test('spreads evenly with a burst of 1', async () => {
    const { limiter, clock } = make({ limit: 2, burst: 1 })
    const gone = ask(limiter, 5)
    for (const expected of [1, 2, 3, 4, 5]) {
      await clock.advance(expected === 1 ? 0 : 500)
      expect(gone.length).toBe(expected)
    }
  })

  test('never lets more go in any interval than limit and burst together', async () => {
    const { limiter, clock } = make({ limit: 7, intervalMs: 300, burst: 3 })
    const times: number[] = []
    for (let index = 0; index < 100; index++) void limiter.acquire(ORIGIN).then(() => times.push(clock.now()))
    for (let turn = 0; turn < 1000; turn++) await clock.advance(7)
    expect(times.length).toBe(100)
    for (const time of times)
      expect(times.filter((other) => other >= time && other < time + 300).length).toBeLessThanOrEqual(10)
  })

  test('counts each origin by itself, or all together', async () => {
    const apart = make({ limit: 1 })
    const together = make({ limit: 1, perOrigin: false })
    expect((await Promise.all(['https://a', 'https://b'].map((origin) => apart.limiter.acquire(origin)))).length).toBe(
      2,
    )
    const gone = [...ask(together.limiter, 1, 'https://a'), ...ask(together.limiter, 1, 'https://b')]
    await together.clock.advance(0)
    expect(gone.length).toBeLessThan(2)
  })

  test('lets go of who aborts, and the turn goes to the next', async () => {
    const { limiter, clock } = make({ limit: 1 })
    await limiter.acquire(ORIGIN)
    const controller = new AbortController()
    const first = failure(limiter.acquire(ORIGIN, controller.signal))
    const gone = ask(limiter, 1)
    const reason = new Error('stop')
    controller.abort(reason)
    expect(await first).toBe(reason)
    await clock.advance(1000)
    expect(gone.length).toBe(1)
    expect(await failure(limiter.acquire(ORIGIN, controller.signal))).toBe(reason)
  })

  test('is not confused by a clock that is set back', async () => {
    const { limiter, clock } = make({ limit: 1 })
    await limiter.acquire(ORIGIN)
    const gone = ask(limiter, 1)
    await clock.advance(-5000)
    await clock.advance(6001)
    expect(gone.length).toBe(1)
  })

  test.each([
    { limit: 0 },
    { limit: -1 },
    { limit: Number.NaN },
    { limit: 1, intervalMs: 0 },
    { limit: 1, burst: 0.5 },
    { limit: 1, rate: 5 },
  ])('refuses %j', (options) => {
    expect(() => new RateLimiter(options as never)).toThrow(UsageError)
  })
})

describe('what servers say', () => {
  const nowSeconds = 1_700_000_000
  test.each<[what: string, status: number, headers: Record<string, string>, pauseMs: number]>([
    ['Retry-After in seconds', 429, { 'Retry-After': '7' }, 7000],
    ['Retry-After of a 503', 503, { 'Retry-After': '7' }, 7000],
    ['Retry-After as a date', 429, { 'Retry-After': new Date((nowSeconds + 30) * 1000).toUTCString() }, 30_000],
    ['Retry-After in the past', 429, { 'Retry-After': new Date(0).toUTCString() }, 0],
    ['Retry-After that is nonsense', 429, { 'Retry-After': 'soon' }, 0],
    ['Retry-After of a redirect, which means something else', 301, { 'Retry-After': '7' }, 0],
    ['RateLimit with nothing left', 200, { RateLimit: '"default";r=0;t=5' }, 5000],
    ['RateLimit with some left', 200, { RateLimit: '"default";r=1;t=5' }, 0],
    ['the longest of several', 200, { RateLimit: '"a";r=0;t=5, "b";r=0;t=9, "c";r=3;t=99' }, 9000],
    ['RateLimit-Remaining and -Reset', 200, { 'RateLimit-Remaining': '0', 'RateLimit-Reset': '3' }, 3000],
    [
      'X-RateLimit-Reset as a time',
      403,
      { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(nowSeconds + 60) },
      60_000,
    ],
    ['X-RateLimit with some left', 200, { 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': '60' }, 0],
    ['a wait that is too long', 429, { 'Retry-After': '99999' }, 600_000],
  ])('%s', async (_what, status, headers, pauseMs) => {
    const { limiter, clock } = make()
    limiter.observe(ORIGIN, await response(status, headers))
    const gone = ask(limiter, 1)
    if (pauseMs > 0) {
      await clock.advance(pauseMs - 1)
      expect(gone.length).toBe(0)
    }
    await clock.advance(1)
    expect(gone.length).toBe(1)
  })

  test('is left alone if honoursServer is false', async () => {
    const { limiter, clock } = make({ honoursServer: false })
    limiter.observe(ORIGIN, await response(429, { 'Retry-After': '7' }))
    const gone = ask(limiter, 1)
    await clock.advance(0)
    expect(gone.length).toBe(1)
  })
})

describe('the adapter', () => {
  const site = useSite()

  test('makes requests wait, redirects among them, and learns from answers', async () => {
    const clock = new ManualClock()
    await using session = new Session({ trustEnv: false })
    session.mount(site().url, new RateLimitAdapter({ limit: 2, intervalMs: 60_000, clock }))
    const target = site().on('/target', reply(429, { 'Retry-After': '300' }))
    expect((await session.get(site().on('/start', reply(302, { Location: target })))).statusCode).toBe(429)
    let isOver = false
    const waiting = session.get(`${site().url}/get`).then(() => (isOver = true))
    await clock.advance(120_000)
    expect(isOver).toBe(false)
    await clock.advance(200_000)
    await waiting
  })

  test('turns away who waits when it is closed, and nobody else who shares the limiter', async () => {
    const clock = new ManualClock()
    const limiter = new RateLimiter({ limit: 1, clock })
    await using one = new Session({ trustEnv: false })
    await using two = new Session({ trustEnv: false })
    const adapter = new RateLimitAdapter(limiter)
    one.mount(site().url, adapter)
    two.mount(site().url, new RateLimitAdapter(limiter))
    await one.get(`${site().url}/get`)
    const turnedAway = failure(one.get(`${site().url}/get`))
    const waiting = two.get(`${site().url}/get`)
    await new Promise(setImmediate)
    await adapter.close()
    expect((await turnedAway).code).toBe('ERR_CLOSED')
    await clock.advance(1000)
    expect((await waiting).statusCode).toBe(200)
  })

  test('can share a limiter', async () => {
    const clock = new ManualClock()
    const limiter = new RateLimiter({ limit: 1, clock })
    await using one = new Session({ trustEnv: false })
    await using two = new Session({ trustEnv: false })
    one.mount(site().url, new RateLimitAdapter(limiter))
    two.mount(site().url, new RateLimitAdapter(limiter, new HTTPAdapter()))
    await one.get(`${site().url}/get`)
    let isOver = false
    const waiting = two.get(`${site().url}/get`).then(() => (isOver = true))
    await new Promise(setImmediate)
    expect(isOver).toBe(false)
    await clock.advance(1000)
    await waiting
  })
})
