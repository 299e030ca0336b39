import { HTTPAdapter, Session } from '@entreat/core'
import { describe, expect, it, vi } from 'vitest'
import { within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

const count = <T>(length: number, make: (at: number) => T): T[] => Array.from({ length }, (_, at) => make(at))

describe('requests to more origins than limits.connections', () => {
  it('are served in the order in which they came, whichever origin they are for', async () => {
    const order: string[] = []
    const servers = await Promise.all(
      count(8, (at) =>
        RawServer.start(({ head }) => {
          order.push(`${at}${head.split(' ')[1]}`)
          return reply('ok')
        }),
      ),
    )
    await using session = new Session({ trustEnv: false, limits: { connections: 1 } })
    const calls = servers.flatMap(({ url }) => [session.get(`${url}/first`), session.get(`${url}/second`)])
    await within(5000, Promise.all(calls))
    // A connection that is open serves all who wait for its origin before it makes room for another.
    expect(order).toEqual(servers.flatMap((_, at) => [`${at}/first`, `${at}/second`]))
    for (const server of servers) await server.close()
  })

  it('all get their turn under limits of different sizes', async () => {
    const servers = await Promise.all(count(6, () => RawServer.start(() => reply('ok'))))
    const adapter = new HTTPAdapter()
    const sessions = [1, 2, 3].map((connections) =>
      new Session({ trustEnv: false, limits: { connections } }).mount('http://', adapter),
    )
    const calls = count(300, async (at) => (await sessions[at % 3]?.get(servers[at % 6]?.url ?? ''))?.text)
    expect(await within(10_000, Promise.all(calls))).toEqual(count(300, () => 'ok'))
    for (const session of sessions) await session.close()
    for (const server of servers) await server.close()
  })

  it('get the room of an attempt that nobody waits for any more', async () => {
    const held: (() => void)[] = []
    await using first = await RawServer.start(({ socket }) => void held.push(() => socket.write(reply('ok'))), {
      tls: true,
    })
    await using second = await RawServer.start(() => reply('ok'))
    await using session = new Session({ trustEnv: false, verify: false, timeout: null, limits: { connections: 2 } })
    const busy = session.get(first.url)
    await vi.waitFor(() => expect(held).toHaveLength(1))
    // Its handshake will never end, and the busy connection will serve the request that it is for.
    first.stall()
    const served = session.get(first.url)
    const waiting = session.get(second.url)
    held.shift()?.()
    await busy
    expect((await within(2000, waiting)).text).toBe('ok')
    await vi.waitFor(() => expect(held).toHaveLength(1))
    held.shift()?.()
    await served
  })
})
