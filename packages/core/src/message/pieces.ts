import { createTextDecoder } from './charset.ts'
import { decodedTooLong } from './content-coding.ts'

/** A decoded body that gives pieces of a wanted size. */
export interface Pieces {
  /**
   * The next piece, or `null` at the end.
   *
   * @param size - bytes; `null` for whatever is there.
   * @param spans - whether a piece may be put together from several received ones.
   */
  take(size: number | null, spans: boolean): Promise<Buffer | null>
}

/** Cuts an iterable of bytes into pieces on demand. */
export function sizedPieces(source: AsyncIterable<Uint8Array>): Pieces {
  const iterator = source[Symbol.asyncIterator]()
  let rest: Buffer | null = null

  async function more(): Promise<Buffer | null> {
    if (rest !== null) {
      const kept = rest
      rest = null
      return kept
    }
    const step = await iterator.next()
    return step.done === true ? null : Buffer.from(step.value.buffer, step.value.byteOffset, step.value.byteLength)
  }

  async function take(size: number | null, spans: boolean): Promise<Buffer | null> {
    const first = await more()
    if (first === null || size === null || (!spans && first.length <= size)) return first
    const parts = [first]
    let length = first.length
    while (length < size) {
      const next = await more()
      if (next === null) break
      parts.push(next)
      length += next.length
    }
    const joined = parts.length === 1 ? first : Buffer.concat(parts, length)
    if (length <= size) return joined
    rest = joined.subarray(size)
    return joined.subarray(0, size)
  }
  return { take }
}

/**
 * Reads decoded pieces to the end.
 *
 * @throws LimitExceededError past `maxBytes`, after calling `giveUp`.
 */
export async function joinPieces(pieces: Pieces, maxBytes: number, giveUp: () => void): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for (let piece = await pieces.take(null, false); piece !== null; piece = await pieces.take(null, false)) {
    length += piece.length
    if (length > maxBytes) {
      giveUp()
      throw decodedTooLong(maxBytes)
    }
    parts.push(piece)
  }
  return Buffer.concat(parts, length)
}

/** Pieces of bytes as pieces of text (UTF-8 where there is no encoding); a character cut in two comes with the later piece. */
export async function* textPieces(
  pieces: AsyncIterable<Buffer>,
  encoding: string | null,
): AsyncGenerator<string, void, undefined> {
  const decoder = createTextDecoder(encoding)
  for await (const piece of pieces) {
    const text = decoder.decode(piece)
    if (text !== '') yield text
  }
  const last = decoder.end()
  if (last !== '') yield last
}
