import { chmodSync, writeFileSync } from 'node:fs'
import type { LabFolder } from '../processes/lab-folder.ts'

/** Paths of PEM files: an authority, and two certificates that it signed for one key. */
export interface LabCertificates {
  readonly authority: string
  readonly key: string
  /** Signed with SHA-256, for localhost, web.test.local, proxy.test.local and 127.0.0.1. */
  readonly sha256: string
  /** The same signed with SHA-384: channel bindings hash it with SHA-384 (RFC 5929 section 4.1). */
  readonly sha384: string
}

/** Makes the certificates of one lab. */
export async function makeCertificates(folder: LabFolder): Promise<LabCertificates> {
  const home = folder.makeFolder('tls')
  const file = (name: string): string => `${home}/${name}`
  const newKey = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost,DNS:web.test.local,DNS:proxy.test.local,IP:127.0.0.1\n')
  await Promise.all([
    openssl([
      'req',
      '-x509',
      ...newKey,
      '-days',
      '3650',
      '-subj',
      '/CN=lab authority',
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
    ]),
    openssl(['req', ...newKey, '-subj', '/CN=localhost', '-keyout', file('server.key'), '-out', file('server.csr')]),
  ])
  await Promise.all([sign('sha256', '1'), sign('sha384', '2')])
  chmodSync(file('server.key'), 0o644) // servers read it as users of their own
  return { authority: file('ca.pem'), key: file('server.key'), sha256: file('sha256.pem'), sha384: file('sha384.pem') }

  function openssl(args: readonly string[]): Promise<string> {
    return folder.run('openssl', args)
  }
  async function sign(hash: string, serial: string): Promise<void> {
    const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-set_serial', serial, '-days', '3650']
    await openssl([
      'x509',
      '-req',
      '-in',
      file('server.csr'),
      ...signer,
      `-${hash}`,
      '-extfile',
      file('names'),
      '-out',
      file(`${hash}.pem`),
    ])
  }
}
