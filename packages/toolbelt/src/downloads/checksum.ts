import { createHash, getHashes, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { UsageError } from '@entreat/core'

/** What the content must hash to. */
export interface ExpectedChecksum {
  /** A hash that Node knows, such as `sha256`. */
  readonly algorithm: string
  /** In hexadecimal. Left out, the hash is only told in the result. */
  readonly expected?: string
}

/** A hash in the making, and what it should become. */
export interface Checksum {
  readonly algorithm: string
  readonly expected: string | null
  hash: Hash
}

/** @throws UsageError for an unknown algorithm, or an expected value that is not in hexadecimal. */
export function startChecksum(given: ExpectedChecksum | undefined): Checksum | null {
  if (given === undefined) return null
  const { algorithm } = given
  if (!getHashes().includes(algorithm))
    throw new UsageError(`checksum.algorithm ${JSON.stringify(algorithm)} is no hash that Node knows, such as sha256`)
  const expected = given.expected === undefined ? null : given.expected.toLowerCase()
  if (expected !== null && !/^(?:[0-9a-f]{2})+$/.test(expected))
    throw new UsageError('checksum.expected must be in hexadecimal')
  return { algorithm, expected, hash: createHash(algorithm) }
}

/** Begins anew, with the first `length` bytes of a file. */
export async function restartChecksum(checksum: Checksum, path: string, length: number): Promise<void> {
  checksum.hash = createHash(checksum.algorithm)
  if (length === 0) return
  for await (const piece of createReadStream(path, { end: length - 1 })) checksum.hash.update(piece as Buffer)
}
