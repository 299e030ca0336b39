import { LimitExceededError } from '@entreat/core'

/**
 * All of an iterable in one buffer.
 *
 * @param what - what is read, for the error: `The request body`.
 * @throws LimitExceededError past `maxBytes`.
 */
export async function collectBytes(
  pieces: AsyncIterable<Uint8Array> | Uint8Array,
  maxBytes: number,
  what: string,
): Promise<Buffer> {
  const kept: Uint8Array[] = []
  let length = 0
  for await (const piece of pieces instanceof Uint8Array ? [pieces] : pieces) {
    length += piece.byteLength
    if (length > maxBytes)
      throw new LimitExceededError(`${what} is longer than the ${maxBytes} bytes that may be read into memory`)
    kept.push(piece)
  }
  return Buffer.concat(kept, length)
}
