import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { TestServer, testCertificates } from '@entreat/testkit'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()

test('https is served to a client that trusts the authority, by name and by address', async () => {
  const { port } = new URL(server().httpsUrl)
  for (const host of ['localhost', '127.0.0.1']) {
    expect((await exchange(`https://${host}:${port}/get`)).status).toBe(200)
  }
})

test('a client that does not trust the authority fails', async () => {
  await expect(fetch(`${server().httpsUrl}/get`)).rejects.toMatchObject({
    cause: { code: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED/) },
  })
})

test('/tls tells version, cipher and server name', async () => {
  const answer = await exchange(`${server().httpsUrl}/tls`)
  expect(answer.json()).toMatchObject({ version: 'TLSv1.3', servername: 'localhost' })
  expect((await exchange(`${server().url}/tls`)).json()).toBeNull()
})

test('/client-certificate tells a trusted certificate, an untrusted one and none', async () => {
  const url = `${server().httpsUrl}/client-certificate`
  const { client, untrustedClient } = server().certificates
  const { fingerprint256 } = new X509Certificate(client.cert)
  expect((await exchange(url, client)).json()).toEqual({
    authorized: true,
    authorizationError: null,
    subject: { CN: 'entreat test client' },
    fingerprint256,
  })
  expect((await exchange(url, untrustedClient)).json()).toMatchObject({ authorized: false })
  expect((await exchange(url)).json()).toBeNull()
  expect((await exchange(`${server().url}/client-certificate`)).json()).toBeNull()
})

test('a required client certificate keeps out clients without a trusted one', async () => {
  await using strict = await TestServer.start({ clientCertificate: 'required' })
  const { client, untrustedClient } = strict.certificates
  expect((await exchange(`${strict.httpsUrl}/get`, client)).status).toBe(200)
  await expect(exchange(`${strict.httpsUrl}/get`)).rejects.toThrow()
  await expect(exchange(`${strict.httpsUrl}/get`, untrustedClient)).rejects.toThrow()
})

test('with clientCertificate none, a client certificate is not asked for', async () => {
  await using plain = await TestServer.start({ clientCertificate: 'none' })
  const answer = await exchange(`${plain.httpsUrl}/client-certificate`, plain.certificates.client)
  expect(answer.json()).toBeNull()
})

test('TLS versions can be limited', async () => {
  await using old = await TestServer.start({ tlsOptions: { maxVersion: 'TLSv1.2' } })
  expect((await exchange(`${old.httpsUrl}/tls`)).json()).toMatchObject({ version: 'TLSv1.2' })
  await expect(exchange(`${old.httpsUrl}/tls`, { minVersion: 'TLSv1.3' })).rejects.toThrow()
})

test.each([
  ['expired', 'CERT_HAS_EXPIRED'],
  ['wrong-host', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
] as const)('a server certificate can be %s', async (certificate, code) => {
  await using bad = await TestServer.start({ certificate })
  await expect(exchange(`${bad.httpsUrl}/get`)).rejects.toMatchObject({ code })
})

test('certificates are made once per process', () => {
  expect(testCertificates()).toBe(testCertificates())
  expect(testCertificates('expired').ca).toBe(testCertificates().ca)
  expect(testCertificates('expired').client).toBe(testCertificates().client)
})

test('the server certificate names localhost and both loopback addresses, and the authority issued it', () => {
  const { ca, server } = testCertificates()
  const certificate = new X509Certificate(server.cert)
  const authority = new X509Certificate(ca)
  expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  expect(certificate.checkIssued(authority) && certificate.verify(authority.publicKey)).toBe(true)
  expect([authority.ca, certificate.ca]).toEqual([true, false])
})
