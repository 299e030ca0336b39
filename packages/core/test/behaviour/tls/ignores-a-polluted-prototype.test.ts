import { testCertificates, TestServer } from '@entreat/testkit'
import { expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'

const { ca, client, untrustedClient } = testCertificates()

/** What would weaken TLS, or change what is shown to the server, if it counted. */
const POLLUTION: Readonly<Record<string, string>> = {
  checkServerIdentity: '() => undefined',
  rejectUnauthorized: 'false',
  servername: "'wrong.example'",
  secureContext: '{}',
  session: "Buffer.from('x')",
  verify: 'false',
  verifyPeer: "() => { throw new Error('asked') }",
  tls: '{ rejectUnauthorized: false }',
  ca: "''",
  cert: JSON.stringify(untrustedClient.cert),
  key: JSON.stringify(untrustedClient.key),
  pfx: "Buffer.from('x')",
  passphrase: "'x'",
  secureOptions: '0',
  ciphers: "'NULL'",
  maxVersion: "'TLSv1.1'",
}

const script = `
  for (const [name, source] of Object.entries(input.pollution)) {
    const value = (0, eval)('(' + source + ')')
    const session = new core.Session({ trustEnv: false })
    session.mount('https://', new core.HTTPAdapter({}))
    const outcomes = []
    for (const [url, options] of input.calls) {
      Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false })
      try {
        const response = await session.get(url, options)
        outcomes.push(response.json()?.subject?.CN ?? response.statusCode)
      } catch (error) {
        outcomes.push(error.name)
      } finally {
        delete Object.prototype[name]
      }
    }
    report([name, outcomes])
    await session.close()
  }`

it.each(['localhost', '127.0.0.1'])('TLS with %s is what it is without', async (host) => {
  await using right = await TestServer.start()
  await using wrong = await TestServer.start({ certificate: 'wrong-host' })
  const [rightUrl, wrongUrl] = [right, wrong].map(({ httpsUrl }) => httpsUrl.replace('localhost', host))
  const cert = { cert: client.cert, key: client.key }
  const calls = [
    [`${rightUrl}/get`, { verify: ca }],
    [`${wrongUrl}/get`, { verify: ca }],
    [`${rightUrl}/get`, {}],
    [`${rightUrl}/client-certificate`, { verify: ca, cert }],
  ]
  const { reports, stderr } = await runChild(script, { input: { pollution: POLLUTION, calls } })
  expect(stderr).toBe('')
  expect(new Map(reports as [string, unknown][])).toEqual(
    new Map(Object.keys(POLLUTION).map((name) => [name, [200, 'SSLError', 'SSLError', 'entreat test client']])),
  )
})
