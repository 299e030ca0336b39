import { expect, test } from 'vitest'
import * as core from '@entreat/core'
import { failureOf, reply, until, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

/** How many connections a call opens, once all of them have closed again. */
async function connectionsOf(call: () => Promise<unknown>): Promise<number> {
  const { server } = site()
  await until(() => server.openConnections === 0)
  const before = server.connectionCount
  await call()
  await until(() => server.openConnections === 0)
  return server.connectionCount - before
}

const VERBS = {
  GET: core.get,
  OPTIONS: core.options,
  POST: core.post,
  PUT: core.put,
  PATCH: core.patch,
  DELETE: core.del,
  HEAD: core.head,
}

test.each(Object.entries(VERBS))(
  'the function for %s sends that method and closes its connection',
  async (method, send) => {
    const opened = await connectionsOf(async () => {
      const response = await send(`${site().url}/anything`)
      expect(response.request.method).toBe(method)
      expect(response.statusCode).toBe(200)
    })
    expect(opened).toBe(1)
  },
)

test('opens two connections for two calls', async () => {
  const url = `${site().url}/get`
  const opened = await connectionsOf(async () => {
    await core.get(url)
    await core.get(url)
  })
  expect(opened).toBe(2)
})

test('keeps no cookies from one call to the next', async () => {
  await core.get(`${site().url}/cookies/set/a/1`)
  expect((await core.get(`${site().url}/cookies`)).json()).toEqual({ cookies: {} })
})

test('uses one connection for the redirects of one call', async () => {
  expect(await connectionsOf(() => core.get(`${site().url}/redirect/3`))).toBe(1)
})

test('keeps the connection of a streamed response until it has been read', async () => {
  const opened = await connectionsOf(async () => {
    const response = await core.get(`${site().url}/bytes/100000`, { stream: true })
    expect(site().server.openConnections).toBe(1)
    expect((await response.read()).length).toBe(100_000)
  })
  expect(opened).toBe(1)
})

test('closes the connection of a streamed response that has been iterated', async () => {
  const opened = await connectionsOf(async () => {
    const response = await core.get(`${site().url}/bytes/1000`, { stream: true })
    for await (const _ of response);
  })
  expect(opened).toBe(1)
})

test('closes the connection of a streamed response that is closed unread', async () => {
  const opened = await connectionsOf(async () => {
    const response = await core.get(`${site().url}/drip?duration=60&delay=0`, { stream: true })
    response.close()
  })
  expect(opened).toBe(1)
})

test('closes the connection of a streamed response at the end of `await using`', async () => {
  const opened = await connectionsOf(async () => {
    await using response = await core.get(`${site().url}/drip?duration=60&delay=0`, { stream: true })
    expect(response.ok).toBe(true)
  })
  expect(opened).toBe(1)
})

test('closes the connection of a streamed response whose raw stream was read', async () => {
  const opened = await connectionsOf(async () => {
    const response = await core.get(`${site().url}/bytes/1000`, { stream: true })
    for await (const _ of response.raw);
  })
  expect(opened).toBe(1)
})

test('closes the connection of a streamed response whose body breaks off', async () => {
  const opened = await connectionsOf(async () => {
    const response = await core.get(`${site().url}/truncated`, { stream: true })
    expect(await failureOf(response.read())).toBeInstanceOf(core.ChunkedEncodingError)
  })
  expect(opened).toBe(1)
})

test('closes the connection of a streamed response that cannot be decoded', async () => {
  const url = site().on('/over-coded', reply(200, { 'Content-Encoding': 'gzip, gzip, gzip, gzip, gzip, gzip' }, 'x'))
  const opened = await connectionsOf(async () => {
    const response = await core.get(url, { stream: true })
    const read = async (): Promise<void> => {
      for await (const _ of response);
    }
    expect(await failureOf(read())).toBeInstanceOf(core.ContentDecodingError)
  })
  expect(opened).toBe(1)
})

test('closes its connection when the call fails', async () => {
  const opened = await connectionsOf(async () => {
    expect(await failureOf(core.get(`${site().url}/never`, { timeout: 50 }))).toBeInstanceOf(core.ReadTimeout)
  })
  expect(opened).toBe(1)
})

test('closes its connection when a hook throws', async () => {
  const refuse = (): never => {
    throw new Error('no')
  }
  const opened = await connectionsOf(async () => {
    const call = core.get(`${site().url}/drip?duration=60&delay=0`, { stream: true, hooks: { response: refuse } })
    expect(await failureOf(call)).toMatchObject({ message: 'no' })
  })
  expect(opened).toBe(1)
})

test('closes its connection after too many redirects', async () => {
  const opened = await connectionsOf(async () => {
    const call = core.get(`${site().url}/redirect/3`, { maxRedirects: 1, stream: true })
    expect(await failureOf(call)).toBeInstanceOf(core.TooManyRedirects)
  })
  expect(opened).toBe(1)
})
