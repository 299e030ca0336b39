import { AuthenticationError, Session } from '@entreat/core'
import { NtlmVerifier, type NtlmOptions, TestServer, testCertificates } from '@entreat/testkit'
import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { NTLMAuth, type NTLMAuthOptions } from '../../src/index.ts'
import { failureOf } from '../support/scene.ts'

const password = 'opensesame'

/** One request to a server that verifies. */
async function ask(
  options: Partial<NtlmOptions>,
  auth: Partial<NTLMAuthOptions> = {},
  isSecure = true,
): Promise<{ statusCode: number; refusals: readonly string[]; hasMic: boolean | null }> {
  const verifier = new NtlmVerifier({ username: 'ali', password, ...options })
  let hasMic: boolean | null = null
  await using server = await TestServer.start({
    handler: (request, response) => {
      const verdict = verifier.verify({ connection: request.socket, authorization: request.headers.authorization })
      if (!verdict.isAccepted) response.setHeader('WWW-Authenticate', verdict.challenges)
      else hasMic = verdict.identity.hasMic
      response.writeHead(verdict.isAccepted ? 200 : 401).end()
      return true
    },
  })
  await using session = new Session({
    trustEnv: false,
    verify: server.ca,
    auth: new NTLMAuth({ username: 'DOM\\ali', password, ...auth }),
  })
  const { statusCode } = await session.get(isSecure ? server.httpsUrl : server.url)
  return { statusCode, refusals: verifier.refusals, hasMic }
}

const certificate = new X509Certificate(testCertificates().server.cert).raw
const another = new X509Certificate(testCertificates('self-signed').server.cert).raw

describe('a server that verifies', () => {
  it.each([
    ['a MIC', {}],
    ['the domain', { userDomain: 'DOM' }],
    ['the service', { targetName: 'HTTP/localhost' }],
    ['the certificate', { certificate }],
    ['all of it', { certificate, targetName: 'HTTP/localhost', userDomain: 'DOM' }],
    ['it under Negotiate', { certificate, scheme: 'Negotiate' as const }],
  ])('%s lets in', async (_what, options) => {
    const { statusCode, refusals, hasMic } = await ask(options)
    expect([statusCode, hasMic]).toEqual([200, true])
    expect(refusals.filter((refusal) => refusal === 'challenged')).toHaveLength(1)
  })

  it.each([
    ['another password', { password: 'other' }, 'wrong-response'],
    ['another domain', { userDomain: 'OTHER' }, 'unknown-user'],
    ['another certificate', { certificate: another }, 'wrong-channel-bindings'],
    ['another hash of the certificate', { certificate, certificateHash: 'sha384' as const }, 'wrong-channel-bindings'],
    ['another service', { targetName: 'HTTP/elsewhere' }, 'wrong-target-name'],
  ])('%s refuses, and its 401 is the response', async (_what, options, refusal) => {
    const { statusCode, refusals } = await ask(options)
    expect([statusCode, refusals]).toEqual([401, ['challenged', refusal]])
  })

  it('the certificate refuses a login without', async () => {
    const { refusals } = await ask({ certificate }, { channelBindings: 'off' })
    expect(refusals.at(-1)).toBe('wrong-channel-bindings')
  })

  it.each([
    ['tells no time', 'no-timestamp' as const],
    ['tells nothing of itself', 'no-target-info' as const],
  ])('and %s gets a login without MIC', async (_what, defect) => {
    const { statusCode, hasMic } = await ask({ defect })
    expect([statusCode, hasMic]).toEqual([200, false])
  })

  it('and challenges for ever is left after one login', async () => {
    const { statusCode, refusals } = await ask({ defect: 'endless' })
    expect([statusCode, refusals]).toEqual([401, ['challenged', 'challenged']])
  })

  it.each(['truncated', 'not-base64', 'wrong-signature', 'field-outside'] as const)(
    'and sends a challenge that is %s is refused',
    async (defect) => {
      expect(await failureOf(ask({ defect }))).toBeInstanceOf(AuthenticationError)
    },
  )
})
