import { type ByteSource, LimitExceededError, type Response } from '@entreat/core'

/** A response's undecoded body on its way to the caller, kept for the cache; what is not read to its end is not kept. */
export class RecordedBody implements ByteSource {
  readonly #response: Response
  readonly #maxBytes: number
  readonly #onWhole: (body: Buffer) => Promise<void>
  #pieces: AsyncIterator<Buffer> | null = null
  #kept: Buffer[] | null = []
  #length = 0

  /** @param onWhole - called with the whole body before its end is handed on; what it fails with does not concern the caller. */
  constructor(response: Response, maxBytes: number, onWhole: (body: Buffer) => Promise<void>) {
    this.#response = response
    this.#maxBytes = maxBytes
    this.#onWhole = onWhole
  }

  async read(): Promise<Uint8Array | null> {
    this.#pieces ??= this.#response.raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const step = await this.#pieces.next()
    if (step.done !== true) {
      this.#keep(step.value)
      return step.value
    }
    const kept = this.#kept
    this.#kept = null
    // A full disk is no reason to fail a request that was answered.
    if (kept !== null) await this.#onWhole(Buffer.concat(kept)).catch(() => {})
    return null
  }

  #keep(piece: Buffer): void {
    this.#length += piece.length
    if (this.#length > this.#maxBytes) this.#kept = null
    this.#kept?.push(piece)
  }

  async collect(maxBytes: number): Promise<Buffer> {
    const pieces: Uint8Array[] = []
    let length = 0
    for (let piece = await this.read(); piece !== null; piece = await this.read()) {
      length += piece.byteLength
      if (length > maxBytes) {
        this.destroy()
        throw new LimitExceededError(`The response body is longer than the ${maxBytes} bytes that may be read`)
      }
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  destroy(): void {
    this.#kept = null
    if (this.#pieces === null) this.#response.close()
    else this.#response.raw.destroy()
  }
}
