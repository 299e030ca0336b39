import { createHash } from 'node:crypto'

/** The grammar of Subresource Integrity: an algorithm, a base64 or base64url digest, options that say nothing yet. */
const METADATA = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+)={0,2}(?:\?[\x21-\x7e]*)?$/i

/**
 * Whether bytes are those that integrity metadata describes. Only digests of the strongest algorithm named count; without any, everything matches.
 *
 * @param metadata - as `init.integrity` of fetch: `sha256-…`, several separated by white space.
 * @see https://www.w3.org/TR/SRI/#does-response-match-metadatalist
 */
export function matchesIntegrity(bytes: Uint8Array, metadata: string): boolean {
  let strongest = ''
  let digests: string[] = []
  for (const item of metadata.split(/\s+/)) {
    const [, name, digest] = METADATA.exec(item) ?? []
    if (name === undefined || digest === undefined) continue
    const algorithm = name.toLowerCase()
    if (algorithm > strongest) {
      strongest = algorithm
      digests = []
    }
    if (algorithm === strongest) digests.push(digest.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return strongest === '' || digests.includes(createHash(strongest).update(bytes).digest('base64url'))
}
