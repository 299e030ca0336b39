import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FTPSession, ftpSession, type FTPSessionOptions } from '@entreat/adapter-ftp'
import { SSLError } from '@entreat/core'
import { seededBytes, testCertificates } from '@entreat/testkit'
import { credentials, Lab, missing } from '../support/lab.ts'

let lab: Lab | null = null
const urls: Record<string, string> = {}
const sessions: FTPSession[] = []

beforeAll(async () => {
  if (missing !== null) return
  lab = new Lab()
  const strict = { requireReuse: true, requireTls: true }
  const [explicit, implicit] = [await lab.vsftpd(strict), await lab.vsftpd({ ...strict, implicit: true })]
  const [proftpd, pureftpd, plain] = [
    await lab.proftpd(),
    await lab.pureftpd(),
    await lab.vsftpd({ extra: { ssl_enable: 'NO' } }),
  ]
  Object.assign(urls, {
    'vsftpd, AUTH TLS, session reuse required': `ftp://localhost:${explicit.port}`,
    'vsftpd, implicit, session reuse required': `ftps://localhost:${implicit.port}`,
    'ProFTPD, AUTH TLS': `ftp://localhost:${proftpd.port}`,
    'ProFTPD, implicit, session reuse required': `ftps://localhost:${proftpd.implicitPort}`,
    'Pure-FTPd, AUTH TLS': `ftp://localhost:${pureftpd.port}`,
    'ProFTPD, strict': `ftp://localhost:${proftpd.strictPort}`,
    plain: `ftp://localhost:${plain.port}`,
  })
}, 30_000)
afterAll(async () => {
  for (const session of sessions) await session.close()
  await lab?.close()
})
beforeEach((context) => {
  if (missing !== null) context.skip(missing)
})

function open(options: FTPSessionOptions = {}): FTPSession {
  const trust = { auth: credentials, trustEnv: false, verify: testCertificates().ca, timeout: 10_000 }
  const session = ftpSession({ ...trust, ...options, ftp: { explicitTls: true, ...options.ftp } })
  sessions.push(session)
  return session
}

describe.each([
  'vsftpd, AUTH TLS, session reuse required',
  'vsftpd, implicit, session reuse required',
  'ProFTPD, AUTH TLS',
  'ProFTPD, implicit, session reuse required',
  'Pure-FTPd, AUTH TLS',
])('%s', (name) => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('carries files both ways, over %s', async (version) => {
    const session = open({ ftp: { tls: { minVersion: version, maxVersion: version } } })
    const url = urls[name] ?? ''
    for (const file of ['small.txt', 'empty.bin', 'small.txt'])
      await session.retr(`${url}/${file}`).then((file) => file.read())
    const bytes = Buffer.from(seededBytes(500_000, 6))
    await session.stor(`${url}/secured.bin`, bytes)
    expect((await session.get(`${url}/secured.bin`)).content.equals(bytes)).toBe(true)
    expect((await session.entries(`${url}/sub/`)).map((entry) => entry.name)).toEqual(['x'])
    expect((await session.get(`${url}/missing`)).statusCode).toBe(404)
    const part = await session.get(`${url}/secured.bin`, { headers: { Range: 'bytes=0-9' } })
    expect(part.content.equals(bytes.subarray(0, 10))).toBe(true)
    expect((await session.get(`${url}/small.txt`)).text).toBe('hello ftp\n')
  })

  test('is not spoken to where nobody vouches for its certificate', async () => {
    const url = `${urls[name]}/small.txt`
    await expect(open({ verify: true }).get(url)).rejects.toBeInstanceOf(SSLError)
    expect((await open({ verify: false }).get(url)).text).toBe('hello ftp\n')
  })

  test('is not spoken to where its certificate is for another name', async () => {
    const refused = open({ ftp: { servername: 'elsewhere.example' } }).get(`${urls[name]}/small.txt`)
    await expect(refused).rejects.toThrow(/elsewhere\.example/)
  })

  test('can be pinned to a certificate, on data connections too', async () => {
    const seen: boolean[] = []
    const session = open({ ftp: { verifyPeer: (_certificate, socket) => void seen.push(socket.isSessionReused()) } })
    await session.get(`${urls[name]}/small.txt`)
    // Pure-FTPd lets nobody resume a session: its certificate is looked at again.
    expect(seen).toEqual([false, !name.startsWith('Pure-FTPd')])
    const pinned = open({
      ftp: {
        verifyPeer: () => {
          throw new Error('another certificate')
        },
      },
    })
    await expect(pinned.get(`${urls[name]}/small.txt`)).rejects.toThrow('another certificate')
  })
})

test('a server that wants a client certificate gets it', async () => {
  const url = `${urls['ProFTPD, strict']}/small.txt`
  const { client, untrustedClient } = testCertificates()
  expect((await open({ cert: client }).get(url)).text).toBe('hello ftp\n')
  for (const session of [open(), open({ cert: untrustedClient })]) {
    const outcome = await session.get(url).then(
      (response) => response.statusCode,
      (error: unknown) => error instanceof Error,
    )
    expect(outcome).toBe(true)
  }
})

test('active mode is secured as well, and its data connections too', async () => {
  const session = open({ ftp: { mode: 'active' } })
  for (const name of ['vsftpd, AUTH TLS, session reuse required', 'ProFTPD, AUTH TLS', 'Pure-FTPd, AUTH TLS']) {
    const url = urls[name]
    await session.stor(`${url}/active.txt`, 'sent')
    expect((await session.get(`${url}/active.txt`)).text).toBe('sent')
  }
})

test('a server without TLS is refused, and told neither user nor password', async () => {
  const error = await open()
    .get(`${urls['plain']}/small.txt`)
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(SSLError)
  expect((error as Error).message).toContain('AUTH TLS: 530')
})

test('a server that insists on TLS answers plain text with 401', async () => {
  const url = urls['vsftpd, AUTH TLS, session reuse required']
  const response = await open({ ftp: { explicitTls: false } }).get(`${url}/small.txt`)
  expect([response.statusCode, response.reason]).toEqual([401, expect.stringMatching(/encryption/i)])
})
