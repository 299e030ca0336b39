import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { AuthenticationError } from '@entreat/core'

/** MD5 of all parts together: 16 bytes. */
export function md5(...parts: readonly Uint8Array[]): Buffer {
  return digest(() => createHash('md5'), parts)
}

/** HMAC-MD5 of all parts together (RFC 2104): 16 bytes. */
export function hmacMd5(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  return digest(() => createHmac('md5', key), parts)
}

function digest(create: () => Hash | Hmac, parts: readonly Uint8Array[]): Buffer {
  try {
    const hash = create()
    for (const part of parts) hash.update(part)
    return hash.digest()
  } catch (cause) {
    throw new AuthenticationError(
      'NTLM is made of MD5, which this Node does not offer, perhaps because it runs in FIPS mode. Use Kerberos there',
      { cause },
    )
  }
}
