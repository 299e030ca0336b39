import { type Body, UnrewindableBodyError } from '@entreat/core'
import { collectBytes } from './collect-bytes.ts'

/** What the bodies of this package have in common: opened once a leg, kept in memory only if a scheme had to read a body that cannot be opened twice. */
export abstract class StreamBody implements Body {
  #kept: Uint8Array | null = null
  #wasOpened = false

  /** Bytes, or `null` if unknown. */
  abstract readonly length: number | null
  /** Whether {@link stream} may be called again. */
  protected abstract readonly canReopen: boolean
  /** The bytes, from the beginning. */
  protected abstract stream(): AsyncIterable<Uint8Array> | Uint8Array

  get isReplayable(): boolean {
    return this.#kept !== null || this.canReopen
  }

  get isSpent(): boolean {
    return this.#wasOpened && !this.isReplayable
  }

  /**
   * The bytes, from the beginning.
   *
   * @throws UnrewindableBodyError the second time, unless {@link isReplayable}.
   */
  open(): AsyncIterable<Uint8Array> | Uint8Array {
    if (this.#kept !== null) return this.#kept
    if (this.#wasOpened && !this.canReopen) {
      throw new UnrewindableBodyError(
        'The body is a stream that was sent before and cannot be read again: give a function that returns a fresh stream',
      )
    }
    this.#wasOpened = true
    return this.stream()
  }

  /**
   * All of it in memory. A body that can be opened once is kept, and can be sent afterwards.
   *
   * @throws LimitExceededError past `maxBytes`.
   */
  async bytes(maxBytes: number): Promise<Uint8Array> {
    const bytes = await collectBytes(this.open(), maxBytes, 'The request body')
    if (!this.canReopen) this.#kept = bytes
    return bytes
  }
}
