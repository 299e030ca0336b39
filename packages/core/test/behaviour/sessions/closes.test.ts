import { expect, test } from 'vitest'
import { ConnectionError, Retry, Session } from '@entreat/core'
import { failureOf, reply, until, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

/** A promise and the functions that settle it. */
function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

test('leaves no connection open', async () => {
  const session = new Session()
  await Promise.all([1, 2, 3].map(() => session.get(`${site().url}/get`)))
  expect(site().server.openConnections).toBeGreaterThan(0)
  await session.close()
  await until(() => site().server.openConnections === 0)
})

test('closes at the end of `await using`', async () => {
  {
    await using session = new Session()
    await session.get(`${site().url}/get`)
  }
  await until(() => site().server.openConnections === 0)
})

test('can be used again afterwards', async () => {
  const session = new Session()
  await session.get(`${site().url}/cookies/set/a/1`)
  await session.close()
  expect((await session.get(`${site().url}/cookies`)).json()).toEqual({ cookies: { a: '1' } })
  await session.close()
})

test('may be called twice at once, and when there is nothing to close', async () => {
  const session = new Session()
  await Promise.all([session.close(), session.close()])
  await session.close()
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
  await session.close()
})

test('ends a running request with ERR_CLOSED', async () => {
  const session = new Session()
  const arrived = deferred()
  const outcome = failureOf(session.get(site().on('/hang', () => arrived.resolve())))
  await arrived.promise
  await session.close()
  const error = await outcome
  expect(error).toBeInstanceOf(ConnectionError)
  expect(error).toMatchObject({ code: 'ERR_CLOSED' })
})

test('refuses new work with ERR_CLOSED until it has closed', async () => {
  const session = new Session()
  const arrived = deferred()
  const running = session.get(
    site().on('/slow', (_request, response) => {
      arrived.resolve()
      finish = (): void => void response.end('done')
    }),
  )
  let finish = (): void => {}
  await arrived.promise
  const closing = session.close({ graceMs: 10_000 })
  expect(await failureOf(session.get(`${site().url}/get`))).toMatchObject({ code: 'ERR_CLOSED' })
  finish()
  expect((await running).text).toBe('done')
  await closing
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
  await session.close()
})

test('waits no longer than graceMs for a running request', async () => {
  const session = new Session()
  const arrived = deferred()
  const outcome = failureOf(session.get(site().on('/hang-grace', () => arrived.resolve())))
  await arrived.promise
  await session.close({ graceMs: 20 })
  expect(await outcome).toMatchObject({ code: 'ERR_CLOSED' })
})

test('does not wait for requests that were refused for a usage error', async () => {
  const session = new Session()
  await failureOf(session.get(`${site().url}/get`, { timeout: 'soon' as never }))
  await failureOf(session.get(`${site().url}/get`, { signal: {} as never }))
  const started = performance.now()
  await session.close({ graceMs: 10_000 })
  expect(performance.now() - started).toBeLessThan(5000)
})

test('ends an unread streamed response at once', async () => {
  const session = new Session()
  const response = await session.get(`${site().url}/drip?duration=60&delay=0`, { stream: true })
  await session.close({ graceMs: 10_000 })
  expect(await failureOf(response.read())).toMatchObject({ code: 'ERR_CLOSED' })
  await until(() => site().server.openConnections === 0)
})

test('sends nothing more for a request that waits in a hook', async () => {
  const session = new Session()
  const [entered, release] = [deferred(), deferred()]
  const hook = async (): Promise<void> => {
    entered.resolve()
    await release.promise
  }
  const outcome = failureOf(session.get(site().on('/behind-hook', reply(200)), { hooks: { request: hook } }))
  await entered.promise
  await session.close()
  release.resolve()
  expect(await outcome).toMatchObject({ code: 'ERR_CLOSED' })
  expect(site().received('/behind-hook')).toEqual([])
})

test('sends nothing more for a request that waits to be retried', async () => {
  const session = new Session()
  const waiting = deferred()
  const retry = new Retry({ total: 2, statusForcelist: [503] })
  const url = `${site().url}/flaky/closing/1/503?retry_after=30`
  const outcome = failureOf(session.get(url, { retry, hooks: { retry: () => waiting.resolve() } }))
  await waiting.promise
  await session.close()
  expect(await outcome).toMatchObject({ code: 'ERR_CLOSED' })
})

test('sends nothing more for a request whose auth is at work', async () => {
  const session = new Session()
  const [entered, release] = [deferred(), deferred()]
  const auth = async (): Promise<void> => {
    entered.resolve()
    await release.promise
  }
  const outcome = failureOf(session.get(site().on('/behind-auth', reply(200)), { auth }))
  await entered.promise
  await session.close()
  release.resolve()
  expect(await outcome).toMatchObject({ code: 'ERR_CLOSED' })
  expect(site().received('/behind-auth')).toEqual([])
})
