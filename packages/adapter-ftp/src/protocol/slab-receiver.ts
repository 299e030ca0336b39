/** Bytes that are taken from the system at once, at most, where the memory serves again. */
const LENT_BYTES = 512 * 1024
/** The same where it becomes the reader's: as fast, and less waits for the collector. */
const OWNED_BYTES = 256 * 1024
/** Less room than this is not worth another read. */
const LEAST_ROOM = 64 * 1024

interface Slab {
  readonly bytes: Buffer
  /** Pieces of it that somebody holds. A slab with pieces that nobody gives back is never without. */
  held: number
}

/**
 * Receives the bytes of a plain socket into large buffers, as `onread` of `net.connect`: half the processor time of `data` events, which come with
 * 64 KiB at most. What arrives before there is a sink is kept, and no more is read.
 *
 * Pieces belong to whoever gets them, unless they are lent: then a slab is received into again once every piece of it has been given back, and a few of them serve a
 * transfer of any length.
 */
export class SlabReceiver {
  /** For `net.connect`. */
  readonly onread: { buffer: () => Buffer; callback: (length: number) => boolean } = {
    buffer: () => this.#room(),
    callback: (length) => this.#received(length),
  }
  #slab: Slab = { bytes: Buffer.alloc(0), held: 0 }
  #at = 0
  #sink: ((piece: Buffer) => void) | null = null
  readonly #early: Buffer[] = []
  #isLending = false
  /** Those whose pieces are lent, by the memory that their pieces have in common with them. */
  readonly #lent = new Map<ArrayBufferLike, Slab>()
  readonly #free: Slab[] = []

  /** Where the next bytes go. Node asks after each piece, and what it was told before no longer counts. */
  #room(): Buffer {
    if (this.#slab.held === 0) this.#at = 0
    if (this.#slab.bytes.length - this.#at < LEAST_ROOM) {
      this.#slab = this.#free.pop() ?? this.#create()
      this.#at = 0
    }
    return this.#slab.bytes.subarray(this.#at)
  }

  /** One more. There are no more than the bytes that wait for the reader fill, and two: the socket is paused when those are too many. */
  #create(): Slab {
    const slab = { bytes: Buffer.allocUnsafeSlow(this.#isLending ? LENT_BYTES : OWNED_BYTES), held: 0 }
    if (this.#isLending) this.#lent.set(slab.bytes.buffer, slab)
    return slab
  }

  #received(length: number): boolean {
    const piece = this.#slab.bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    this.#slab.held++
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

  /** From the next slab on, pieces are lent. Those of the present one may be somebody's already. */
  lend(): void {
    this.#isLending = true
  }

  /** A piece is done with: its memory may be received into. Pieces that were not lent stay what they are. */
  giveBack(piece: Uint8Array): void {
    const slab = this.#lent.get(piece.buffer)
    if (slab === undefined) return
    slab.held--
    if (slab.held === 0 && slab !== this.#slab) this.#free.push(slab)
  }
}
