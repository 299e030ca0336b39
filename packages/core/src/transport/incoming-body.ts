import { RequestException } from '../errors.ts'
import { type ByteSource, tooLong } from '../message/byte-source.ts'
import type { Headers } from '../message/headers.ts'

/** Where the pieces of a body come from. */
export interface BodyTap {
  /** The reader is slow: let the sender wait. */
  pause(): void
  /** The reader has caught up. */
  resume(): void
  /** Nobody wants the rest. @returns the error as readers are to see it. */
  cancel(error: RequestException): unknown
}

/** Bytes held for a slow reader before the tap is closed. */
const HIGH_WATER_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

/** The body of a response while it arrives: pieces are pushed in at one end, and read or collected at the other. */
export class IncomingBody implements ByteSource {
  /** What came after the last piece, if anything did. */
  trailers: Headers | null = null
  readonly #tap: BodyTap
  #pieces: Buffer[] = []
  #held = 0
  #paused = false
  #collectMost: number | null = null
  #state: 'open' | 'ended' | 'failed' = 'open'
  #error: unknown = null
  #wake: { resolve: (value: never) => void; reject: (error: unknown) => void } | null = null

  constructor(tap: BodyTap) {
    this.#tap = tap
  }

  /** Whether the reader was too slow for what has come. */
  get isPaused(): boolean {
    return this.#paused
  }

  push(piece: Buffer): void {
    if (this.#state !== 'open') return
    this.#held += piece.length
    if (this.#collectMost !== null) {
      this.#pieces.push(piece)
      if (this.#held > this.#collectMost) this.#cancel(tooLong(this.#collectMost))
    } else if (this.#wake !== null) {
      this.#held -= piece.length
      this.#settle(piece)
    } else {
      this.#pieces.push(piece)
      if (this.#paused || this.#held <= HIGH_WATER_BYTES) return
      this.#paused = true
      this.#tap.pause()
    }
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#settle(this.#collectMost === null ? null : this.#joined())
  }

  /** The rest will not come. What has come can still be read. */
  fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#error = error
    this.#wake?.reject(error)
    this.#wake = null
  }

  read(): Promise<Uint8Array | null> {
    const piece = this.#pieces.shift()
    if (piece !== undefined) {
      this.#held -= piece.length
      if (this.#paused && this.#held <= HIGH_WATER_BYTES / 2) this.#unpause()
      return Promise.resolve(piece)
    }
    if (this.#state === 'failed') return Promise.reject(this.#error)
    if (this.#state === 'ended') return Promise.resolve(null)
    return this.#sleep<Uint8Array | null>()
  }

  collect(maxBytes: number): Promise<Buffer> {
    if (this.#state === 'failed') return Promise.reject(this.#error)
    if (this.#held > maxBytes) return Promise.reject(this.#cancel(tooLong(maxBytes)))
    if (this.#state === 'ended') return Promise.resolve(this.#joined())
    this.#collectMost = maxBytes
    const collected = this.#sleep<Buffer>()
    if (this.#paused) this.#unpause()
    return collected
  }

  arrived(maxBytes: number): Buffer | null {
    return this.#state === 'ended' && this.#held <= maxBytes ? this.#joined() : null
  }

  destroy(): void {
    this.#pieces = []
    if (this.#state === 'open') this.#cancel(new RequestException('the response was closed before its end'))
  }

  #cancel(error: RequestException): unknown {
    const told = this.#tap.cancel(error)
    this.fail(told)
    return told
  }

  #unpause(): void {
    this.#paused = false
    if (this.#state === 'open') this.#tap.resume()
  }

  #joined(): Buffer {
    const pieces = this.#pieces
    this.#pieces = []
    if (pieces.length === 0) return NOTHING
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, this.#held)
  }

  #sleep<T>(): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#wake = { resolve, reject }
    })
  }

  #settle(value: Buffer | null): void {
    const wake = this.#wake
    this.#wake = null
    wake?.resolve(value as never)
  }
}
