import { createHash } from 'node:crypto'

/** An algorithm of RFC 7616 section 3.2 and its registry, with the older SHA that Requests knows. */
export interface DigestAlgorithm {
  /** OpenSSL's name of the hash. */
  readonly hash: string
  /** Whether the key is bound to the first nonce and cnonce of the session. */
  readonly isSession: boolean
  /** Higher is preferred. */
  readonly strength: number
}

const HASHES: ReadonlyMap<string, { hash: string; strength: number }> = new Map([
  ['MD5', { hash: 'md5', strength: 1 }],
  ['SHA', { hash: 'sha1', strength: 2 }],
  ['SHA-256', { hash: 'sha256', strength: 3 }],
  ['SHA-512-256', { hash: 'sha512-256', strength: 4 }],
  ['SHA-512', { hash: 'sha512', strength: 5 }],
])

/**
 * Looks up an algorithm by the name in a challenge, whatever its case.
 *
 * @param name - default MD5, as RFC 7616 section 3.3 says.
 * @returns `null` if it is not known.
 */
export function digestAlgorithm(name: string | undefined): DigestAlgorithm | null {
  const upper = (name ?? 'MD5').toUpperCase()
  const isSession = upper.endsWith('-SESS')
  const known = HASHES.get(isSession ? upper.slice(0, -5) : upper)
  return known === undefined ? null : { ...known, isSession }
}

/** Hex digest of text (as UTF-8) or bytes. */
export function digestHex(hash: string, data: string | Uint8Array): string {
  return createHash(hash).update(data).digest('hex')
}
