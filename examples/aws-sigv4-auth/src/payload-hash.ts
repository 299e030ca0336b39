import { createHash } from 'node:crypto'
import type { PreparedRequest } from '@entreat/core'
import { sha256 } from './canonical-request.ts'

/**
 * Whether bodies are signed.
 *
 * - `'signed'`: always. A body that can be read once is held in memory, up to `maxPayloadBytes`.
 * - `'unsigned'`: never. Only S3 takes such requests.
 * - `'auto'`: signed, except for bodies that can be read once, sent to S3 over https.
 */
export type PayloadSigning = 'auto' | 'signed' | 'unsigned'

/** Stands for the hash of a body that nobody hashed. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'

/** How {@link payloadHash} decides. */
export interface PayloadRules {
  readonly signing: PayloadSigning
  readonly isS3: boolean
  readonly maxBytes: number
}

/**
 * What stands for the body in the canonical request.
 *
 * @throws LimitExceededError for a body that must be held and is longer than `maxBytes`; UnrewindableBodyError for one that was read before.
 */
export async function payloadHash(
  request: PreparedRequest,
  { signing, isS3, maxBytes }: PayloadRules,
): Promise<string> {
  const { body } = request
  if (signing === 'unsigned') return UNSIGNED_PAYLOAD
  if (body === null) return sha256('')
  if (body.isReplayable) return hashOf(body.open())
  // In plain text anybody on the way could put another body in its place.
  if (signing === 'auto' && isS3 && request.origin.startsWith('https:')) return UNSIGNED_PAYLOAD
  return sha256(await body.bytes(maxBytes))
}

/** Hashes piece by piece: a file is read twice, and never held. */
async function hashOf(content: AsyncIterable<Uint8Array> | Uint8Array): Promise<string> {
  if (content instanceof Uint8Array) return sha256(content)
  const hash = createHash('sha256')
  for await (const piece of content) hash.update(piece)
  return hash.digest('hex')
}
