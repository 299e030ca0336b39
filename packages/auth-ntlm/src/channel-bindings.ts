import { createHash } from 'node:crypto'
import { md5 } from './crypto/md5.ts'
import { type DerElement, readElement, readElements, Tag } from './spnego/der.ts'

/**
 * Signature algorithms by the hexadecimal content of their object identifier, and the hash that each is made with.
 *
 * MD5 and SHA-1 count as SHA-256 (RFC 5929 section 4.1). Ed25519 and Ed448 are missing: bindings to their certificates are undefined.
 */
const HASHES: ReadonlyMap<string, string> = new Map([
  // 1.2.840.113549.1.1: RSA
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a864886f70d01010e', 'sha224'],
  ['2a864886f70d01010f', 'sha512-224'],
  ['2a864886f70d010110', 'sha512-256'],
  // 1.2.840.10045.4: ECDSA
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040301', 'sha224'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
  // 1.2.840.10040.4.3 and 2.16.840.1.101.3.4.3: DSA
  ['2a8648ce380403', 'sha256'],
  ['608648016503040301', 'sha224'],
  ['608648016503040302', 'sha256'],
  ['608648016503040303', 'sha384'],
  ['608648016503040304', 'sha512'],
  // 2.16.840.1.101.3.4.3: ECDSA and RSA with SHA-3
  ['608648016503040309', 'sha3-224'],
  ['60864801650304030a', 'sha3-256'],
  ['60864801650304030b', 'sha3-384'],
  ['60864801650304030c', 'sha3-512'],
  ['60864801650304030d', 'sha3-224'],
  ['60864801650304030e', 'sha3-256'],
  ['60864801650304030f', 'sha3-384'],
  ['608648016503040310', 'sha3-512'],
])

/** 1.2.840.113549.1.1.10: its hash is among its parameters. */
const RSA_PSS = '2a864886f70d01010a'

/** Hashes by their own identifier, as RSASSA-PSS names them (RFC 4055 section 2.1); SHA-1, its default, counts as SHA-256. */
const PSS_HASHES: ReadonlyMap<string, string> = new Map([
  ['2b0e03021a', 'sha256'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
  ['608648016503040204', 'sha224'],
])

/**
 * What names a TLS channel in an NTLM message: the MD5 of GSSAPI's channel bindings of type `tls-server-end-point`.
 *
 * @param certificate - the server's leaf, DER.
 * @returns 16 bytes, or `null` for a certificate whose signature has no hash of its own, or none that is known.
 * @see RFC 5929 section 4.1, RFC 2744 section 3.11, MS-NLMP section 3.1.5.1.2
 */
export function channelBindings(certificate: Uint8Array): Buffer | null {
  const algorithm = certificateHash(certificate)
  return algorithm === null ? null : bindingsOfHash(createHash(algorithm).update(certificate).digest())
}

/** The same, of a certificate's hash. */
export function bindingsOfHash(hash: Uint8Array): Buffer {
  const value = Buffer.concat([Buffer.from('tls-server-end-point:', 'latin1'), hash])
  // No addresses of either side: their types and lengths are zeros.
  const head = Buffer.alloc(20)
  head.writeUInt32LE(value.length, 16)
  return md5(head, value)
}

/** The hash that `tls-server-end-point` takes for a certificate, as Node names it; `null` if it is undefined or unknown. */
export function certificateHash(certificate: Uint8Array): string | null {
  const outer = readElement(certificate)
  const signature = outer?.tag === Tag.SEQUENCE ? readElements(outer.content)?.[1] : undefined
  const algorithm = signature?.tag === Tag.SEQUENCE ? readElements(signature.content) : null
  const identifier = hexOf(algorithm?.[0])
  if (identifier === RSA_PSS) return pssHash(algorithm?.[1])
  return HASHES.get(identifier) ?? null
}

/** RFC 4055 section 3.1: the hash is field 0 of the parameters. */
function pssHash(parameters: DerElement | undefined): string | null {
  const fields = parameters?.tag === Tag.SEQUENCE ? readElements(parameters.content) : []
  if (fields === null) return null
  const field = fields.find(({ tag }) => tag === 0xa0)
  if (field === undefined) return 'sha256'
  const named = readElement(field.content)
  return PSS_HASHES.get(hexOf(named === null ? undefined : readElements(named.content)?.[0])) ?? null
}

function hexOf(element: DerElement | undefined): string {
  return element?.tag === Tag.OBJECT_IDENTIFIER ? element.content.toString('hex') : ''
}
