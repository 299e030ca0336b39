import { BasicAuth, type RequestOptions, Session } from '@entreat/core'
import { testCertificates, TestProxy, TestServer } from '@entreat/testkit'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

let server: TestServer
let proxy: TestProxy
let other: TestProxy
let folder: string
const { ca, client, untrustedClient } = testCertificates()

beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
  other = await TestProxy.start()
  folder = mkdtempSync(join(tmpdir(), 'entreat-pools-'))
  writeFileSync(join(folder, 'ca.pem'), ca)
})

afterAll(async () => {
  await Promise.all([server.close(), proxy.close(), other.close()])
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(() => {
  for (const each of [server, proxy, other]) each.reset()
})

/** How many connections the server accepts when these are sent in turn on one Session. */
async function connectionsFor(...variants: RequestOptions[]): Promise<number> {
  await using session = new Session({ trustEnv: false, verify: ca })
  const connections = new Set<unknown>()
  for (const options of variants) {
    const response = await session.get(`${server.httpsUrl}/connections`, options)
    connections.add(response.json<{ connection: number }>().connection)
  }
  return connections.size
}

describe('two requests to one origin', () => {
  it('share a connection when all settings are equal', async () => {
    expect(await connectionsFor({}, {}, { verify: ca })).toBe(1)
  })

  it('share a connection when the same CA is given as equal bytes', async () => {
    expect(await connectionsFor({ verify: Buffer.from(ca) }, { verify: Buffer.from(ca) })).toBe(1)
  })

  it('never share a verified connection with verify: false', async () => {
    expect(await connectionsFor({ verify: false }, {}, { verify: false })).toBe(2)
  })

  it('never share between two sets of authorities', async () => {
    const both = `${ca}\n${client.cert}`
    expect(await connectionsFor({}, { verify: both }, { verify: join(folder, 'ca.pem') })).toBe(3)
  })

  it('never share between client certificates', async () => {
    const cert = { cert: client.cert, key: client.key }
    const stranger = { cert: untrustedClient.cert, key: untrustedClient.key }
    expect(await connectionsFor({}, { cert }, { cert: stranger }, { cert }, {})).toBe(3)
  })

  it('never share between proxies', async () => {
    const first = { proxies: { all: proxy.url } }
    const second = { proxies: { all: other.url } }
    expect(await connectionsFor({}, first, second, first, {})).toBe(3)
  })

  it('never share a tunnel between proxy credentials', async () => {
    const proxies = { all: proxy.url }
    const [first, second] = [new BasicAuth('a', 'x'), new BasicAuth('b', 'x')]
    expect(
      await connectionsFor({ proxies }, { proxies, proxyAuth: first }, { proxies, proxyAuth: second }, { proxies }),
    ).toBe(3)
  })

  it('never share a tunnel between credentials in the proxy URL', async () => {
    const through = (userinfo: string): RequestOptions => ({
      proxies: { all: proxy.url.replace('//', `//${userinfo}@`) },
    })
    const [first, second] = [through('a:x'), through('b:x')]
    expect(await connectionsFor(first, second, first)).toBe(2)
  })

  it('never share a tunnel between Proxy-Authorization headers', async () => {
    const proxies = { all: proxy.url }
    const signed = (value: string): RequestOptions => ({ proxies, headers: { 'Proxy-Authorization': value } })
    const [first, second] = [signed('Basic YTp4'), signed('Basic Yjp4')]
    expect(await connectionsFor(first, second, first)).toBe(2)
  })

  it('never share with another Session', async () => {
    const count = await Promise.all([connectionsFor({}), connectionsFor({})])
    expect(count).toEqual([1, 1])
    expect(server.connectionCount).toBe(2)
  })
})

describe('two requests to different origins', () => {
  it('never share, be it only the host name that differs', async () => {
    await using session = new Session({ trustEnv: false, verify: ca })
    await session.get(`${server.httpsUrl}/get`)
    await session.get(`${server.httpsUrl.replace('localhost', '127.0.0.1')}/get`)
    expect(server.connectionCount).toBe(2)
  })

  it('share the connection to a proxy for plain http', async () => {
    await using second = await TestServer.start({ tls: false })
    await using session = new Session({ trustEnv: false, proxies: { http: proxy.url } })
    await session.get(`${server.url}/get`)
    await session.get(`${second.url}/get`)
    await session.get(`${server.url}/get`)
    expect(proxy.connectionCount).toBe(1)
  })
})
