import { AuthBase, type AuthContext, type PreparedRequest, type Response, Retry, Session } from '@entreat/core'
import { FakeClock } from '@entreat/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

let clock: FakeClock
useServerAndSession()
beforeEach(() => {
  clock = new FakeClock()
  session.clock = clock
})

/** How often a path was asked for. */
const asked = (path: string): number => server.requests.filter(({ url }) => url.includes(path)).length

describe('the pauses between retries', () => {
  it('grow as the policy says, and take no time', async () => {
    const retry = new Retry({ total: 3, statusForcelist: [503], backoffMs: 60_000, jitterMs: 0 })
    const paused: number[] = []
    const sent = session.get(`${server.url}/flaky/clock-backoff/3`, {
      retry,
      hooks: { retry: ({ delayMs }) => void paused.push(delayMs) },
    })
    const started = clock.now()
    for (let attempt = 1; attempt <= 3; attempt++) {
      if (retry.backoff(attempt) === 0) continue
      await clock.waits()
      expect([clock.nextIn, asked('clock-backoff')]).toEqual([retry.backoff(attempt), attempt])
      await clock.advance(retry.backoff(attempt) - 1)
      expect(asked('clock-backoff')).toBe(attempt)
      await clock.advance(1)
    }
    expect((await sent).json()).toEqual({ attempt: 4 })
    expect(clock.now() - started).toBe(paused.reduce((sum, ms) => sum + ms, 0))
    expect(clock.pending).toBe(0)
  })

  it('are as many seconds as Retry-After asks for', async () => {
    const sent = session.get(`${server.url}/flaky/clock-seconds/1?retry_after=90`, {
      retry: new Retry({ total: 1, statusForcelist: [503] }),
    })
    await clock.waits()
    expect(clock.nextIn).toBe(90_000)
    await clock.advance(90_000)
    expect((await sent).json()).toEqual({ attempt: 2 })
  })

  it("end at the date of Retry-After, by the Session's clock", async () => {
    const date = new Date(clock.now() + 45_000).toUTCString()
    const sent = session.get(`${server.url}/flaky/clock-date/1?retry_after=${encodeURIComponent(date)}`, {
      retry: new Retry({ total: 1, statusForcelist: [503] }),
    })
    await clock.waits()
    expect(clock.nextIn).toBe(45_000)
    await clock.advance(45_000)
    expect((await sent).json()).toEqual({ attempt: 2 })
  })

  it('leave no timer behind when the caller gives up', async () => {
    const controller = new AbortController()
    const sent = rejection(
      session.get(`${server.url}/flaky/clock-abort/9?retry_after=90`, {
        retry: new Retry({ total: 1, statusForcelist: [503] }),
        signal: controller.signal,
      }),
    )
    await clock.waits()
    controller.abort(new Error('enough'))
    expect(await sent).toMatchObject({ message: 'enough' })
    expect(clock.pending).toBe(0)
  })

  it('leave no timer behind when the Session closes', async () => {
    const sent = failure(
      session.get(`${server.url}/flaky/clock-close/9?retry_after=90`, {
        retry: new Retry({ total: 1, statusForcelist: [503] }),
      }),
    )
    await clock.waits()
    await session.close()
    expect(await sent).toMatchObject({ code: 'ERR_CLOSED' })
    await expect.poll(() => clock.pending).toBe(0)
  })
})

describe('timeout.total', () => {
  it('passes as the clock does', async () => {
    await using mute = await RawServer.start(() => {})
    const sent = failure(session.get(mute.url, { timeout: { total: 3_600_000, read: null } }))
    await clock.waits()
    await clock.advance(3_599_999)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await sent).toMatchObject({ name: 'TotalTimeout', code: 'ERR_TOTAL_TIMEOUT' })
  })

  it('may be longer than one of the timers of Node', async () => {
    await using mute = await RawServer.start(() => {})
    const fortyDays = 40 * 86_400_000
    const sent = failure(session.get(mute.url, { timeout: { total: fortyDays, read: null } }))
    await clock.waits()
    expect(clock.nextIn).toBe(fortyDays)
    await clock.advance(fortyDays)
    expect(await sent).toMatchObject({ name: 'TotalTimeout' })
  })

  it('leaves no timer behind after a response', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    expect((await session.get(raw.url, { timeout: { total: 1000 } })).text).toBe('ok')
    expect(clock.pending).toBe(0)
  })
})

/** Asks the time before and after a request out of band. */
class Clockwise extends AuthBase {
  readonly told: number[] = []

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    this.told.push(context.now())
    const other = request.copy()
    other.url = `${server.url}/never`
    this.told.push(await failure(context.send(other)).then(() => context.now()))
    yield request
  }
}

describe('authentication schemes', () => {
  it('are told the time of the clock, and their own requests end by it', async () => {
    const auth = new Clockwise()
    const started = clock.now()
    const sent = session.get(`${server.url}/get`, { auth })
    await clock.waits()
    await clock.advance(30_000)
    expect((await sent).statusCode).toBe(200)
    expect(auth.told).toEqual([started, started + 30_000])
  })
})

describe('the clock of a Session', () => {
  it("is a property, this machine's by default, and no part of its state", () => {
    const own = new Session()
    expect(Math.abs(own.clock.now() - Date.now())).toBeLessThan(60_000)
    own.clock = clock
    expect(own.clock).toBe(clock)
    expect(Object.keys(own.toJSON())).not.toContain('clock')
  })

  it('must have the methods of one', () => {
    const incomplete = { now: () => 5, setTimeout: () => 1 }
    expect(() => new Session({ clock: incomplete as unknown as FakeClock })).toThrow(
      'clock must have now(), setTimeout() and clearTimeout(): this one has no clearTimeout()',
    )
    expect(() => new Session({ clock: 5 as unknown as FakeClock })).toThrow('this one has no now()')
  })
})
