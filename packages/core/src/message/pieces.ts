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

/**
 * Cuts a body into pieces on demand.
 *
 * Pieces as they come are the path of every download: a promise each, and no more.
 *
 * @param read - the next bytes, or `null` at the end.
 */
export function sizedPieces(read: () => Promise<Uint8Array | null>): Pieces {
  let rest: Buffer | null = null

  function more(): Promise<Buffer | null> {
    if (rest === null) return read().then(asBuffer)
    const kept = rest
    rest = null
    return Promise.resolve(kept)
  }

  async function takeSized(size: number, spans: boolean): Promise<Buffer | null> {
    const first = await more()
    if (first === null || (!spans && first.length <= size)) return first
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
  return { take: (size, spans) => (size === null ? more() : takeSized(size, spans)) }
}

function asBuffer(bytes: Uint8Array | null): Buffer | null {
  if (bytes === null || Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Reads an iterable as {@link sizedPieces} wants it. */
export function readerOf(source: AsyncIterable<Uint8Array>): () => Promise<Uint8Array | null> {
  const iterator = source[Symbol.asyncIterator]()
  return async () => {
    const step = await iterator.next()
    return step.done === true ? null : step.value
  }
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
