import { BodyLengthError } from './body-length-error.ts'
import { tappedBytes } from './tapped-bytes.ts'

/**
 * The same pieces, which must add up to `length` bytes: one byte more would be read as the next request, one less would keep the server waiting.
 *
 * @param what - whose bytes, for the error: `The file /a/b`.
 */
export function exactBytes(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  length: number,
  what: string,
): AsyncIterableIterator<Uint8Array> {
  let seen = 0
  return tappedBytes(source, {
    onPiece(bytes) {
      seen += bytes
      if (seen > length) throw new BodyLengthError(`${what} gives more than the ${length} bytes that were announced`)
    },
    onEnd() {
      if (seen < length)
        throw new BodyLengthError(`${what} ended after ${seen} of the ${length} bytes that were announced`)
    },
  })
}
