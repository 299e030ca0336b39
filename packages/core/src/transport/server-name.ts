import { checkServerIdentity, type PeerCertificate } from 'node:tls'

/**
 * Whether a certificate is for a host: by its subject alternative names alone, of type DNS for names and of type IP for addresses.
 *
 * Node would take the common name where no DNS name is among them. RFC 9110 section 4.3.4 forbids it: nobody vouches for what a common name says.
 *
 * @returns the error for a certificate that is not; `undefined` for one that is.
 */
export function checkServerName(host: string, certificate: PeerCertificate): Error | undefined {
  const { CN: _commonName, ...subject } = certificate.subject
  return checkServerIdentity(host, { ...certificate, subject })
}
