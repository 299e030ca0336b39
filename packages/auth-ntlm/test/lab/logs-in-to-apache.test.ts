import { AuthenticationError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { labDomain, labUsers } from '../../../../lab/kerberos-ntlm/start-lab.ts'
import { as, connectionsOf, inParallel, lab, labSession, sha256, useLab } from '../support/lab.ts'

useLab({ apache: true })

const alice = (): ReturnType<typeof as> => as(`${labDomain}\\alice`, labUsers.alice.password)
const bob = (): ReturnType<typeof as> => as(`${labDomain}\\bob`, labUsers.bob.password)

describe('Apache with gss-ntlmssp', () => {
  it('is logged in to once for 20 requests in turn', async () => {
    const session = labSession({ auth: alice() })
    await lab.apache.log.clear()
    for (let sent = 0; sent < 20; sent++) {
      expect((await session.get(`${lab.apache.url}/ntlm/echo`)).statusCode).toBe(200)
    }
    const requests = await lab.apache.log.requests({ atLeast: 21 })
    expect([requests.length, connectionsOf(requests)]).toEqual([21, 1])
    expect(requests.filter(({ status }) => status === 401)).toHaveLength(1)
  })

  it.each([
    ['http', (): string => lab.apache.url],
    ['https', (): string => lab.apache.tlsUrl],
  ])('answers 800 requests at 64-way over %s, each connection logged in to once', async (_scheme, url) => {
    const session = labSession({ auth: alice() })
    await lab.apache.log.clear()
    await inParallel(800, 64, async () => {
      const response = await session.get(`${url()}/ntlm/echo`)
      if (response.statusCode !== 200) throw new Error(`got ${response.statusCode}`)
    })
    const requests = await lab.apache.log.requests({ atLeast: 800 })
    expect(requests).toHaveLength(800 + connectionsOf(requests))
    expect(new Set(requests.map(({ status, user }) => `${status} ${user}`))).toEqual(
      new Set(['401 null', '200 LABDOM\\alice']),
    )
  })

  it.each(['ntlm', 'nego'])('takes a body of 5 MB once at /%s', async (place) => {
    const data = seededBytes(5_000_000, 1)
    const session = labSession({ auth: alice() })
    await lab.apache.log.clear()
    const { text } = await session.post(`${lab.apache.url}/${place}/sum`, { data })
    expect(text).toContain(`length=5000000 sha256=${sha256(data)}`)
    const requests = await lab.apache.log.requests({ atLeast: 2 })
    const received = requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0)
    expect(received).toBeGreaterThan(5_000_000)
    expect(received).toBeLessThan(5_010_000)
  })

  it('takes a stream that can be read once, whole, on a new connection and on one that is logged in', async () => {
    const data = seededBytes(700_000, 2)
    const session = labSession({ auth: alice() })
    for (let sent = 0; sent < 2; sent++) {
      const stream = Readable.from([data.subarray(0, 1), data.subarray(1, 300_000), data.subarray(300_000)])
      const { text } = await session.post(`${lab.apache.url}/ntlm/sum`, { data: stream })
      expect(text).toContain(`user=LABDOM\\alice`)
      expect(text).toContain(`length=700000 sha256=${sha256(data)}`)
    }
  })

  it('is logged in to anew where it let the connection go between two requests', async () => {
    const session = labSession({ auth: alice() })
    const url = `${lab.apache.shortLivedUrl}/ntlm/echo`
    await lab.apache.log.clear()
    expect((await session.get(url)).statusCode).toBe(200)
    await expect
      .poll(
        async () => {
          const { statusCode } = await session.post(url, { data: 'again' })
          const requests = await lab.apache.log.requests({ atLeast: 3 })
          return [statusCode, connectionsOf(requests) > 1]
        },
        { timeout: 15_000, interval: 1500 },
      )
      .toEqual([200, true])
  })

  it('fails clearly where it closes each connection after its challenge', async () => {
    const session = labSession({ auth: alice() })
    const failed = session.post(`${lab.apache.url}/ntlmclosed/echo`, { data: Readable.from(['once']) })
    await expect(failed).rejects.toThrow(AuthenticationError)
    await expect(failed).rejects.toThrow(/closes the connection with its NTLM challenge, every time/)
  })

  it('never mixes two users', async () => {
    const session = labSession()
    const users = [alice(), bob()]
    await inParallel(200, 20, async (index) => {
      const who = ['alice', 'bob'][index % 2] as string
      const response = await session.get(`${lab.apache.url}/ntlm/echo`, { auth: users[index % 2] as never })
      if (response.statusCode !== 200) throw new Error(`got ${response.statusCode}`)
      expect(response.text).toContain(who)
    })
  })

  it('has its 401 to a wrong password returned, after two requests', async () => {
    const session = labSession({ auth: as(`${labDomain}\\alice`, 'wrong') })
    await lab.apache.log.clear()
    expect((await session.get(`${lab.apache.url}/ntlm/echo`)).statusCode).toBe(401)
    expect(await lab.apache.log.requests({ atLeast: 2 })).toHaveLength(2)
  })

  it('is logged in to by NT hash', async () => {
    const { ntHash } = await import('../../src/crypto/nt-hash.ts')
    const { NTLMAuth } = await import('../../src/index.ts')
    const auth = new NTLMAuth({
      username: 'alice',
      domain: labDomain,
      ntHash: ntHash(labUsers.alice.password).toString('hex'),
    })
    expect((await labSession({ auth }).get(`${lab.apache.url}/ntlm/echo`)).statusCode).toBe(200)
  })

  it('is logged in to under Negotiate, inside of SPNEGO', async () => {
    const session = labSession({ auth: alice() })
    await lab.apache.log.clear()
    for (let sent = 0; sent < 3; sent++) {
      expect((await session.get(`${lab.apache.url}/nego/echo`)).statusCode).toBe(200)
    }
    const requests = await lab.apache.log.requests({ atLeast: 4 })
    expect(requests.at(-1)?.user).toBe('LABDOM\\alice')
  })

  it('gets nothing after a redirect to another origin', async () => {
    const session = labSession({ auth: alice() })
    await session.get(`${lab.apache.url}/ntlm/echo`)
    const response = session.get(`${lab.apache.tlsUrl}/ntlm/echo`)
    await expect(response).rejects.toThrow(AuthenticationError)
    await expect(response).rejects.toThrow(/answers only http:\/\/localhost/)
  })
})
