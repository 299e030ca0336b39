import { describe, expect, it } from 'vitest'
import { labDomain, labUsers } from '../../../../lab/kerberos-ntlm/start-lab.ts'
import { as, inParallel, lab, labSession, useLab } from '../support/lab.ts'

useLab({ epa: true })

const alice = (channelBindings?: 'auto' | 'require' | 'off'): ReturnType<typeof as> =>
  as(`${labDomain}\\alice`, labUsers.alice.password, { channelBindings })

describe('an acceptor that requires channel bindings', () => {
  it.each([
    ['SHA-256', (): string => lab.epa.url],
    ['SHA-384', (): string => lab.epa384.url],
  ])('lets in who names its certificate, signed with %s', async (_hash, url) => {
    for (const bindings of ['auto', 'require'] as const) {
      const response = await labSession({ auth: alice(bindings) }).get(`${url()}/require/x`)
      expect([response.statusCode, response.text]).toEqual([200, expect.stringContaining('alice')])
    }
  })

  it('turns away who names none', async () => {
    expect((await labSession({ auth: alice('off') }).get(`${lab.epa.url}/require/x`)).statusCode).toBe(401)
  })

  it('lets 200 requests in at 32-way', async () => {
    const session = labSession({ auth: alice('require') })
    await lab.epa.log.clear()
    await inParallel(200, 32, async () => {
      expect((await session.get(`${lab.epa.url}/require/x`)).statusCode).toBe(200)
    })
  })

  it('knows names and passwords in Unicode', async () => {
    const { name, password } = labUsers.joerg
    const response = await labSession({ auth: as(`${labDomain}\\${name}`, password) }).get(`${lab.epa.url}/require/x`)
    expect([response.statusCode, response.text]).toEqual([200, expect.stringContaining('jörg')])
  })
})
