import { type PreparedRequest, Retry, TotalTimeout } from '@entreat/core'
import { describe, expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

useServerAndSession()

const never = (): Promise<never> => new Promise(() => {})

/** The error, and that it came between 150 and 1,000 ms. */
async function timedOut(call: Promise<unknown>): Promise<TotalTimeout> {
  const started = performance.now()
  const error = await within(3000, failure(call))
  const elapsed = performance.now() - started
  expect(elapsed).toBeLessThan(1000)
  if (error instanceof TotalTimeout) return error
  throw new Error('expected a TotalTimeout', { cause: error })
}

describe('timeout.total ends', () => {
  const timeout = { total: 150 }

  it('a request whose scheme never signs it', async () => {
    await timedOut(
      session.get(`${server.url}/get`, { timeout, auth: never as unknown as (r: PreparedRequest) => void }),
    )
  })

  it('a request whose request hook never returns', async () => {
    await timedOut(session.get(`${server.url}/get`, { timeout, hooks: { request: never } }))
  })

  it('a request whose response hook never returns', async () => {
    await timedOut(session.get(`${server.url}/get`, { timeout, hooks: { response: never } }))
  })

  it('the wait for a connection', async () => {
    await using mute = await RawServer.start(() => {})
    session.limits = { connectionsPerOrigin: 1 }
    const first = failure(session.get(mute.url))
    await timedOut(session.get(mute.url, { timeout }))
    await session.close()
    await first
  })

  it('a connection that is not established', async () => {
    await using mute = await RawServer.start(() => {}, { onConnection: (socket) => void socket.resume() })
    await timedOut(session.get(mute.url.replace('http:', 'https:'), { timeout }))
    await mute.gone()
  })

  it('the wait for the head', async () => {
    await using mute = await RawServer.start(() => {})
    await timedOut(session.get(mute.url, { timeout }))
    await mute.gone()
  })

  it('a buffered body that drips', async () => {
    await using slow = await RawServer.start(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
      const timer = setInterval(() => socket.write('.'), 20)
      socket.once('close', () => clearInterval(timer))
    })
    await timedOut(session.get(slow.url, { timeout }))
    await slow.gone()
  })

  it('a streamed body, while it is read', async () => {
    await using slow = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome')
    const response = await session.get(slow.url, { timeout, stream: true })
    await timedOut(response.read())
    await slow.gone()
  })

  it('a streamed body that nobody reads', async () => {
    await using slow = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome')
    const response = await session.get(slow.url, { timeout, stream: true })
    await slow.gone()
    expect(await failure(response.read())).toBeInstanceOf(TotalTimeout)
  })

  it('a compressed streamed body, while it is read', async () => {
    const { gzipSync } = await import('node:zlib')
    const half = gzipSync(Buffer.alloc(100_000, 'entreat')).subarray(0, 60)
    await using slow = await RawServer.start(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999\r\n\r\n')
      socket.write(half)
    })
    const response = await session.get(slow.url, { timeout, stream: true })
    await timedOut(response.read())
  })

  it('an upload whose body never comes', async () => {
    async function* data(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('some')
      await never()
    }
    await timedOut(session.post(`${server.url}/upload`, { timeout, data: data() }))
  })

  it('the pause before a retry', async () => {
    const retry = new Retry({ total: 3, statusForcelist: [503], backoffMs: 60_000 })
    await timedOut(session.get(`${server.url}/flaky/total-timeout/9?retry_after=30`, { timeout, retry }))
    expect(server.requests.filter(({ url }) => url.includes('total-timeout'))).toHaveLength(1)
  })

  it('a retry hook that never returns', async () => {
    const retry = new Retry({ total: 3, statusForcelist: [503] })
    await timedOut(session.get(`${server.url}/flaky/retry-hook/9`, { timeout, retry, hooks: { retry: never } }))
  })

  it('a chain of redirects', async () => {
    await using loop = await RawServer.start(({ socket }) => {
      const timer = setTimeout(() => socket.write('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'), 30)
      socket.once('close', () => clearTimeout(timer))
    })
    await timedOut(session.get(loop.url, { timeout }))
  })
})

describe('TotalTimeout', () => {
  it('knows the request', async () => {
    await using mute = await RawServer.start(() => {})
    const error = await failure(session.get(mute.url, { timeout: { total: 30 } }))
    expect(error.request?.url).toBe(`${mute.url}/`)
  })

  it('leaves the Session usable', async () => {
    await using raw = await RawServer.start(({ head }) => (head.includes('/slow') ? undefined : reply('ok')))
    session.limits = { connectionsPerOrigin: 1 }
    await failure(session.get(`${raw.url}/slow`, { timeout: { total: 30 } }))
    expect((await within(1000, session.get(raw.url))).text).toBe('ok')
  })

  it('does not come after a response in time', async () => {
    const response = await session.get(`${server.url}/get`, { timeout: { total: 200 } })
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(response.statusCode).toBe(200)
  })
})

describe('timers of a request that is over', () => {
  it('do not keep the process alive', async () => {
    const started = performance.now()
    const child = await runChild(
      `const timeout = { connect: 60_000, read: 60_000, write: 60_000, pool: 60_000, total: 60_000 }
       const session = new core.Session({ trustEnv: false, timeout })
       const { signal } = new AbortController()
       await session.post(input.url + '/upload', { data: (async function* () { yield 'x' })(), signal })
       await session.get(input.url + '/get', { signal })
       const streamed = await session.get(input.url + '/stream-bytes/100000', { stream: true })
       await streamed.read()
       await session.get(input.url + '/close').catch(() => {})
       report('done')`,
      { input: { url: server.url }, limitMs: 10_000 },
    )
    expect(child).toMatchObject({ code: 0, reports: ['done'], isKilled: false })
    expect(performance.now() - started).toBeLessThan(9000)
  })
})
