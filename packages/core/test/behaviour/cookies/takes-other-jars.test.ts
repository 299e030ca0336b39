import { type Cookie, CookieJar as ToughJar, MemoryCookieStore, Store } from 'tough-cookie'
import { expect, test } from 'vitest'
import { CookieJar, CookieStoreError, Request, Session } from '@entreat/core'
import { failureOf, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

type Done = (error: Error | null, result?: unknown) => void

/** A store as a database would be one: nothing is there at once. */
class SlowStore extends Store {
  override synchronous = false
  failure: Error | null = null
  writeFailure: Error | null = null
  readonly #memory = new MemoryCookieStore()

  /** Calls back later, as stores for tough-cookie do. */
  #answer(done: unknown, failure: Error | null, work: () => Promise<unknown>): never {
    setImmediate(() => {
      if (failure !== null) (done as Done)(failure)
      else work().then((result) => (done as Done)(null, result), done as Done)
    })
    return undefined as never
  }

  override findCookie(domain: string, path: string, key: string, done?: unknown): never {
    return this.#answer(done, this.failure, () => this.#memory.findCookie(domain, path, key))
  }

  override findCookies(domain: string, path: string, special?: unknown, done?: unknown): never {
    return this.#answer(done, this.failure, () => this.#memory.findCookies(domain, path, special as boolean))
  }

  override putCookie(cookie: Cookie, done?: unknown): never {
    return this.#answer(done, this.writeFailure, () => this.#memory.putCookie(cookie))
  }

  override updateCookie(_old: Cookie, cookie: Cookie, done?: unknown): never {
    return this.#answer(done, this.writeFailure, () => this.#memory.putCookie(cookie))
  }

  override removeCookie(domain: string, path: string, key: string, done?: unknown): never {
    return this.#answer(done, this.writeFailure, () => this.#memory.removeCookie(domain, path, key))
  }

  override getAllCookies(done?: unknown): never {
    return this.#answer(done, this.failure, () => this.#memory.getAllCookies())
  }
}

test('takes a tough-cookie jar for the session, and keeps it', async () => {
  const tough = new ToughJar()
  await using session = new Session({ cookies: tough })
  await session.get(`${site().url}/cookies/set/a/1`)
  expect(session.cookies.tough).toBe(tough)
  expect(tough.getCookieStringSync(site().url)).toBe('a=1')
})

test('sees what others put into a tough-cookie jar', async () => {
  const tough = new ToughJar()
  await using session = new Session({ cookies: tough })
  for (const value of ['1', '2']) {
    tough.setCookieSync(`a=${value}; Path=/`, site().url)
    expect((await session.get(`${site().url}/cookies`)).json()).toEqual({ cookies: { a: value } })
  }
})

test('sees what others put into the jar underneath our own', async () => {
  await using session = new Session()
  for (const value of ['1', '2']) {
    session.cookies.tough.setCookieSync(`a=${value}; Path=/`, site().url)
    expect((await session.get(`${site().url}/cookies`)).json()).toEqual({ cookies: { a: value } })
  }
})

test('takes a tough-cookie jar for one request, and stores nothing in it', async () => {
  const tough = new ToughJar()
  tough.setCookieSync('own=1; Path=/', site().url)
  await using session = new Session()
  const response = await session.get(`${site().url}/cookies/set/a/2`, { cookies: tough })
  expect(response.json()).toEqual({ cookies: { own: '1', a: '2' } })
  expect(tough.getCookieStringSync(site().url)).toBe('own=1')
})

test('shares one jar between sessions', async () => {
  const jar = new CookieJar()
  await using one = new Session({ cookies: jar })
  await using two = new Session({ cookies: jar })
  await one.get(`${site().url}/cookies/set/a/1`)
  expect((await two.get(`${site().url}/cookies`)).json()).toEqual({ cookies: { a: '1' } })
})

test('keeps and sends cookies with an asynchronous store', async () => {
  await using session = new Session({ cookies: new ToughJar(new SlowStore()) })
  await session.get(`${site().url}/cookies/set/a/1`)
  expect((await session.get(`${site().url}/cookies`)).json()).toEqual({ cookies: { a: '1' } })
  const prepared = await session.prepareRequest(new Request('GET', `${site().url}/cookies`))
  expect(prepared.headers.get('cookie')).toBe('a=1')
})

test('lets cookies of a request join those of an asynchronous store', async () => {
  await using session = new Session({ cookies: new ToughJar(new SlowStore()) })
  await session.get(`${site().url}/cookies/set/a/1`)
  const response = await session.get(`${site().url}/cookies`, { cookies: { b: '2' } })
  expect(response.json()).toEqual({ cookies: { a: '1', b: '2' } })
})

test.each<[what: string, call: (jar: CookieJar) => unknown]>([
  ['get()', (jar) => jar.get('a')],
  ['set()', (jar) => jar.set('a', '1', { domain: 'example.com' })],
  ['delete()', (jar) => jar.delete('a')],
  ['items()', (jar) => jar.items()],
  ['size', (jar) => jar.size],
  ['iteration', (jar) => [...jar]],
  ['clear()', (jar) => jar.clear()],
  ['toJSON()', (jar) => jar.toJSON()],
])('says what to use instead where %s meets an asynchronous store', (_what, call) => {
  const jar = new CookieJar(new ToughJar(new SlowStore()))
  expect(() => call(jar)).toThrow(CookieStoreError)
  expect(() => call(jar)).toThrow(/asynchronous.*jar\.tough/s)
})

test('rejects with a CookieStoreError when the store fails to find', async () => {
  const store = new SlowStore()
  await using session = new Session({ cookies: new ToughJar(store) })
  store.failure = new Error('the database is gone')
  const error = await failureOf(session.get(`${site().url}/get`))
  expect(error).toBeInstanceOf(CookieStoreError)
  expect((error as Error).cause).toBe(store.failure)
})

test('rejects with a CookieStoreError when the store fails to keep', async () => {
  const store = new SlowStore()
  await using session = new Session({ cookies: new ToughJar(store) })
  store.writeFailure = new Error('the disk is full')
  const error = await failureOf(session.get(`${site().url}/cookies/set/a/1`))
  expect(error).toBeInstanceOf(CookieStoreError)
  expect((error as Error).cause).toBe(store.writeFailure)
})
