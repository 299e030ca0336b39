import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { ConnectionError, HTTPError, Request, type Response, Session, TotalTimeout, UsageError } from '@entreat/core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { imap, imapEnumerated, map, type RequestInput } from '@entreat/toolbelt/concurrency'
import { failure } from '../support/failure.ts'
import { CountingServer } from './counting-server.ts'

let counting: CountingServer
let session: Session
beforeAll(async () => {
  counting = await CountingServer.start()
  session = new Session({ trustEnv: false })
})
beforeEach(() => counting.reset())
afterAll(async () => {
  await session.close()
  await counting.server.close()
})

const urls = (count: number, path = '/'): string[] =>
  Array.from({ length: count }, (_, index) => `${counting.url}${path}${index}`)

/** Resolves once a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !condition(); turn++) await setImmediate()
  expect(condition()).toBe(true)
}

describe('map', () => {
  test('gives responses in the order of the requests', async () => {
    const responses = await map(urls(40), { session })
    expect(responses.map(({ text }) => text)).toEqual(Array.from({ length: 40 }, (_, index) => `/${index}`))
  })

  test('takes URLs, Requests, and URLs with method and options', async () => {
    const requests: RequestInput[] = [
      `${counting.url}/a`,
      new URL(`${counting.url}/b`),
      new Request('POST', `${counting.url}/c`, { data: 'x' }),
      { url: `${counting.url}/d`, method: 'PUT', json: {} },
      { url: `${counting.url}/e`, params: { f: 1 } },
    ]
    const responses = await map(requests, { session })
    expect(responses.map(({ request, text }) => [request.method, text])).toEqual([
      ['GET', '/a'],
      ['GET', '/b'],
      ['POST', '/c'],
      ['PUT', '/d'],
      ['GET', '/e?f=1'],
    ])
  })

  test('gives nothing for no requests', async () => {
    expect(await map([], { session })).toEqual([])
  })

  test('takes iterables, synchronous or not', async () => {
    async function* later(): AsyncGenerator<string> {
      for (const url of urls(5)) {
        await setImmediate()
        yield url
      }
    }
    expect((await map(new Set(urls(5)), { session })).length).toBe(5)
    expect((await map(later(), { session })).map(({ text }) => text)).toEqual(['/0', '/1', '/2', '/3', '/4'])
  })

  test('makes and closes a Session of its own', async () => {
    await map(urls(3))
    await until(() => counting.server.openConnections === 0 || counting.server.connectionCount > 0)
    expect((await map(urls(3))).length).toBe(3)
  })

  test('keeps of each response what onResponse makes of it', async () => {
    const lengths = await map(urls(12), { session, onResponse: ({ text }, index) => text.length + index })
    expect(lengths).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14])
  })

  test('streams where onResponse reads', async () => {
    const read = async (response: Response): Promise<number> => (await response.read()).length
    expect(await map(urls(12), { session, size: 3, stream: true, onResponse: read })).toEqual([
      2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3,
    ])
  })

  test('refuses streams that nobody could read', async () => {
    expect(await failure(map(urls(3), { session, stream: true }))).toBeInstanceOf(UsageError)
    expect(await failure(map([{ url: `${counting.url}/x`, stream: true }], { session }))).toBeInstanceOf(UsageError)
  })

  test('tells of progress', async () => {
    const seen: string[] = []
    await map(urls(3), {
      session,
      onProgress: ({ transferred, total, isDone }) => seen.push(`${transferred}/${total} ${isDone}`),
    })
    expect(seen).toEqual(['1/3 false', '2/3 false', '3/3 true'])
  })

  test.each([{ size: 0 }, { size: 1.5 }, { perHost: -1 }, { timeoutMs: 0 }, { siz: 3 }])(
    'refuses %j',
    async (options) => {
      expect(await failure(map(urls(1), { session, ...(options as object) }))).toBeInstanceOf(UsageError)
    },
  )

  test.each(['https://example.com/', null, 5])('refuses %j as requests', async (requests) => {
    expect(await failure(map(requests as never, { session }))).toBeInstanceOf(UsageError)
  })
})

describe('limits', () => {
  /** Starts requests whose answers wait until so many have arrived; no more arrive before they are answered. */
  async function heldAt(count: number, start: () => Promise<Response[]>): Promise<Response[]> {
    counting.isGated = true
    const mapped = start()
    await until(() => counting.waiting >= count)
    for (let turn = 0; turn < 100; turn++) await setImmediate()
    expect(counting.waiting).toBe(count)
    counting.isGated = false
    counting.open()
    return mapped
  }

  test('no more than size run at once', async () => {
    await heldAt(7, () => map(urls(60), { session, size: 7 }))
    expect(counting.most.get('all')).toBe(7)
  })

  test('no more than perHost run at once to one host, and the others go ahead', async () => {
    const mixed = [...urls(30), ...urls(30, '/other').map((url) => url.replace(counting.url, counting.otherHost))]
    const responses = await heldAt(6, () => map(mixed, { session, size: 8, perHost: 3 }))
    expect([counting.most.get('127.0.0.1'), counting.most.get('localhost')]).toEqual([3, 3])
    expect(responses.map(({ text }) => text)).toEqual(mixed.map((url) => new URL(url).pathname))
  })

  test('ordered results and a limit for each host do not wait for each other', async () => {
    const mixed = Array.from(
      { length: 60 },
      (_, index) => `${index % 3 === 0 ? counting.otherHost : counting.url}/${index}`,
    )
    const seen: string[] = []
    for await (const { text } of imap(mixed, { session, size: 3, perHost: 1, ordered: true })) seen.push(text)
    expect(seen).toEqual(mixed.map((url) => new URL(url).pathname))
  })

  test('requests are read as slots fall free, not before', async () => {
    let read = 0
    function* endless(): Generator<string> {
      for (;;) yield `${counting.url}/${read++}`
    }
    for await (const _ of imap(endless(), { session, size: 4 })) if (read > 20) break
    expect(read).toBeLessThan(40)
  })

  test('a slow loop slows the requests down', async () => {
    const results = imap(urls(100, '/slow-loop'), { session, size: 4 })
    const sent = (): number => counting.paths.filter((path) => path.startsWith('/slow-loop')).length
    await results.next()
    await until(() => sent() >= 5)
    for (let turn = 0; turn < 200; turn++) await setImmediate()
    expect(sent()).toBe(5)
    await results.return()
  })

  test('a streamed response holds its slot until its body is over', async () => {
    const streams = Array.from({ length: 6 }, (_, index) => `${counting.url}/builtin/download/500000?seed=${index}`)
    const before = counting.server.requests.length
    const results = imap(streams, { session, size: 2, stream: true })
    const first = (await results.next()).value as Response
    const second = (await results.next()).value as Response
    for (let turn = 0; turn < 200; turn++) await setImmediate()
    expect(counting.server.requests.length - before).toBe(2)
    const third = results.next()
    await first.read()
    expect(((await third).value as Response).statusCode).toBe(200)
    expect(counting.server.requests.length - before).toBe(3)
    second.close()
    let rest = 0
    ;((await third).value as Response).close()
    for await (const response of results) {
      rest++
      response.close()
    }
    expect(rest).toBe(3)
  })

  test('a streamed response outlives the loop', async () => {
    const results = imap([`${counting.url}/builtin/download/3000000`, ...urls(3)], { stream: true, size: 1 })
    const { value } = await results.next()
    await results.return()
    expect((await (value as Response).read()).length).toBe(3_000_000)
  })
})

describe('imap', () => {
  test('gives responses as they finish', async () => {
    counting.isGated = true
    const results = imap([`${counting.url}/slow`, `${counting.url}/builtin/get`], { session })
    expect(((await results.next()).value as Response).url).toContain('/get')
    counting.open()
    expect(((await results.next()).value as Response).url).toContain('/slow')
    expect((await results.next()).done).toBe(true)
  })

  test('imapEnumerated tells the place of each', async () => {
    const seen: [number, string][] = []
    for await (const [index, { text }] of imapEnumerated(urls(25), { session })) seen.push([index, text])
    expect(seen.toSorted(([a], [b]) => a - b)).toEqual(Array.from({ length: 25 }, (_, index) => [index, `/${index}`]))
  })

  test('leaving the loop ends what still runs', async () => {
    counting.isGated = true
    const results = imap([`${counting.url}/builtin/get`, ...urls(20)], { session, size: 5 })
    await results.next()
    await until(() => counting.waiting >= 4)
    await results.return()
    await until(() => counting.running === 0)
    expect(counting.paths.length).toBeLessThanOrEqual(5)
  })
})

describe('errors', () => {
  const mixed = (): string[] => [`${counting.url}/1`, `${counting.url}/fail`, `${counting.url}/2`]

  test('the first ends everything and is thrown', async () => {
    expect(await failure(map([...mixed(), ...urls(500)], { session, size: 2 }))).toBeInstanceOf(ConnectionError)
    expect(counting.paths.length).toBeLessThan(20)
  })

  test('what onError gives takes their place', async () => {
    const results = await map(mixed(), {
      session,
      onError: async (error, request, index) => {
        await setImmediate()
        return [(error as Error).name, request, index] as const
      },
    })
    expect(results.map((result) => ('text' in result ? result.text : result))).toEqual([
      '/1',
      ['ConnectionError', `${counting.url}/fail`, 1],
      '/2',
    ])
  })

  test('of onResponse go to onError', async () => {
    const results = await map([`${counting.url}/404`, `${counting.url}/1`], {
      session,
      onResponse: (response) => response.raiseForStatus().text,
      onError: (error) => error,
    })
    expect([results[0] instanceof HTTPError, results[1]]).toEqual([true, '/1'])
  })

  test('of onError and of onProgress end everything', async () => {
    const own = new Error('own')
    const throwing = (): never => {
      throw own
    }
    expect(await failure(map(mixed(), { session, onError: throwing }))).toBe(own)
    expect(await failure(map(mixed(), { session, onProgress: throwing }))).toBe(own)
  })

  test('of the requests themselves end everything', async () => {
    const own = new Error('own')
    function* broken(): Generator<string> {
      yield `${counting.url}/1`
      throw own
    }
    expect(await failure(map(broken(), { session }))).toBe(own)
    expect(await failure(map([`${counting.url}/1`, 5 as never], { session }))).toBeInstanceOf(UsageError)
  })

  test('of a URL are those of its request', async () => {
    const results = await map(['http://', `${counting.url}/1`], { session, onError: (error) => (error as Error).name })
    expect(results[0]).toBe('InvalidURL')
  })
})

describe('an end from outside', () => {
  test('the signal ends everything, and its reason is thrown', async () => {
    counting.isGated = true
    const controller = new AbortController()
    const mapped = failure(map(urls(20), { session, size: 5, signal: controller.signal, onError: () => null }))
    await until(() => counting.waiting === 5)
    const reason = new Error('stop')
    controller.abort(reason)
    expect(await mapped).toBe(reason)
    expect(counting.paths.length).toBe(5)
  })

  test('a signal that has aborted already sends nothing', async () => {
    const reason = new Error('stop')
    expect(await failure(map(urls(20), { session, signal: AbortSignal.abort(reason) }))).toBe(reason)
    expect(counting.paths.length).toBe(0)
  })

  test('a signal of one request ends that one', async () => {
    const reason = new Error('one')
    const results = await map([{ url: `${counting.url}/1`, signal: AbortSignal.abort(reason) }, `${counting.url}/2`], {
      session,
      onError: (error) => error,
    })
    expect(results[0]).toBe(reason)
  })

  test('a signal that many requests share keeps no listeners of theirs', async () => {
    const { signal } = new AbortController()
    const before = getEventListeners(signal, 'abort').length
    await map(
      urls(30).map((url) => ({ url, signal })),
      { session, signal },
    )
    for await (const response of imap(
      urls(5).map((url) => ({ url, signal })),
      { session, stream: true },
    ))
      await response.read()
    expect(getEventListeners(signal, 'abort').length).toBe(before)
  })

  test('1,000 at once', async () => {
    const results = await map(urls(1000), { session, size: 1000, onError: (error) => error })
    expect(results.filter((result) => result instanceof Error)).toEqual([])
  })

  test('after timeoutMs what is not finished fails with a TotalTimeout', async () => {
    counting.isGated = true
    const results = await map([`${counting.url}/builtin/get`, ...urls(5)], {
      session,
      size: 3,
      timeoutMs: 2000,
      onError: (error) => error,
    })
    expect(results.slice(1).every((result) => result instanceof TotalTimeout)).toBe(true)
    expect('statusCode' in (results[0] as Response)).toBe(true)
  })

  test('an input that never gives its next request keeps nobody waiting', async () => {
    async function* stuck(): AsyncGenerator<string> {
      yield `${counting.url}/1`
      await new Promise(() => {})
    }
    const results = imap(stuck(), { session })
    expect(((await results.next()).value as Response).text).toBe('/1')
    await results.return()
  })
})

test(
  '10,000 URLs, 50 at once: memory flat, order right, errors delivered, never above the limits',
  { timeout: 60_000 },
  async () => {
    const count = 10_000
    function* requests(): Generator<string> {
      for (let index = 0; index < count; index++)
        yield `${index % 2 === 0 ? counting.url : counting.otherHost}${index % 1000 === 999 ? '/fail' : '/'}${index}`
    }
    let errors = 0
    let expected = 0
    let outstanding = 0
    const onError = (): null => {
      errors++
      return null
    }
    for await (const [index, response] of imapEnumerated(requests(), {
      session,
      size: 50,
      perHost: 30,
      ordered: true,
      onError,
    })) {
      expect(index).toBe(expected++)
      if (response !== null) expect(response.text).toBe(`/${index}`)
      outstanding = Math.max(outstanding, counting.paths.length - index)
    }
    // A request that fails on a connection which was used before is repeated once.
    expect([expected, errors, new Set(counting.paths).size]).toEqual([count, 10, count])
    expect(counting.most.get('all')).toBeLessThanOrEqual(50)
    expect(counting.most.get('127.0.0.1')).toBeLessThanOrEqual(30)
    expect(counting.most.get('localhost')).toBeLessThanOrEqual(30)
    // The client never runs ahead of the loop by more than its slots; and the ten that are repeated. What that means in bytes: benchmarks/toolbelt.mjs.
    expect(outstanding).toBeLessThanOrEqual(51 + 10)
  },
)
