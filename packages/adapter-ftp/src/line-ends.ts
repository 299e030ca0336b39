import { type ByteSource, collectPieces } from '@entreat/core'

const CR = 0x0d
const LF = 0x0a

/** Text as FTP sends it (RFC 959 section 3.1.1.1), with LF for CRLF. A CR that stands alone stays. */
export class LocalLineEnds implements ByteSource {
  readonly #source: ByteSource
  #hasCR = false

  constructor(source: ByteSource) {
    this.#source = source
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const piece = await this.#source.read()
      if (piece === null) {
        const rest = this.#hasCR ? Buffer.from([CR]) : null
        this.#hasCR = false
        return rest
      }
      const converted = this.#convert(piece)
      if (converted.length > 0) return converted
    }
  }

  #convert(piece: Uint8Array): Buffer {
    const converted = Buffer.allocUnsafe(piece.length + 1)
    let length = 0
    for (const byte of piece) {
      if (this.#hasCR && byte !== LF) converted[length++] = CR
      this.#hasCR = byte === CR
      if (byte !== CR) converted[length++] = byte
    }
    return converted.subarray(0, length)
  }

  collect(maxBytes: number): Promise<Buffer> {
    return collectPieces(this, maxBytes)
  }

  destroy(): void {
    this.#source.destroy()
  }
}

/** Text as FTP wants it: CRLF for LF; a CRLF stays. */
export async function* networkLineEnds(
  body: AsyncIterable<Uint8Array> | Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  let previous = 0
  for await (const piece of body instanceof Uint8Array ? [body] : body) {
    const converted = Buffer.allocUnsafe(piece.length * 2)
    let length = 0
    for (const byte of piece) {
      if (byte === LF && previous !== CR) converted[length++] = CR
      converted[length++] = byte
      previous = byte
    }
    yield converted.subarray(0, length)
  }
}
