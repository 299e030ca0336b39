import { HTTPAdapter, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { failure, signalOf, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { optionsFor, prepared } from '../support/transport-options.ts'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})

afterAll(async () => {
  await server.close()
})

describe('an idle connection', () => {
  it('is closed after limits.idleMs', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, limits: { idleMs: 100 } })
    await session.get(raw.url)
    const started = performance.now()
    await raw.gone()
    expect(performance.now() - started).toBeGreaterThan(50)
  })

  it('is closed after limits.idleMs when it was reserved, released and never used', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const adapter = new HTTPAdapter()
    const lease = await adapter.acquire(await prepared(raw.url), optionsFor({ limits: { idleMs: 100 } }), 'key')
    lease.release()
    await raw.gone(2000)
    await adapter.close()
  })

  it('is closed earlier when the server says that it keeps it shorter', async () => {
    await using raw = await RawServer.start(() => reply('ok', 'Keep-Alive: timeout=1\r\n'))
    await using session = new Session({ trustEnv: false })
    await session.get(raw.url)
    const started = performance.now()
    await raw.gone()
    // A second less the margin for the way there.
    expect(performance.now() - started).toBeLessThan(950)
  })

  it('is not used again when the server says that it keeps it no time at all', async () => {
    await using raw = await RawServer.start(() => reply('ok', 'Keep-Alive: timeout=0\r\n'))
    await using session = new Session({ trustEnv: false })
    await session.get(raw.url)
    await session.get(raw.url)
    expect(raw.connectionCount).toBe(2)
  })

  it('that the server closed is not used again', async () => {
    await using raw = await RawServer.start(({ socket }) => {
      socket.end(reply('ok'))
    })
    await using session = new Session({ trustEnv: false })
    await session.get(raw.url)
    await raw.gone()
    expect((await session.post(raw.url, { data: 'x' })).text).toBe('ok')
    expect(raw.connectionCount).toBe(2)
  })

  it('that the server reset is not used again', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false })
    await session.get(raw.url)
    for (const socket of raw.open) socket.resetAndDestroy()
    await raw.gone()
    await vi.waitFor(async () => expect((await session.get(raw.url)).text).toBe('ok'))
  })

  it('does not outlive Connection: close', async () => {
    await using raw = await RawServer.start(() => reply('ok', 'Connection: close\r\n'))
    await using session = new Session({ trustEnv: false })
    await session.get(raw.url)
    await raw.gone()
  })

  it('is not kept after a request that says Connection: close', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false })
    await session.get(raw.url, { headers: { Connection: 'close' } })
    await raw.gone()
    expect(raw.heads[0]).toMatch(/^connection: close$/im)
  })

  it('does not keep the process alive', async () => {
    const started = performance.now()
    const child = await runChild(
      `const session = new core.Session({ trustEnv: false, verify: input.ca })
       await Promise.all([session.get(input.http), session.get(input.https)])
       report('done')`,
      { input: { http: `${server.url}/get`, https: `${server.httpsUrl}/get`, ca: server.ca } },
    )
    expect(child).toMatchObject({ code: 0, reports: ['done'], isKilled: false, stderr: '' })
    expect(performance.now() - started).toBeLessThan(8000)
  })

  it('does not keep the process alive when it was reserved, released and never used', async () => {
    const child = await runChild(
      `const adapter = new core.HTTPAdapter()
       const request = await new core.Request('GET', input.url).prepare()
       const lease = await adapter.acquire(request, input.options, 'key')
       lease.release()
       report('done')`,
      { input: { url: server.url, options: optionsFor() }, limitMs: 4000 },
    )
    expect(child).toMatchObject({ code: 0, reports: ['done'], isKilled: false })
  })
})

describe('close()', () => {
  it('leaves nothing open', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const session = new Session({ trustEnv: false })
    await Promise.all(Array.from({ length: 50 }, () => session.get(raw.url)))
    await session.close()
    await raw.gone(500)
  })

  it('ends running requests with ERR_CLOSED', async () => {
    await using raw = await RawServer.start(() => {})
    const session = new Session({ trustEnv: false })
    const call = failure(session.get(raw.url))
    await vi.waitFor(() => expect(raw.heads).toHaveLength(1))
    await session.close()
    expect((await within(1000, call)).code).toBe('ERR_CLOSED')
    await raw.gone()
  })

  it('ends waiting requests with ERR_CLOSED', async () => {
    await using raw = await RawServer.start(() => {})
    const session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const calls = Promise.all(Array.from({ length: 10 }, () => failure(session.get(raw.url))))
    await vi.waitFor(() => expect(raw.heads).toHaveLength(1))
    await session.close()
    const errors = await within(1000, calls)
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['ERR_CLOSED']))
    expect(raw.connectionCount).toBe(1)
  })

  it('ends attempts to connect with ERR_CLOSED, and their sockets', async () => {
    const seen = signalOf()
    await using mute = await RawServer.start(() => {}, {
      onConnection: (socket) => {
        socket.resume()
        seen.fire()
      },
    })
    const session = new Session({ trustEnv: false })
    const call = failure(session.get(mute.url.replace('http:', 'https:')))
    await seen.promise
    await session.close()
    expect((await within(1000, call)).code).toBe('ERR_CLOSED')
    await mute.gone()
  })

  it('ends the body of a streamed response with ERR_CLOSED', async () => {
    await using raw = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome')
    const session = new Session({ trustEnv: false })
    const response = await session.get(raw.url, { stream: true })
    const reading = failure(response.read())
    await session.close()
    expect((await within(1000, reading)).code).toBe('ERR_CLOSED')
    await raw.gone()
  })

  it('gives running buffered requests the grace they are promised', async () => {
    let answer = (): void => {}
    await using raw = await RawServer.start(({ socket }) => {
      answer = () => socket.write(reply('late'))
    })
    const session = new Session({ trustEnv: false })
    const call = session.get(raw.url)
    await vi.waitFor(() => expect(raw.heads).toHaveLength(1))
    const closed = session.close({ graceMs: 3000 })
    answer()
    expect((await call).text).toBe('late')
    await within(1000, closed)
  })

  it('refuses new requests until it has resolved, and serves them afterwards', async () => {
    const session = new Session({ trustEnv: false })
    const closing = session.close()
    const refused = await failure(session.get(`${server.url}/get`))
    await closing
    const served = await session.get(`${server.url}/get`)
    await session.close()
    expect([refused.code, served.statusCode]).toEqual(['ERR_CLOSED', 200])
  })

  it('of an adapter leaves it usable', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    const adapter = new HTTPAdapter()
    const request = await prepared(raw.url)
    await (await adapter.send(request, optionsFor())).read()
    await adapter.close()
    await (await adapter.send(request, optionsFor())).read()
    await adapter.close()
    await raw.gone()
    expect(raw.connectionCount).toBe(2)
  })
})
