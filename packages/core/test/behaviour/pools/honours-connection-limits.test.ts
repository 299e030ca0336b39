import type { LookupFunction } from 'node:net'
import { HTTPAdapter, PoolTimeout, Session } from '@entreat/core'
import { describe, expect, it, vi } from 'vitest'
import { failure, rejection, signalOf, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { optionsFor, prepared } from '../support/transport-options.ts'

/** Requests that wait until they are told to answer. */
async function patientServer(): Promise<{ server: RawServer; asked: string[]; answer: (count?: number) => void }> {
  const asked: string[] = []
  const pending: (() => void)[] = []
  const patient = await RawServer.start(({ head, socket }) => {
    asked.push(head.split(' ')[1] ?? '')
    pending.push(() => socket.write(reply('ok')))
  })
  const answer = (count = Infinity): void => {
    for (const send of pending.splice(0, count)) send()
  }
  return { server: patient, asked, answer }
}

describe('limits.connectionsPerOrigin', () => {
  it('holds for 1,000 concurrent requests, all of which are answered', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 7 } })
    const responses = await Promise.all(Array.from({ length: 1000 }, () => session.get(raw.url)))
    expect(responses.every(({ text }) => text === 'ok')).toBe(true)
    expect([raw.connectionCount, raw.mostOpen]).toEqual([7, 7])
  })

  it('is 64 by default', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false })
    await Promise.all(Array.from({ length: 1000 }, () => session.get(raw.url)))
    expect(raw.mostOpen).toBe(64)
  })

  it('serves waiting requests in the order in which they came', async () => {
    const patient = await patientServer()
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const done = Promise.all(Array.from({ length: 20 }, (_, at) => session.get(`${patient.server.url}/${at}`)))
    const serve = vi.waitFor(
      () => {
        patient.answer()
        expect(patient.asked).toHaveLength(20)
      },
      { interval: 1, timeout: 3000 },
    )
    await serve
    patient.answer()
    await done
    expect(patient.asked).toEqual(Array.from({ length: 20 }, (_, at) => `/${at}`))
    await patient.server.close()
  })

  it('counts the connections that are reserved for a credential too', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const adapter = session.getAdapter(raw.url) as HTTPAdapter
    const options = optionsFor({ limits: { connectionsPerOrigin: 1 }, timeout: { pool: 50 } })
    const lease = await adapter.acquire(await prepared(raw.url), options, 'one credential')
    const error = await rejection(adapter.acquire(await prepared(raw.url), options, 'another credential'))
    lease.destroy()
    expect(error).toBeInstanceOf(PoolTimeout)
  })
})

describe('limits.connections', () => {
  it('holds over many origins at once', async () => {
    const servers = await Promise.all(Array.from({ length: 6 }, () => RawServer.start(() => reply('ok'))))
    const session = new Session({ trustEnv: false, limits: { connections: 4 } })
    let most = 0
    const looked = servers.map(({ open }) => open)
    const calls = Array.from({ length: 300 }, async (_, at) => {
      const response = await session.get(servers[at % 6]?.url ?? '')
      // A connection that was closed to make room may not have gone yet on the other side: its FIN travels.
      most = Math.max(
        most,
        looked.reduce((sum, { size }) => sum + size, 0),
      )
      return response.text
    })
    expect(await within(10_000, Promise.all(calls))).toEqual(Array.from({ length: 300 }, () => 'ok'))
    await session.close()
    await Promise.all(servers.map((each) => each.close()))
    expect(most).toBeLessThanOrEqual(4 + 2)
  })

  it('closes an idle connection of another origin to make room', async () => {
    await using first = await RawServer.start(() => reply('ok'))
    await using second = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, limits: { connections: 1 } })
    await session.get(first.url)
    await within(2000, session.get(second.url))
    await first.gone()
    expect(second.open.size).toBe(1)
  })

  it('makes a request wait while every connection is busy elsewhere', async () => {
    const patient = await patientServer()
    await using other = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, limits: { connections: 1 } })
    const first = session.get(patient.server.url)
    await vi.waitFor(() => expect(patient.asked).toHaveLength(1))
    const second = session.get(other.url)
    await failure(session.get(other.url, { timeout: { pool: 50 } }))
    expect(other.connectionCount).toBe(0)
    patient.answer()
    await within(2000, Promise.all([first, second]))
    await patient.server.close()
  })
})

describe('timeout.pool', () => {
  it('ends the wait for a connection with a PoolTimeout', async () => {
    const patient = await patientServer()
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const first = session.get(patient.server.url)
    await vi.waitFor(() => expect(patient.asked).toHaveLength(1))
    const started = performance.now()
    const error = await failure(session.get(patient.server.url, { timeout: { pool: 120 } }))
    expect(error).toBeInstanceOf(PoolTimeout)
    expect(error.code).toBe('ERR_POOL_TIMEOUT')
    expect(performance.now() - started).toBeLessThan(400)
    patient.answer()
    await first
    await patient.server.close()
  })

  it('tells the request, and that nothing was sent', async () => {
    const patient = await patientServer()
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const first = session.get(patient.server.url)
    await vi.waitFor(() => expect(patient.asked).toHaveLength(1))
    const { request, requestBytesSent, responseStarted } = await failure(
      session.get(patient.server.url, { timeout: { pool: 20 } }),
    )
    patient.answer()
    await first
    await patient.server.close()
    expect([request?.method, requestBytesSent, responseStarted]).toEqual(['GET', 0, false])
  })

  it('leaves the connection to the next in line after a PoolTimeout', async () => {
    const patient = await patientServer()
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const first = session.get(`${patient.server.url}/1`)
    await vi.waitFor(() => expect(patient.asked).toHaveLength(1))
    const second = session.get(`${patient.server.url}/2`, { timeout: { pool: 20 } })
    const third = session.get(`${patient.server.url}/3`)
    await failure(second)
    patient.answer()
    await first
    await vi.waitFor(() => expect(patient.asked).toEqual(['/1', '/3']))
    patient.answer()
    await third
    await patient.server.close()
  })
})

describe('an attempt to connect', () => {
  it('is cancelled when nobody waits for it any more', async () => {
    const seen = signalOf()
    // Never completes the TLS handshake.
    await using mute = await RawServer.start(() => {}, { onConnection: () => seen.fire() })
    await using session = new Session({ trustEnv: false, timeout: null })
    const controller = new AbortController()
    const call = failure(session.get(mute.url.replace('http:', 'https:'), { signal: controller.signal })).catch(
      () => null,
    )
    await seen.promise
    controller.abort()
    await call
    await mute.gone()
  })

  it('serves whoever waits longest, though another request began it', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const controller = new AbortController()
    const first = session.get(raw.url, { signal: controller.signal }).catch(() => null)
    const second = session.get(raw.url)
    controller.abort()
    await first
    expect((await within(2000, second)).text).toBe('ok')
    expect(raw.connectionCount).toBe(1)
  })

  it('that times out fails every request that waits for it in its own time', async () => {
    await using mute = await RawServer.start(() => {}, { onConnection: (socket) => socket.resume() })
    await using session = new Session({
      trustEnv: false,
      limits: { connectionsPerOrigin: 1 },
      timeout: { connect: 150 },
    })
    const url = mute.url.replace('http:', 'https:')
    const calls = Promise.all([failure(session.get(url)), failure(session.get(url)), failure(session.get(url))])
    const errors = await within(3000, calls)
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 3 }, () => 'ERR_CONNECT_TIMEOUT'))
  })

  it('inherited from a request that found a free connection has a deadline all the same', async () => {
    let answerFirst = (): void => {}
    // The first connection works; the second never gets through its handshake.
    await using raw = await RawServer.start(
      ({ socket, index }) => {
        if (index === 1) answerFirst = () => socket.write(reply('ok'))
        // The second request on it stays without answer.
      },
      { tls: true },
    )
    const settings = { trustEnv: false, verify: false, limits: { connectionsPerOrigin: 2 } }
    await using session = new Session({ ...settings, timeout: { connect: 200, read: 5000 } })
    const controller = new AbortController()
    const busy = session.get(raw.url)
    await vi.waitFor(() => expect(raw.heads).toHaveLength(1))
    raw.stall()
    const second = session.get(raw.url, { signal: controller.signal, timeout: { connect: 200 } }).catch(() => null)
    const third = failure(session.get(raw.url))
    answerFirst()
    await busy
    const error = await within(2000, third)
    expect(error.code).toBe('ERR_CONNECT_TIMEOUT')
    controller.abort()
    await second
  })

  it('is not given up because another connection is free first, while requests keep coming', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    let attempts = 0
    // Connections take longer than answers do.
    const lookup: LookupFunction = (_host, _options, callback) => {
      attempts++
      setTimeout(() => callback(null, [{ address: '127.0.0.1', family: 4 }]), 30)
    }
    await using session = new Session({ trustEnv: false }).mount('http://', new HTTPAdapter({ lookup }))
    const url = raw.url.replace('127.0.0.1', 'host.test')
    await Promise.all(Array.from({ length: 9 }, () => session.get(url)))
    let left = 2000
    const caller = async (): Promise<void> => {
      while (left-- > 0) await session.get(url)
    }
    await Promise.all(Array.from({ length: 10 }, caller))
    // Ten on a machine that has nothing else to do: one for each caller, and not one for each request.
    expect(attempts).toBeLessThan(100)
    expect(raw.mostOpen).toBeLessThanOrEqual(10)
  })
})
