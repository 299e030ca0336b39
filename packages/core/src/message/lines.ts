const LF = 0x0a
const CR = 0x0d
const NOTHING = Buffer.alloc(0)

/**
 * Cuts bytes that arrive in pieces into lines, at the same places however they arrive.
 *
 * Without a delimiter a line ends at LF, CR or CRLF. The last line is given even if nothing ends it; an ended text gives no empty line after it.
 * Takes time in proportion to the bytes, however small the pieces.
 */
export class LineSplitter {
  readonly #delimiter: Buffer | null
  /** Pieces of a line that has not ended. */
  #held: Buffer[] = []
  #heldLength = 0
  #afterCr = false

  /** @param delimiter - default: any line break. */
  constructor(delimiter: Uint8Array | null) {
    this.#delimiter = delimiter === null || delimiter.byteLength === 0 ? null : Buffer.from(delimiter)
  }

  /** The lines that `piece` completes. */
  *push(piece: Uint8Array): Iterable<Buffer> {
    let bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    if (this.#afterCr && bytes.length > 0) {
      if (bytes[0] === LF) bytes = bytes.subarray(1)
      this.#afterCr = false
    }
    if (this.#held.length > 0) {
      const joined = this.#joinAtEnd(bytes)
      if (joined === null) {
        this.#hold(bytes)
        return
      }
      bytes = joined
    }
    let from = 0
    for (let end = this.#findEnd(bytes, from); end !== null; end = this.#findEnd(bytes, from)) {
      yield bytes.subarray(from, end.at)
      from = end.next
    }
    if (from < bytes.length) this.#hold(bytes.subarray(from))
  }

  /** The last line, if it was not ended. */
  *end(): Iterable<Buffer> {
    if (this.#heldLength > 0) yield this.#takeHeld(NOTHING)
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldLength += bytes.length
  }

  #takeHeld(bytes: Buffer): Buffer {
    const joined = Buffer.concat([...this.#held, bytes], this.#heldLength + bytes.length)
    this.#held = []
    this.#heldLength = 0
    return joined
  }

  /** What is held and `bytes` as one, if a line ends in `bytes` or where the two meet; else `null`. */
  #joinAtEnd(bytes: Buffer): Buffer | null {
    const overlap = this.#delimiter === null ? 0 : this.#delimiter.length - 1
    const window = overlap === 0 ? bytes : Buffer.concat([this.#tail(overlap), bytes])
    const afterCr = this.#afterCr
    const found = this.#findEnd(window, 0) !== null
    this.#afterCr = afterCr
    return found ? this.#takeHeld(bytes) : null
  }

  #tail(length: number): Buffer {
    const last: Buffer[] = []
    let missing = length
    for (let index = this.#held.length - 1; index >= 0 && missing > 0; index--) {
      const piece = this.#held[index] as Buffer
      last.unshift(piece.subarray(Math.max(0, piece.length - missing)))
      missing -= piece.length
    }
    return Buffer.concat(last)
  }

  #findEnd(bytes: Buffer, from: number): { at: number; next: number } | null {
    if (this.#delimiter !== null) {
      const at = bytes.indexOf(this.#delimiter, from)
      return at === -1 ? null : { at, next: at + this.#delimiter.length }
    }
    for (let at = from; at < bytes.length; at++) {
      if (bytes[at] === LF) return { at, next: at + 1 }
      if (bytes[at] !== CR) continue
      if (at + 1 === bytes.length) this.#afterCr = true
      return { at, next: bytes[at + 1] === LF ? at + 2 : at + 1 }
    }
    return null
  }
}
