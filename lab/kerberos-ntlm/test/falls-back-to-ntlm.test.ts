import { KerberosError, NegotiateAuth } from '@entreat/auth-kerberos'
import { NTLMAuth } from '@entreat/auth-ntlm'
import { Session } from '@entreat/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, labDomain, labProblem, labUsers, squidDomain, startLab } from '../start-lab.ts'

const needs = { kdc: true, apache: true, squid: true }
const problem = labProblem(needs)

describe('NegotiateAuth with NTLMAuth to fall back to', () => {
  let lab: Lab
  const before = { ...process.env }
  const open: Session[] = []

  beforeAll(async () => {
    if (problem === null) lab = await startLab(needs)
  })

  beforeEach((context) => {
    if (problem !== null) context.skip(problem)
  })

  afterEach(async () => {
    await Promise.all(open.splice(0).map((session) => session.close()))
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })

  afterAll(() => lab?.stop())

  function newSession(options: { user?: 'alice'; domain: string; proxy?: string }): Session {
    Object.assign(process.env, lab.clientEnv(options.user))
    const { name, password } = labUsers.bob
    const ntlm = (): NTLMAuth => new NTLMAuth({ username: name, password, domain: options.domain })
    const auth = new NegotiateAuth({ ntlm: ntlm() })
    const through = { proxies: { all: options.proxy ?? null }, proxyAuth: new NegotiateAuth({ ntlm: ntlm() }) }
    const session = new Session({ trustEnv: false, verify: lab.authority, auth, ...(options.proxy ? through : {}) })
    open.push(session)
    return session
  }

  test('Apache, which takes both, gets the ticket if there is one', async () => {
    const session = newSession({ user: 'alice', domain: labDomain })
    const response = await session.get(`${lab.apache.url}/nego/echo`)
    expect(response.text).toContain('user=alice@TEST.LOCAL mech=Negotiate/krb5')
  })

  test('Apache, which takes both, gets NTLM if there is no ticket, bodies and many requests included', async () => {
    const session = newSession({ domain: labDomain })
    const url = `${lab.apache.url}/nego`
    expect((await session.post(`${url}/sum`, { data: Buffer.alloc(100_000) })).text).toMatch(
      /^user=LABDOM\\bob .*=100000 /,
    )
    const answers = await Promise.all(Array.from({ length: 20 }, () => session.get(`${url}/echo`)))
    expect(answers.every(({ text }) => text.startsWith('user=LABDOM\\bob '))).toBe(true)
  })

  test('Apache, which takes NTLM alone, gets it although there is a ticket', async () => {
    const session = newSession({ user: 'alice', domain: labDomain })
    const response = await session.get(`${lab.apache.url}/ntlm/echo`)
    expect(response.text).toContain('user=LABDOM\\bob')
  })

  test('Apache, which takes Kerberos alone, gets nothing without a ticket', async () => {
    const session = newSession({ domain: labDomain })
    const outcome = await session.get(`${lab.apache.url}/krb/echo`).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).not.toBeInstanceOf(KerberosError)
    else expect((outcome as { statusCode: number }).statusCode).toBe(401)
  })

  test.each(['alice', undefined] as const)(
    'Squid, as a proxy for http and https, with the ticket of: %s',
    async (user) => {
      await lab.squid.log.clear()
      const session = newSession({
        ...(user === undefined ? {} : { user }),
        domain: squidDomain,
        proxy: lab.squid.proxyUrl,
      })
      for (const origin of [lab.apache.url, lab.apache.tlsUrl]) {
        expect((await session.get(`${origin}/open/echo`, { auth: null })).statusCode).toBe(200)
      }
      await session.close()
      const users = (await lab.squid.log.requests({ atLeast: 3 }))
        .map((row) => row.user)
        .filter((name) => name !== null)
      expect(new Set(users)).toEqual(new Set([user === undefined ? 'LABSRV\\bob' : 'alice@TEST.LOCAL']))
    },
  )
})
