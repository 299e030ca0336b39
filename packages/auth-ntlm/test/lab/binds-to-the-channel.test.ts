import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { labDomain, labUsers } from '../../../../lab/kerberos-ntlm/start-lab.ts'
import { bindingsOf } from '../../src/channel-bindings.ts'
import { FixedFormAuth } from '../support/fixed-form-auth.ts'
import { as, connectionsOf, inParallel, lab, labSession, useLab } from '../support/lab.ts'

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

  it.each([
    ['the hash of nothing', (): string => lab.epa.url, 'sha256', Buffer.alloc(0)],
    ['SHA-256 of a certificate that was signed with SHA-384', (): string => lab.epa384.url, 'sha256', null],
    ['SHA-384 of a certificate that was signed with SHA-256', (): string => lab.epa.url, 'sha384', null],
  ])('turns away who names %s', async (_what, url, hash, wrong) => {
    const certificate = wrong ?? (await certificateOf(url()))
    const form = { scheme: 'NTLM' as const, isWrapped: false }
    const right = url() === lab.epa.url ? 'sha256' : 'sha384'
    for (const [algorithm, statusCode] of [
      [right, wrong === null ? 200 : 401],
      [hash, 401],
    ] as const) {
      const bindings = bindingsOf(
        Buffer.concat([Buffer.from('tls-server-end-point:'), createHash(algorithm).update(certificate).digest()]),
      )
      const auth = new FixedFormAuth(form, { channelBindings: bindings })
      expect((await labSession({ auth }).get(`${url()}/require/x`)).statusCode).toBe(statusCode)
    }
  })

  it('answers 800 requests at 64-way, each connection logged in to once', async () => {
    const session = labSession({ auth: alice('require') })
    await lab.epa.log.clear()
    await inParallel(800, 64, async () => {
      const { statusCode } = await session.get(`${lab.epa.url}/require/x`)
      if (statusCode !== 200) throw new Error(`got ${statusCode}`)
    })
    const requests = await lab.epa.log.requests({ atLeast: 800 })
    expect(requests).toHaveLength(800 + connectionsOf(requests))
  })

  it('knows names and passwords in Unicode', async () => {
    const { name, password } = labUsers.joerg
    const response = await labSession({ auth: as(`${labDomain}\\${name}`, password) }).get(`${lab.epa.url}/require/x`)
    expect([response.statusCode, response.text]).toEqual([200, expect.stringContaining('jörg')])
  })
})

/** The leaf of a server, DER. */
async function certificateOf(url: string): Promise<Buffer> {
  const socket = connect({ host: 'localhost', port: Number(new URL(url).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { raw } = socket.getPeerCertificate()
  socket.destroy()
  return raw
}
