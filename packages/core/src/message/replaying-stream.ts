import { TextDecoder } from 'node:util'
import type { TextStream } from './charset.ts'

/** In no encoding of several bytes a character is a byte below this one a part of another character: after it the decoder is at its beginning. */
const ALWAYS_ALONE = 0x30
/** As far as a decoder's failure can be undone without a byte that stands alone. */
const MOST_REPLAYED = 4096

/**
 * A TextDecoder that does not throw. Node's does, though told to replace errors, where a wrong sequence of GB18030 is cut between two pieces; in one
 * piece it decodes the same bytes. So what has come since the decoder was last at its beginning is kept, and decoded again in one piece.
 */
export class ReplayingStream implements TextStream {
  readonly #label: string
  #decoder: TextDecoder
  #kept = Buffer.alloc(0)
  /** Characters already given for what is kept. */
  #given = 0

  constructor(label: string) {
    this.#label = label
    this.#decoder = this.#fresh()
  }

  #fresh(): TextDecoder {
    return new TextDecoder(this.#label, { ignoreBOM: true })
  }

  decode(chunk: Uint8Array): string {
    return this.#decode(chunk, true)
  }

  end(): string {
    return this.#decode(new Uint8Array(), false)
  }

  #decode(chunk: Uint8Array, stream: boolean): string {
    const bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    let text: string
    try {
      text = this.#decoder.decode(chunk, { stream })
    } catch {
      this.#decoder = this.#fresh()
      text = this.#decoder.decode(bytes, { stream }).slice(this.#given)
    }
    this.#keep(bytes, text)
    return text
  }

  #keep(bytes: Uint8Array, text: string): void {
    let start = bytes.length
    while (start > 0 && (bytes[start - 1] as number) >= ALWAYS_ALONE) start--
    if (bytes.length - start > MOST_REPLAYED) start = bytes.length
    if (start === 0) {
      this.#given += text.length
    } else {
      // What follows a byte that stands alone is at most as many characters as bytes: decoding it tells how many have been given.
      this.#given = this.#fresh().decode(bytes.subarray(start), { stream: true }).length
    }
    this.#kept = Buffer.from(bytes.subarray(start))
  }
}
