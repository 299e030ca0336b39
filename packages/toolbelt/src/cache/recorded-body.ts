import { type ByteSource, collectPieces, type Response } from '@entreat/core'

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

  collect(maxBytes: number): Promise<Buffer> {
    return collectPieces(this, maxBytes)
  }

  destroy(): void {
    this.#kept = null
    if (this.#pieces === null) this.#response.close()
    else this.#response.raw.destroy()
  }
}
