import { ProxyError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { labDomain, labUsers, squidDomain } from '../../../../lab/kerberos-ntlm/start-lab.ts'
import { as, connectionsOf, inParallel, lab, labSession, sha256, useLab } from '../support/lab.ts'

useLab({ apache: true, epa: true, squid: true })

const alice = (): ReturnType<typeof as> => as(`${squidDomain}\\alice`, labUsers.alice.password)
const bob = (): ReturnType<typeof as> => as(`${squidDomain}\\bob`, labUsers.bob.password)

describe('Squid with winbind, as an origin', () => {
  it('is logged in to once for 20 requests in turn', async () => {
    const session = labSession({ auth: alice() })
    await lab.squid.log.clear()
    for (let sent = 0; sent < 20; sent++) {
      expect((await session.get(`${lab.squid.reverseUrl}/open/echo`)).statusCode).toBe(200)
    }
    const requests = await lab.squid.log.requests({ atLeast: 21 })
    expect([requests.length, connectionsOf(requests)]).toEqual([21, 1])
  })

  it('takes a body of 5 MB once', async () => {
    const data = seededBytes(5_000_000, 3)
    await lab.squid.log.clear()
    const { text } = await labSession({ auth: alice() }).post(`${lab.squid.reverseUrl}/open/sum`, { data })
    expect(text).toContain(`length=5000000 sha256=${sha256(data)}`)
    const received = (await lab.squid.log.requests({ atLeast: 2 })).reduce((sum, { bytesIn }) => sum + bytesIn, 0)
    expect(received).toBeLessThan(5_010_000)
  })
})

describe('Squid with winbind, as a proxy', () => {
  it('answers 800 requests for plain http at 64-way, each connection logged in to once', async () => {
    const session = labSession({ proxies: { all: lab.squid.proxyUrl }, proxyAuth: alice() })
    await lab.squid.log.clear()
    await inParallel(800, 64, async () => {
      const response = await session.get(`${lab.apache.url}/open/echo`)
      if (response.statusCode !== 200) throw new Error(`got ${response.statusCode}`)
    })
    const requests = await lab.squid.log.requests({ atLeast: 800 })
    expect(requests).toHaveLength(800 + connectionsOf(requests))
  })

  it.each([
    ['plain http', (): string => lab.apache.url],
    ['a tunnel', (): string => lab.apache.tlsUrl],
  ])('lets a stream that can be read once through %s, whole', async (_what, url) => {
    const data = seededBytes(700_000, 4)
    const session = labSession({ proxies: { all: lab.squid.proxyUrl }, proxyAuth: alice() })
    for (let sent = 0; sent < 2; sent++) {
      const stream = Readable.from([data.subarray(0, 300_000), data.subarray(300_000)])
      const { text } = await session.post(`${url()}/open/sum`, { data: stream })
      expect(text).toContain(`length=700000 sha256=${sha256(data)}`)
    }
  })

  it('opens a tunnel after one refusal, and another user gets another tunnel', async () => {
    const session = labSession({ proxies: { all: lab.squid.proxyUrl } })
    await lab.squid.log.clear()
    for (const proxyAuth of [alice(), bob()]) {
      for (let sent = 0; sent < 3; sent++) {
        expect((await session.get(`${lab.apache.tlsUrl}/open/echo`, { proxyAuth })).statusCode).toBe(200)
      }
    }
    await session.close()
    const connects = await lab.squid.log.requests({ atLeast: 4 })
    expect(connects.map(({ method, status }) => `${method} ${status}`).sort()).toEqual([
      'CONNECT 200',
      'CONNECT 200',
      'CONNECT 407',
      'CONNECT 407',
    ])
    expect(new Set(connects.map(({ user }) => user))).toEqual(new Set([null, 'LABSRV\\alice', 'LABSRV\\bob']))
  })

  it.each([
    ['http', (): string => lab.squid.proxyUrl],
    ['https', (): string => lab.squid.tlsProxyUrl],
  ])('over %s carries a login to the origin behind it', async (_scheme, proxyUrl) => {
    const auth = (): ReturnType<typeof as> => as(`${labDomain}\\alice`, labUsers.alice.password)
    const session = labSession({ proxies: { all: proxyUrl() }, proxyAuth: bob() })
    const plain = await session.get(`${lab.apache.url}/ntlm/echo`, { auth: auth() })
    expect([plain.statusCode, plain.text]).toEqual([200, expect.stringContaining('alice')])
    const bound = as(`${labDomain}\\alice`, labUsers.alice.password, { channelBindings: 'require' })
    const secure = await session.get(`${lab.epa.url}/require/x`, { auth: bound })
    expect([secure.statusCode, secure.text]).toEqual([200, expect.stringContaining('alice')])
  })

  it('refuses a wrong password with its 407', async () => {
    const proxyAuth = as(`${squidDomain}\\alice`, 'wrong')
    const session = labSession({ proxies: { all: lab.squid.proxyUrl }, proxyAuth })
    expect((await session.get(`${lab.apache.url}/open/echo`)).statusCode).toBe(407)
    await expect(session.get(`${lab.apache.tlsUrl}/open/echo`)).rejects.toThrow(ProxyError)
  })

  it('never mixes two users', async () => {
    const session = labSession({ proxies: { all: lab.squid.proxyUrl } })
    const users = [alice(), bob()]
    await lab.squid.log.clear()
    await inParallel(200, 20, async (index) => {
      const user = index % 2
      // The log keeps the host, and drops the query.
      const url = lab.apache.url.replace('localhost', ['localhost', '127.0.0.1'][user] as string)
      expect((await session.get(`${url}/open/echo`, { proxyAuth: users[user] as never })).statusCode).toBe(200)
    })
    const requests = (await lab.squid.log.requests({ atLeast: 200 })).filter(({ status }) => status === 200)
    expect(requests).toHaveLength(200)
    for (const { user, path } of requests) {
      expect(user).toBe(path.includes('//localhost') ? 'LABSRV\\alice' : 'LABSRV\\bob')
    }
  })
})
