import { checkServerIdentity, type PeerCertificate } from 'node:tls'

/**
 * Whether a certificate is for a host: by its subject alternative names alone, of type DNS for names and of type IP for addresses.
 *
 * Node would take the common name where there are none. RFC 9110 section 4.3.4 forbids it: what an authority checks is the alternative names.
 *
 * @returns the error for a certificate that is not; `undefined` for one that is.
 */
export function checkServerName(host: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subjectaltname !== undefined) return checkServerIdentity(host, certificate)
  const message = `the certificate is for no host: it has no subject alternative names, and its common name does not count (RFC 9110 section 4.3.4)`
  return Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID', host })
}
