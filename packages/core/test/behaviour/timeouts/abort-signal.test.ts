import { type PreparedRequest, Retry, type Session } from '@entreat/core'
import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { rejection, signalOf, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

useServerAndSession()

const REASON = { why: 'any value will do as a reason' }

interface Aborting {
  readonly signal: AbortSignal
  readonly abort: () => void
}

function aborting(): Aborting {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(REASON) }
}

describe('an AbortSignal ends a call with its own reason', () => {
  it('before it begins, without a connection', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    expect(await rejection(session.get(raw.url, { signal: AbortSignal.abort(REASON) }))).toBe(REASON)
    expect(raw.connectionCount).toBe(0)
  })

  it('while the connection is being established, at once', async () => {
    const { signal, abort } = aborting()
    await using mute = await RawServer.start(() => {}, {
      onConnection: (socket) => {
        socket.resume()
        abort()
      },
    })
    const call = rejection(session.get(mute.url.replace('http:', 'https:'), { signal, timeout: { connect: 30_000 } }))
    expect(await within(1000, call)).toBe(REASON)
    await mute.gone()
  })

  it('while it waits for a connection', async () => {
    await using mute = await RawServer.start(() => {})
    session.limits = { connectionsPerOrigin: 1 }
    const first = rejection(session.get(mute.url))
    await vi.waitFor(() => expect(mute.heads).toHaveLength(1))
    const { signal, abort } = aborting()
    const second = rejection(session.get(mute.url, { signal }))
    abort()
    expect(await within(1000, second)).toBe(REASON)
    await session.close()
    await first
  })

  it('while it waits for the head', async () => {
    const { signal, abort } = aborting()
    await using mute = await RawServer.start(() => abort())
    expect(await within(1000, rejection(session.get(mute.url, { signal })))).toBe(REASON)
    await mute.gone()
  })

  it('inside a buffered body', async () => {
    const { signal, abort } = aborting()
    await using raw = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome')
    const call = rejection(session.get(raw.url, { signal }))
    await vi.waitFor(() => expect(raw.heads).toHaveLength(1))
    await new Promise(setImmediate)
    abort()
    expect(await within(1000, call)).toBe(REASON)
    await raw.gone()
  })

  it.each(['', 'Content-Encoding: gzip\r\n'])('inside a streamed body (%j)', async (header) => {
    const { signal, abort } = aborting()
    const head = `HTTP/1.1 200 OK\r\n${header}Content-Length: 99\r\n\r\n`
    await using raw = await RawServer.start(({ socket }) => {
      socket.write(head)
      socket.write(Buffer.from('1f8b0800000000000003', 'hex'))
    })
    const response = await session.get(raw.url, { signal, stream: true })
    const reading = rejection(response.read())
    abort()
    expect(await within(1000, reading)).toBe(REASON)
    await raw.gone()
  })

  it('inside response.raw', async () => {
    const { signal, abort } = aborting()
    await using raw = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome')
    const response = await session.get(raw.url, { signal, stream: true })
    const failed = new Promise((resolve) => response.raw.once('error', resolve))
    response.raw.resume()
    abort()
    expect(await within(1000, failed)).toBe(REASON)
  })

  it('inside an upload, and lets the body clean up', async () => {
    const { signal, abort } = aborting()
    const cleaned = signalOf()
    const begun = signalOf()
    async function* data(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yield Buffer.alloc(64 * 1024)
          begun.fire()
          await new Promise(setImmediate)
        }
      } finally {
        cleaned.fire()
      }
    }
    const call = rejection(session.post(`${server.url}/upload`, { data: data(), signal }))
    await begun.promise
    abort()
    expect(await within(1000, call)).toBe(REASON)
    await within(1000, cleaned.promise)
  })

  it('inside an upload whose stream has nothing to give, and destroys it', async () => {
    const { signal, abort } = aborting()
    const data = new Readable({ read: () => setImmediate(abort) })
    const closed = new Promise((resolve) => data.once('close', resolve))
    data.on('error', () => {})
    expect(await within(1000, rejection(session.post(`${server.url}/upload`, { data, signal })))).toBe(REASON)
    await within(1000, closed)
  })

  it('in the pause before a retry', async () => {
    const { signal, abort } = aborting()
    const retry = new Retry({ total: 3, statusForcelist: [503], backoffMs: 60_000 })
    const options = { retry, signal, hooks: { retry: () => queueMicrotask(abort) } }
    expect(await within(1000, rejection(session.get(`${server.url}/flaky/abort/9`, options)))).toBe(REASON)
  })

  it.each(['request', 'response'] as const)('inside a %s hook that never returns', async (event) => {
    const { signal, abort } = aborting()
    const hook = (): Promise<never> => {
      queueMicrotask(abort)
      return new Promise(() => {})
    }
    const call = rejection(session.get(`${server.url}/get`, { signal, hooks: { [event]: hook } }))
    expect(await within(1000, call)).toBe(REASON)
  })

  it('inside a scheme that never signs', async () => {
    const { signal, abort } = aborting()
    const auth = (_request: PreparedRequest): Promise<never> => {
      queueMicrotask(abort)
      return new Promise(() => {})
    }
    const call = rejection(session.get(`${server.url}/get`, { signal, auth: auth as unknown as () => void }))
    expect(await within(1000, call)).toBe(REASON)
  })

  it('between redirects', async () => {
    const { signal, abort } = aborting()
    const hooks = { redirect: abort }
    expect(await within(1000, rejection(session.get(`${server.url}/redirect/3`, { signal, hooks })))).toBe(REASON)
  })

  it('while a proxy does not answer CONNECT', async () => {
    const { signal, abort } = aborting()
    await using mute = await RawServer.start(() => {}, {
      onConnection: (socket) => void socket.on('data', abort),
    })
    const call = rejection(session.get('https://somewhere.test/', { signal, proxies: { all: mute.url } }))
    expect(await within(1000, call)).toBe(REASON)
    await mute.gone()
  })
})

describe('an AbortSignal', () => {
  it('leaves the Session usable', async () => {
    const { signal, abort } = aborting()
    await using raw = await RawServer.start(({ connection }) => (connection === 1 ? abort() : reply('ok')))
    session.limits = { connectionsPerOrigin: 1 }
    await rejection(session.get(raw.url, { signal }))
    expect((await within(1000, session.get(raw.url))).text).toBe('ok')
  })

  it('that aborts afterwards does nothing', async () => {
    const { signal, abort } = aborting()
    const response = await session.get(`${server.url}/get`, { signal })
    abort()
    expect(response.text).toContain('url')
  })

  it('has no listener left after 1,000 requests', async () => {
    const { signal } = aborting()
    await using raw = await RawServer.start(() => reply('ok'))
    await Promise.all(Array.from({ length: 1000 }, () => session.get(raw.url, { signal })))
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('has no listener left after requests that failed in each way', async () => {
    const { signal } = aborting()
    const outcomes = [
      session.get(`${server.url}/close`, { signal }),
      session.get(`${server.url}/truncated`, { signal }),
      session.get(`${server.url}/never`, { signal, timeout: { read: 30 } }),
      session.get('http://127.0.0.1:1/', { signal }),
      session.get('nonsense', { signal }),
      session.get(`${server.url}/redirect/5`, { signal, maxRedirects: 2 }),
      session.get(`${server.url}/get`, { signal, headers: { Connection: 'x' } }),
    ]
    const results = await Promise.allSettled(outcomes)
    expect(results.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'))
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('has no listener left after streamed bodies that were read, closed, or left half read', async () => {
    const { signal } = aborting()
    const get = (): ReturnType<Session['get']> => session.get(`${server.url}/download/300000`, { signal, stream: true })
    await (await get()).read()
    ;(await get()).close()
    const half = await get()
    for await (const _piece of half.iterContent(1000)) break
    half.close()
    for await (const _piece of (await get()).iterContent()) void _piece
    ;(await get()).raw.destroy()
    await new Promise(setImmediate)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})
