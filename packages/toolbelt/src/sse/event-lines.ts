const LF = 0x0a
const CR = 0x0d

/** Cuts a stream into lines that end at LF, CR or CRLF; each as soon as its end is there, in time proportional to the bytes. */
export class EventLines {
  readonly #maxBytes: number
  #held: Uint8Array[] = []
  #heldBytes = 0
  #afterCr = false

  /** @param maxBytes - of one line. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether a line has become longer than it may. */
  get isTooLong(): boolean {
    return this.#heldBytes > this.#maxBytes
  }

  /** The lines that a piece completes. */
  *push(piece: Uint8Array): Iterable<string> {
    let from = this.#afterCr && piece[0] === LF ? 1 : 0
    if (piece.byteLength > 0) this.#afterCr = false
    for (let at = from; at < piece.byteLength && !this.isTooLong; at++) {
      const byte = piece[at]
      if (byte !== LF && byte !== CR) continue
      this.#hold(piece.subarray(from, at))
      if (this.isTooLong) return
      yield this.#take()
      if (byte === CR && piece[at + 1] === LF) at += 1
      else if (byte === CR && at + 1 === piece.byteLength) this.#afterCr = true
      from = at + 1
    }
    this.#hold(piece.subarray(from))
  }

  #hold(bytes: Uint8Array): void {
    this.#heldBytes += bytes.byteLength
    if (bytes.byteLength > 0 && !this.isTooLong) this.#held.push(bytes)
  }

  #take(): string {
    if (this.#heldBytes === 0) return ''
    const [first] = this.#held as [Uint8Array]
    const line =
      this.#held.length === 1
        ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
        : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return line.toString('utf8')
  }
}
