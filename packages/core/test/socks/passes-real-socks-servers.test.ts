import { ConnectionError, ProxyError, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { describe, expect, it } from 'vitest'
import { failure } from '../behaviour/support/failure.ts'
import {
  missingPackages,
  type RealProxy,
  startDante,
  startMicrosocks,
  startOpenSsh,
} from '../../../../lab/network/socks-servers.ts'

const missing = missingPackages()

/** Which server speaks which version. */
const servers: [name: string, start: () => Promise<RealProxy>, schemes: readonly string[]][] = [
  ['microsocks', startMicrosocks, ['socks5', 'socks5h']],
  ['dante', startDante, ['socks4', 'socks5', 'socks5h']],
  ['OpenSSH', startOpenSsh, ['socks4', 'socks4a', 'socks5', 'socks5h']],
]

describe.each(servers)('%s', (_name, start, schemes) => {
  it(`carries http and https by ${schemes.join(', ')}`, async (ctx) => {
    if (missing !== null) return ctx.skip(missing)
    await using server = await TestServer.start()
    await using proxy = await start()
    for (const scheme of schemes) {
      await using session = new Session({
        trustEnv: false,
        verify: server.ca,
        proxies: { all: `${scheme}://127.0.0.1:${proxy.port}` },
      })
      for (const url of [server.url, server.httpsUrl]) {
        const posted = await session.post(`${url.replace('127.0.0.1', 'localhost')}/post`, {
          data: 'x'.repeat(200_000),
        })
        expect([scheme, posted.statusCode, posted.json<{ data: string }>().data.length]).toEqual([scheme, 200, 200_000])
      }
    }
  })
})

describe.each(servers)('%s', (_name, start, schemes) => {
  it('that cannot reach the origin is a ConnectionError, and the next request goes through', async (ctx) => {
    if (missing !== null) return ctx.skip(missing)
    const gone = await TestServer.start({ tls: false })
    await gone.close()
    await using server = await TestServer.start({ tls: false })
    await using proxy = await start()
    for (const scheme of schemes) {
      const proxies = { all: `${scheme}://127.0.0.1:${proxy.port}` }
      await using session = new Session({ trustEnv: false, proxies })
      const error = await failure(session.get(gone.url))
      expect(error).toBeInstanceOf(ConnectionError)
      expect([scheme, error.requestBytesSent]).toEqual([scheme, 0])
      expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
    }
  })

  it('carries 40 requests at once, on as few connections as limits allow', async (ctx) => {
    if (missing !== null) return ctx.skip(missing)
    await using server = await TestServer.start()
    await using proxy = await start()
    const proxies = { all: `${schemes.at(-1)}://127.0.0.1:${proxy.port}` }
    await using session = new Session({
      trustEnv: false,
      verify: server.ca,
      proxies,
      limits: { connectionsPerOrigin: 4 },
    })
    const calls = Array.from({ length: 40 }, () => session.get(`${server.httpsUrl}/get`))
    expect((await Promise.all(calls)).every(({ ok }) => ok)).toBe(true)
    expect(server.connectionCount).toBeLessThanOrEqual(4)
  })
})

describe('microsocks with a password', () => {
  it('lets in who has it, and nobody else', async (ctx) => {
    if (missing !== null) return ctx.skip(missing)
    await using server = await TestServer.start({ tls: false })
    await using proxy = await startMicrosocks(['b@b', 'p:@/ss'])
    await using session = new Session({ trustEnv: false })
    const get = (login: string) =>
      session.get(`${server.url}/get`, { proxies: { all: `socks5://${login}127.0.0.1:${proxy.port}` } })
    expect((await get('b%40b:p%3A%40%2Fss@')).statusCode).toBe(200)
    for (const login of ['b%40b:wrong@', '']) expect(await failure(get(login))).toBeInstanceOf(ProxyError)
  })
})
