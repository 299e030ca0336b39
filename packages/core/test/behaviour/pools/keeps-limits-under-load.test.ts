import { HTTPAdapter, type Limits, RequestException, Session } from '@entreat/core'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

const ABORTED = { why: 'the caller changed its mind' }

/** An adapter, and how many sockets it had at most: in all, and to one port. */
function counting(limits: Limits): { adapter: HTTPAdapter; most: { all: number; one: number }; alive: () => number } {
  const sockets = new Set<Socket>()
  const most = { all: 0, one: 0 }
  const living = (): Socket[] => [...sockets].filter(({ destroyed }) => !destroyed)
  const adapter = new HTTPAdapter({
    limits,
    onSocket: (socket) => {
      sockets.add(socket)
      const alive = living()
      most.all = Math.max(most.all, alive.length)
      const siblings = alive.filter(({ remotePort }) => remotePort === socket.remotePort)
      most.one = Math.max(most.one, siblings.length)
    },
  })
  return { adapter, most, alive: () => living().length }
}

/** Numbers from 0 to 1 that are the same each time. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 16_807) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Answers, breaks off, resets, or says nothing, in turn. */
async function moodyServer(random: () => number): Promise<RawServer> {
  return RawServer.start(({ head, socket }) => {
    if (head.includes('/fine')) return reply('ok')
    const mood = random()
    if (mood < 0.6) return reply('ok')
    if (mood < 0.7) return void socket.end(reply('ok', 'Connection: close\r\n'))
    if (mood < 0.8) return void socket.resetAndDestroy()
    if (mood < 0.9) return void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
    return undefined
  })
}

describe('1,000 requests at once, to a server that fails and by callers who abort', () => {
  it.each([
    ['buffered', false],
    ['streamed', true],
  ])('never have more connections than limits allow, and all settle: %s', async (_how, stream) => {
    const random = chance(stream ? 7 : 11)
    const servers = await Promise.all([1, 2, 3].map(() => moodyServer(random)))
    const { adapter, most, alive } = counting({ connections: 9, connectionsPerOrigin: 4, idleMs: 500 })
    await using session = new Session({ trustEnv: false, timeout: { connect: 5000, read: 100, pool: null } })
    session.mount('http://', adapter)
    const tally = { settled: 0, aborted: 0, strange: [] as unknown[] }
    const calls = Array.from({ length: 1000 }, async (_, at) => {
      const controller = new AbortController()
      if (random() < 0.3) setTimeout(() => controller.abort(ABORTED), random() * 400)
      try {
        const { url } = servers[at % 3] as RawServer
        const response = await session.request(at % 4 === 0 ? 'POST' : 'GET', url, {
          stream,
          signal: controller.signal,
        })
        if (stream && random() < 0.5) response.close()
        else await response.read()
      } catch (error) {
        if (error === ABORTED) tally.aborted++
        else if (!(error instanceof RequestException)) tally.strange.push(error)
      }
      tally.settled++
    })
    await within(18_000, Promise.all(calls))
    expect([tally.settled, tally.strange]).toEqual([1000, []])
    expect(tally.aborted).toBeGreaterThan(0)
    expect(most.all).toBeLessThanOrEqual(9)
    expect(most.one).toBeLessThanOrEqual(4)
    // No place was lost on the way: as many connections as before can be open at once.
    const after = servers.map(({ url }) => session.get(`${url}/fine`, { timeout: { read: 10_000 } }))
    expect((await Promise.all(after)).map(({ text }) => text)).toEqual(['ok', 'ok', 'ok'])
    await session.close()
    expect(alive()).toBe(0)
    for (const server of servers) {
      await server.gone()
      await server.close()
    }
  })
})

describe('limits.connections', () => {
  let servers: RawServer[]
  let session: Session

  beforeEach(async () => {
    servers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(() => RawServer.start(() => reply('ok'))))
    session = new Session({ trustEnv: false, limits: { connections: 3 } })
  })

  afterEach(async () => {
    await session.close()
    for (const server of servers) await server.close()
  })

  const visit = async (...path: number[]): Promise<void> => {
    for (const at of path) await session.get((servers[at] as RawServer).url)
  }
  const opened = (): number[] => servers.map(({ connectionCount }) => connectionCount)

  it('makes room by closing what has been idle longest', async () => {
    await visit(0, 1, 2, 0, 3)
    await (servers[1] as RawServer).gone()
    await visit(0, 2, 3)
    expect(opened()).toEqual([1, 1, 1, 1, 0])
  })

  it('goes on so, one by one', async () => {
    await visit(0, 1, 2, 3, 4)
    await (servers[0] as RawServer).gone()
    await (servers[1] as RawServer).gone()
    await visit(2, 3, 4)
    expect(opened()).toEqual([1, 1, 1, 1, 1])
  })

  it('closes one of several idle connections of an origin, the oldest origin first', async () => {
    const [first] = servers as [RawServer]
    await Promise.all([session.get(first.url), session.get(first.url)])
    await visit(1, 2)
    await expect.poll(() => first.open.size).toBe(1)
    await visit(0, 1, 2)
    expect(opened()).toEqual([2, 1, 1, 0, 0])
  })

  it('leaves busy connections alone', async () => {
    const sockets: Socket[] = []
    await using slow = await RawServer.start(({ socket }) => {
      sockets.push(socket)
      return 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha'
    })
    const busy = await session.get(slow.url, { stream: true })
    await visit(0, 1, 2, 3)
    for (const socket of sockets) socket.write('lf')
    expect((await busy.read()).toString()).toBe('half')
    expect(slow.connectionCount).toBe(1)
  })
})
