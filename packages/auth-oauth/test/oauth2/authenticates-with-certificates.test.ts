import { createHash, X509Certificate } from 'node:crypto'
import { Session } from '@entreat/core'
import { testCertificates } from '@entreat/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientAuth, OAuth2Auth, OAuth2Client, TokenRequestError } from '../../src/index.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'
import { OidcServer } from '../support/oidc-server.ts'

// Mutual TLS, RFC 8705. Trap 38.

const { ca, client: trusted, untrustedClient: selfSigned } = testCertificates()
let server: OidcServer

beforeAll(async () => {
  server = await OidcServer.start({ mtls: true })
})

afterAll(() => server.close())

function connect(clientId: string, session: Session): Promise<OAuth2Client> {
  return OAuth2Client.discover(server.issuer, { clientId, auth: clientAuth.tls(), session })
}

test.each([
  ['tls', trusted],
  ['self-signed', selfSigned],
])('the certificate of the Session proves who the client is: %s', async (clientId, cert) => {
  await using session = new Session({ verify: ca, cert })
  const client = await connect(clientId, session)
  const token = await client.clientCredentials()
  const inspected = await OAuth2Client.discover(server.issuer, {
    clientId: 'inspector',
    auth: clientAuth.basic('s3cret-inspector'),
    session,
  })
  const thumbprint = createHash('sha256').update(new X509Certificate(cert.cert).raw).digest('base64url')
  expect(await inspected.introspect(token)).toMatchObject({ active: true, cnf: { 'x5t#S256': thumbprint } })
})

test('without it, and with another one, the client is refused', async () => {
  await using bare = new Session({ verify: ca })
  await expect((await connect('tls', bare)).clientCredentials()).rejects.toThrow(TokenRequestError)
  await using other = new Session({ verify: ca, cert: selfSigned })
  await expect((await connect('tls', other)).clientCredentials()).rejects.toMatchObject({ status: 401 })
})

test('token requests inside a flow carry the certificate of the Session that sends the request', async () => {
  await using session = new Session({ verify: ca, cert: trusted })
  const { metadata } = await connect('tls', session)
  const client = new OAuth2Client({ metadata, clientId: 'tls', auth: clientAuth.tls() })
  await using calling = new Session({
    verify: ca,
    cert: trusted,
    auth: new OAuth2Auth({ client, obtain: 'client_credentials' }),
  })
  // The userinfo endpoint knows the token, and that it is not a user's.
  const response = await calling.get(`${server.issuer}/me`, { headers: { Accept: 'application/json' } })
  expect(server.granted).toContain('client_credentials')
  expect(response.request.headers.get('authorization')).toMatch(/^Bearer /)
})

test('the endpoints for certificates are used by those who show one, and by no one else', async () => {
  await using fake = await FakeServer.start({ '*': () => bearer('t0ken') })
  const metadata = {
    token_endpoint: `${fake.url}/plain`,
    mtls_endpoint_aliases: { token_endpoint: `${fake.url}/mutual` },
  }
  await new OAuth2Client({ metadata, clientId: 'c', auth: clientAuth.tls() }).clientCredentials()
  await new OAuth2Client({ metadata, clientId: 'c' }).clientCredentials()
  expect(fake.seen.map(({ path }) => path)).toEqual(['/mutual', '/plain'])
  expect(fake.seen[0]?.form.get('client_id')).toBe('c')
})
