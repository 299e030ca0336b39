import { serverEndPoint } from '@entreat/core'
import { md5 } from './crypto/md5.ts'

/**
 * What names a TLS channel in an NTLM message: the MD5 of GSSAPI's channel bindings of type `tls-server-end-point`.
 *
 * @param certificate - the server's leaf, DER.
 * @returns 16 bytes, or `null` for a certificate whose signature has no hash of its own, or none that is known.
 * @see RFC 5929 section 4.1, RFC 2744 section 3.11, MS-NLMP section 3.1.5.1.2
 */
export function channelBindings(certificate: Uint8Array): Buffer | null {
  const data = serverEndPoint(certificate)
  return data === null ? null : bindingsOf(data)
}

/** The same, of the application data of the bindings. */
export function bindingsOf(applicationData: Uint8Array): Buffer {
  // No addresses of either side: their types and lengths are zeros.
  const head = Buffer.alloc(20)
  head.writeUInt32LE(applicationData.length, 16)
  return md5(head, applicationData)
}
