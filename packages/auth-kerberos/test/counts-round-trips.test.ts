import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { KerberosAuth } from '../src/index.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true })
const newSession = useSessions()

/** Statuses that Apache has logged since it was asked to forget. */
async function loggedStatuses(atLeast: number): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (const { status } of await lab().apache.log.requests({ atLeast })) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

describe('round trips on Apache, with mutual authentication checked each time', () => {
  test('20 requests in turn cost 20 and one connection when signed pre-emptively', async () => {
    await lab().apache.log.clear()
    const session = newSession(new KerberosAuth({ preemptive: true }))
    for (let sent = 0; sent < 20; sent++) {
      const response = await session.get(`${lab().apache.url}/krb/echo`)
      expect(response.text).toContain('user=alice@TEST.LOCAL mech=Negotiate/krb5')
    }
    const rows = await lab().apache.log.requests({ atLeast: 20 })
    expect(rows.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(new Set(rows.map(({ connection }) => connection)).size).toBe(1)
  })

  test('20 requests in turn cost one more when the server has to ask first', async () => {
    await lab().apache.log.clear()
    const session = newSession(new KerberosAuth())
    for (let sent = 0; sent < 20; sent++) {
      expect((await session.get(`${lab().apache.url}/krb/echo`)).statusCode).toBe(200)
    }
    expect(await loggedStatuses(21)).toEqual({ 200: 20, 401: 1 })
    const rows = await lab().apache.log.requests()
    expect(new Set(rows.map(({ connection }) => connection)).size).toBe(1)
  })

  test.each(['http', 'https'])('800 requests, 64 at a time, cost 800 by %s', async (scheme) => {
    await lab().apache.log.clear()
    const session = newSession(new KerberosAuth({ preemptive: true }), { verify: lab().authority })
    const url = scheme === 'https' ? lab().apache.tlsUrl : lab().apache.url
    let left = 800
    const statuses = new Set<number>()
    const work = async (): Promise<void> => {
      while (left-- > 0) statuses.add((await session.get(`${url}/krb/echo`)).statusCode)
    }
    await Promise.all(Array.from({ length: 64 }, work))
    expect([...statuses]).toEqual([200])
    expect(await loggedStatuses(800)).toEqual({ 200: 800 })
  })

  test('a body of 5 MB crosses once, whole, also in the first request of all', async () => {
    await lab().apache.log.clear()
    const data = Buffer.alloc(5_000_000, 'kerberos')
    const response = await newSession(new KerberosAuth()).post(`${lab().apache.url}/krb/sum`, { data })
    expect(response.text).toContain(`length=5000000 sha256=${createHash('sha256').update(data).digest('hex')}`)
    const rows = await lab().apache.log.requests({ atLeast: 1 })
    expect(rows.map(({ status }) => status)).toEqual([200])
    expect(rows[0]?.bytesIn).toBeLessThan(5_100_000)
  })

  test.each([true, false, 'learned'] as const)(
    'a stream that can be read once arrives whole, preemptive: %s',
    async (preemptive) => {
      const session = newSession(new KerberosAuth({ preemptive }))
      for (let sent = 0; sent < 2; sent++) {
        await lab().apache.log.clear()
        const parts = Array.from({ length: 10 }, (_, part) => Buffer.alloc(10_000, part))
        const data = (async function* () {
          yield* parts
        })()
        const response = await session.post(`${lab().apache.url}/krb/sum`, { data })
        const hash = createHash('sha256').update(Buffer.concat(parts)).digest('hex')
        expect(response.text).toContain(`method=POST length=100000 sha256=${hash}`)
        const rows = await lab().apache.log.requests({ atLeast: 1 })
        expect(rows.filter(({ bytesIn }) => bytesIn > 50_000)).toHaveLength(1)
      }
    },
  )
})
