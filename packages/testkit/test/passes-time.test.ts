import { describe, expect, test } from 'vitest'
import { FakeClock } from '@entreat/testkit'

describe('a clock that a test lets run', () => {
  test('stands still, from a moment that is the same on every machine', () => {
    const clock = new FakeClock()
    expect([new Date(clock.now()).toISOString(), clock.monotonic(), clock.pending, clock.nextIn]).toEqual([
      '2024-01-01T00:00:00.000Z',
      0,
      0,
      null,
    ])
  })

  test('starts at a date or at a number', () => {
    expect(new FakeClock(new Date('1851-10-18T00:00:00Z')).now()).toBe(Date.UTC(1851, 9, 18))
    expect(new FakeClock(5).now()).toBe(5)
    expect(() => new FakeClock(new Date('no date'))).toThrow('FakeClock: Invalid Date is no time to start at')
  })

  test('runs what is due, in the order of its times, each at its own time', async () => {
    const clock = new FakeClock(0)
    const ran: [string, number][] = []
    for (const [name, ms] of [
      ['last', 300],
      ['first', 100],
      ['second', 100],
      ['later', 301],
    ] as const)
      clock.setTimeout(() => ran.push([name, clock.now()]), ms)
    await clock.advance(300)
    expect(ran).toEqual([
      ['first', 100],
      ['second', 100],
      ['last', 300],
    ])
    expect([clock.now(), clock.monotonic(), clock.pending, clock.nextIn]).toEqual([300, 300, 1, 1])
  })

  test('runs what a timer sets, and what follows from it in promises, within the same advance', async () => {
    const clock = new FakeClock(0)
    const woken: number[] = []
    const sleeper = async (): Promise<void> => {
      for (let count = 0; count < 3; count++) {
        await clock.sleep(100)
        await Promise.resolve()
        woken.push(clock.now())
      }
    }
    const slept = sleeper()
    await clock.advance(250)
    expect(woken).toEqual([100, 200])
    await clock.advance(50)
    await slept
    expect([woken, clock.pending]).toEqual([[100, 200, 300], 0])
  })

  test('forgets a timer, once or again', async () => {
    const clock = new FakeClock()
    const timer = clock.setTimeout(() => expect.unreachable(), 10)
    clock.clearTimeout(timer)
    clock.clearTimeout(timer)
    clock.clearTimeout(undefined)
    await clock.advance(20)
    expect(clock.pending).toBe(0)
  })

  test('runs a timer of no time only when time passes', async () => {
    const clock = new FakeClock()
    let count = 0
    clock.setTimeout(() => count++, 0)
    clock.setTimeout(() => count++, Number.NaN)
    await clock.advance(0)
    expect(count).toBe(0)
    await clock.advance(1)
    expect(count).toBe(2)
  })

  test('ends a sleep with the reason of its signal, and leaves no timer behind', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const slept = clock.sleep(1000, controller.signal)
    controller.abort(new Error('enough'))
    await expect(slept).rejects.toThrow('enough')
    await expect(clock.sleep(1000, controller.signal)).rejects.toThrow('enough')
    expect(clock.pending).toBe(0)
  })

  test('tells when somebody has come to wait', async () => {
    const clock = new FakeClock()
    const waited = clock.waits(2)
    setImmediate(() => clock.setTimeout(() => {}, 5))
    setImmediate(() => clock.setTimeout(() => {}, 7))
    await waited
    expect([clock.pending, clock.nextIn]).toEqual([2, 5])
    await clock.waits()
  })

  test('hands on what a callback throws, and is at that time', async () => {
    const clock = new FakeClock(0)
    clock.setTimeout(() => {
      throw new Error('harpooned')
    }, 10)
    await expect(clock.advance(20)).rejects.toThrow('harpooned')
    expect([clock.now(), clock.pending]).toEqual([10, 0])
  })

  test.each([-1, Number.NaN, Infinity])('does not advance by %d', async (ms) => {
    await expect(new FakeClock().advance(ms)).rejects.toThrow(RangeError)
  })
})
