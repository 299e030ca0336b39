import {
  ConnectionError,
  HTTPAdapter,
  type PreparedRequest,
  type Response,
  Session,
  TransportAdapter,
  type TransportOptions,
  UsageError,
} from '@entreat/core'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  CircuitBreaker,
  CircuitBreakerAdapter,
  type CircuitBreakerOptions,
  CircuitOpenError,
  type CircuitPass,
} from '@entreat/toolbelt/circuit-breaker'
import { failure } from '../support/failure.ts'
import { useSite } from '../support/site.ts'

const ORIGIN = 'https://api.example.com'
const failed = { error: new ConnectionError('gone') }
let now: number
beforeEach(() => {
  now = 1_000_000
})

function make(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new CircuitBreaker({ failures: 3, resetMs: 1000, now: () => now, ...options })
}

function pass(breaker: CircuitBreaker, origin = ORIGIN): CircuitPass {
  const entered = breaker.enter(origin)
  if (typeof entered === 'number') throw new Error('The circuit is open')
  return entered
}

function fail(breaker: CircuitBreaker, times: number): void {
  for (let count = 0; count < times; count++) pass(breaker).ended(failed)
}

const answered = { response: { statusCode: 200 } as Response }

describe('a circuit', () => {
  test('opens after so many failures in a row', () => {
    const breaker = make()
    fail(breaker, 2)
    pass(breaker).ended(answered)
    fail(breaker, 2)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
    fail(breaker, 1)
    expect([breaker.stateOf(ORIGIN), breaker.enter(ORIGIN)]).toEqual(['open', 1000])
    now += 400
    expect(breaker.enter(ORIGIN)).toBe(600)
  })

  test('lets one request see whether it can close again', () => {
    const breaker = make()
    fail(breaker, 3)
    now += 1000
    const probe = pass(breaker)
    expect([breaker.stateOf(ORIGIN), breaker.enter(ORIGIN)]).toEqual(['half-open', 1])
    probe.ended(answered)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
    fail(breaker, 2)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
  })

  test('opens again if that request fails', () => {
    const breaker = make()
    fail(breaker, 3)
    now += 1000
    pass(breaker).ended(failed)
    expect([breaker.stateOf(ORIGIN), breaker.enter(ORIGIN)]).toEqual(['open', 1000])
  })

  test('needs as many successes as it has probes', () => {
    const breaker = make({ probes: 2 })
    fail(breaker, 3)
    now += 1000
    const [one, two] = [pass(breaker), pass(breaker)]
    expect(breaker.enter(ORIGIN)).toBe(1)
    one.ended(answered)
    expect(breaker.stateOf(ORIGIN)).toBe('half-open')
    two.ended(answered)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
  })

  test('learns nothing from a request that its caller ended, and lets another see', () => {
    const breaker = make()
    fail(breaker, 3)
    now += 1000
    pass(breaker).ended({ error: new Error('stopped by the caller') })
    pass(breaker).ended(answered)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
  })

  test('does not listen to requests that began before it opened', () => {
    const breaker = make()
    const [old, other] = [pass(breaker), pass(breaker)]
    fail(breaker, 3)
    now += 1000
    old.ended(answered)
    other.ended(failed)
    expect(breaker.stateOf(ORIGIN)).toBe('open')
    pass(breaker).ended(answered)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
  })

  test('hears the end of a request once', () => {
    const breaker = make()
    const one = pass(breaker)
    for (let count = 0; count < 5; count++) one.ended(failed)
    expect(breaker.stateOf(ORIGIN)).toBe('closed')
  })

  test('belongs to one origin', () => {
    const breaker = make()
    fail(breaker, 3)
    expect(typeof breaker.enter('https://other.example.com')).toBe('object')
  })

  test.each([
    [500, true],
    [503, true],
    [501, false],
    [429, false],
    [404, false],
  ])('counts %i as a failure: %s', (statusCode, counts) => {
    const breaker = make({ failures: 1 })
    pass(breaker).ended({ response: { statusCode } as Response })
    expect(breaker.stateOf(ORIGIN)).toBe(counts ? 'open' : 'closed')
  })

  test('counts what isFailure says, and tells of changes', () => {
    const changes: string[] = []
    const breaker = make({
      failures: 1,
      isFailure: ({ response }) => response?.statusCode === 429,
      onStateChange: ({ from, to }) => changes.push(`${from} > ${to}`),
    })
    pass(breaker).ended(failed)
    pass(breaker).ended({ response: { statusCode: 429 } as Response })
    now += 1000
    pass(breaker).ended(answered)
    expect(changes).toEqual(['closed > open', 'open > half-open', 'half-open > closed'])
  })

  test.each([{ failures: 0 }, { resetMs: -1 }, { probes: 1.5 }, { failure: 3 }])('refuses %j', (options) => {
    expect(() => new CircuitBreaker(options as never)).toThrow(UsageError)
  })
})

describe('the adapter', () => {
  const site = useSite()

  /** Fails until it is told not to. */
  class Flaky extends TransportAdapter {
    readonly #inner = new HTTPAdapter()
    isDown = true
    sent = 0

    override send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
      this.sent++
      return this.isDown ? Promise.reject(new ConnectionError('down')) : this.#inner.send(request, options)
    }

    override close(): Promise<void> {
      return this.#inner.close()
    }
  }

  test('sends nothing while the circuit is open, and says how long', async () => {
    const flaky = new Flaky()
    await using session = new Session({ trustEnv: false })
    const adapter = new CircuitBreakerAdapter({ failures: 2, resetMs: 5000, now: () => now }, flaky)
    session.mount(site().url, adapter)
    await failure(session.get(`${site().url}/get`))
    await failure(session.get(`${site().url}/get`))
    const error = await failure<CircuitOpenError>(session.get(`${site().url}/get?token=s3cret`))
    expect(error).toBeInstanceOf(CircuitOpenError)
    expect(error).toBeInstanceOf(ConnectionError)
    expect([error.name, error.code, error.retryAfterMs, error.requestBytesSent, flaky.sent]).toEqual([
      'CircuitOpenError',
      'ERR_CIRCUIT_OPEN',
      5000,
      0,
      2,
    ])
    expect(error.message).not.toContain('s3cret')
    flaky.isDown = false
    now += 5000
    expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
    expect(adapter.breaker.stateOf(site().url)).toBe('closed')
  })

  test('does not count what the caller aborts', async () => {
    await using session = new Session({ trustEnv: false })
    const adapter = new CircuitBreakerAdapter({ failures: 1 })
    session.mount(site().url, adapter)
    const controller = new AbortController()
    const asked = failure(session.get(`${site().url}/never`, { signal: controller.signal }))
    await new Promise(setImmediate)
    controller.abort(new Error('enough'))
    await asked
    expect(adapter.breaker.stateOf(site().url)).toBe('closed')
  })
})
