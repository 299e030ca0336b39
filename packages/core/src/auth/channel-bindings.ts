import { createHash } from 'node:crypto'
import { readDer } from './der.ts'

const SEQUENCE = 0x30
const OBJECT_IDENTIFIER = 0x06
/** Context tag 0, constructed: the hash of RSASSA-PSS parameters (RFC 4055 section 3.1). */
const PSS_HASH = 0xa0
const RSASSA_PSS = '2a864886f70d01010a'

/** The hash of each signature algorithm, by the hexadecimal content of its identifier. MD5 and SHA-1 give way to SHA-256 (RFC 5929 section 4.1). */
const SIGNATURE_HASHES: ReadonlyMap<string, string> = new Map([
  ...rows('2a864886f70d0101', { '04': 'sha256', '05': 'sha256', '0b': 'sha256', '0c': 'sha384', '0d': 'sha512' }),
  ...rows('2a864886f70d0101', { '0e': 'sha224', '0f': 'sha512-224', '10': 'sha512-256' }), // RSA, PKCS #1 v1.5
  ...rows('2a8648ce3d04', { '01': 'sha256', '0301': 'sha224', '0302': 'sha256', '0303': 'sha384', '0304': 'sha512' }), // ECDSA
  ...rows('2a8648ce3804', { '03': 'sha256' }), // DSA with SHA-1
  ...rows('608648016503040', { '301': 'sha224', '302': 'sha256', '303': 'sha384', '304': 'sha512' }), // DSA
  ...rows('608648016503040', { '309': 'sha3-224', '30a': 'sha3-256', '30b': 'sha3-384', '30c': 'sha3-512' }), // ECDSA
  ...rows('608648016503040', { '30d': 'sha3-224', '30e': 'sha3-256', '30f': 'sha3-384', '310': 'sha3-512' }), // RSA
])

/** Hashes by themselves, as RSASSA-PSS names them. */
const PLAIN_HASHES: ReadonlyMap<string, string> = new Map([
  ...rows('2b0e03021a', { '': 'sha256' }),
  ...rows('6086480165030402', { '01': 'sha256', '02': 'sha384', '03': 'sha512', '04': 'sha224' }),
  ...rows('6086480165030402', {
    '05': 'sha512-224',
    '06': 'sha512-256',
    '08': 'sha3-256',
    '09': 'sha3-384',
    '0a': 'sha3-512',
  }),
])

function rows(prefix: string, hashes: Record<string, string>): (readonly [string, string])[] {
  return Object.entries(hashes).map(([suffix, hash]) => [prefix + suffix, hash] as const)
}

/**
 * The channel bindings of type `tls-server-end-point`: its name and the hash of the server's certificate.
 *
 * @param certificate - the leaf that the server has shown, in DER.
 * @returns the application data; `null` if the certificate's signature has no single hash (Ed25519), or one that is not known.
 * @see RFC 5929 section 4.1
 */
export function serverEndPoint(certificate: Uint8Array): Uint8Array | null {
  const hash = signatureHash(certificate)
  if (hash === null) return null
  return Buffer.concat([Buffer.from('tls-server-end-point:'), createHash(hash).update(certificate).digest()])
}

/** RFC 5280 section 4.1: Certificate is a sequence of tbsCertificate, signatureAlgorithm, signatureValue. */
function signatureHash(certificate: Uint8Array): string | null {
  try {
    const [document] = readDer(certificate)
    const algorithm = document?.tag === SEQUENCE ? readDer(document.content)[1] : undefined
    return algorithm?.tag === SEQUENCE ? algorithmHash(algorithm.content) : null
  } catch {
    return null
  }
}

function algorithmHash(algorithm: Uint8Array): string | null {
  const [identifier, parameters] = readDer(algorithm)
  if (identifier?.tag !== OBJECT_IDENTIFIER) return null
  const name = hex(identifier.content)
  if (name !== RSASSA_PSS) return SIGNATURE_HASHES.get(name) ?? null
  const hash =
    parameters?.tag === SEQUENCE ? readDer(parameters.content).find(({ tag }) => tag === PSS_HASH) : undefined
  // Left out, it is SHA-1.
  if (hash === undefined) return 'sha256'
  const [sequence] = readDer(hash.content)
  const [inner] = sequence?.tag === SEQUENCE ? readDer(sequence.content) : []
  return inner?.tag === OBJECT_IDENTIFIER ? (PLAIN_HASHES.get(hex(inner.content)) ?? null) : null
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
