/** Bytes that are taken from the system at once, at most. */
const SLAB_BYTES = 512 * 1024
/** Less room than this is not worth another read. */
const LEAST_ROOM = 64 * 1024

/**
 * Receives the bytes of a plain socket into large buffers, as `onread` of `net.connect`: half the processor time of `data` events, which come with
 * 64 KiB at most. What arrives before there is a sink is kept, and no more is read.
 */
export class SlabReceiver {
  /** For `net.connect`. */
  readonly onread: { buffer: () => Buffer; callback: (length: number) => boolean } = {
    buffer: () => this.#room(),
    callback: (length) => this.#received(length),
  }
  #slab: Buffer = Buffer.alloc(0)
  #at = 0
  #sink: ((piece: Buffer) => void) | null = null
  readonly #early: Buffer[] = []

  #room(): Buffer {
    if (this.#slab.length - this.#at < LEAST_ROOM) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#at = 0
    }
    return this.#slab.subarray(this.#at)
  }

  #received(length: number): boolean {
    const piece = this.#slab.subarray(this.#at, this.#at + length)
    this.#at += length
    if (this.#sink === null) {
      this.#early.push(piece)
      return false
    }
    this.#sink(piece)
    return true
  }

  /** From now on pieces go there; those that came before at once. The socket must be resumed. */
  attach(sink: (piece: Buffer) => void): void {
    this.#sink = sink
    for (const piece of this.#early.splice(0)) sink(piece)
  }
}
