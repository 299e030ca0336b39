import { RequestException, type RequestOptions, Session } from '@entreat/core'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { Stage, type Stall } from './stage.ts'
import { STALLS } from './stalls.ts'

// Every place where a call can be held up, against everything that may end it: the call settles with the right reason, its connection is gone, nothing
// listens any more, and the Session works.

const REASON = { why: 'any value will do as a reason' }
const SETTLED_MS = 8000

/** Begins a call, ends it by `end` once it is held up, and gives what it rejected with. */
async function ended(
  { begin, keeps = 0 }: Stall,
  options: RequestOptions,
  end: (session: Session) => unknown = () => {},
): Promise<unknown> {
  await using stage = new Stage()
  await using fine = await RawServer.start(() => reply('fine'))
  const session = new Session({ trustEnv: false, verify: false, timeout: null })
  const call = rejection(begin(stage, session, options))
  await within(SETTLED_MS, stage.reached)
  const ending = end(session)
  const error = await within(SETTLED_MS, call)
  await ending
  stage.resume()
  await expect.poll(() => stage.openCount, { timeout: SETTLED_MS }).toBeLessThanOrEqual(keeps)
  expect((await within(SETTLED_MS, session.get(fine.url))).text).toBe('fine')
  await session.close()
  return error
}

const places = STALLS.map((stall) => [stall.where, stall] as const)
const timed = STALLS.flatMap(({ own, where, ...rest }) =>
  own === undefined ? [] : [[where, { where, ...rest }, own] as const],
)

describe('a call that is held up', () => {
  it.each(places)('%s ends with the reason of its signal', async (_where, stall) => {
    const controller = new AbortController()
    const { signal } = controller
    expect(await ended(stall, { signal }, () => controller.abort(REASON))).toBe(REASON)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it.each(places)('%s ends after timeout.total', async (_where, stall) => {
    const { signal } = new AbortController()
    const error = await ended(stall, { signal, timeout: { total: 200 } })
    expect(error).toBeInstanceOf(RequestException)
    expect((error as RequestException).code).toBe('ERR_TOTAL_TIMEOUT')
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it.each(places)('%s ends when the Session closes', async (_where, stall) => {
    const { signal } = new AbortController()
    const error = await ended(stall, { signal }, (session) => session.close())
    expect((error as RequestException).code).toBe('ERR_CLOSED')
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it.each(timed)('%s ends after the time for that alone', async (_where, stall, own) => {
    const { signal } = new AbortController()
    const error = await ended(stall, { signal, timeout: own.timeout })
    expect(error).toBeInstanceOf(RequestException)
    expect((error as RequestException).code).toBe(own.code)
    expect((error as RequestException).request?.method).toMatch(/GET|POST/)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('is in the table once', () => {
    const names = STALLS.map(({ where }) => where)
    expect(names).toEqual([...new Set(names)])
  })
})

describe('one signal', () => {
  it('has no listener left after 10,000 requests, and never more than one', async () => {
    await using raw = await RawServer.start(({ index }) => (index % 10 === 0 ? 'garbage\r\n\r\n' : reply('ok')))
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 20 } })
    const { signal } = new AbortController()
    let left = 10_000
    let most = 0
    const outcomes = { fulfilled: 0, rejected: 0 }
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const call = session.get(raw.url, { signal })
        most = Math.max(most, getEventListeners(signal, 'abort').length)
        await call.then(
          () => outcomes.fulfilled++,
          () => outcomes.rejected++,
        )
      }
    }
    await Promise.all(Array.from({ length: 20 }, worker))
    expect(outcomes.fulfilled).toBeGreaterThan(8000)
    expect(outcomes.fulfilled + outcomes.rejected).toBe(10_000)
    expect([most, getEventListeners(signal, 'abort').length]).toEqual([1, 0])
  }, 90_000)

  it('ends 1,000 calls at once, in every phase that they are in', async () => {
    await using raw = await RawServer.start(
      ({ index, socket }) => void socket.write(index % 2 === 0 ? '' : 'HTTP/1.1 200'),
    )
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 50 } })
    const controller = new AbortController()
    const { signal } = controller
    const calls = Array.from({ length: 1000 }, () => rejection(session.get(raw.url, { signal })))
    await expect.poll(() => raw.heads.length, { timeout: SETTLED_MS }).toBeGreaterThan(40)
    controller.abort(REASON)
    const errors = await within(SETTLED_MS, Promise.all(calls))
    expect(errors.every((error) => error === REASON)).toBe(true)
    await raw.gone()
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect((await failure(session.get(raw.url, { timeout: { read: 50 } }))).code).toBe('ERR_READ_TIMEOUT')
  })
})
