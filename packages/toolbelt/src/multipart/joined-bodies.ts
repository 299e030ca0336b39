import type { Body } from '@entreat/core'
import { exactBytes } from '../body/exact-bytes.ts'

/**
 * Bodies and bytes one after the other, each body opened when its turn comes and held to the length that it announced.
 *
 * Not a generator: stopped early it lets go of the body it is reading at once, even while that keeps it waiting.
 */
export class JoinedBodies implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: Iterator<Uint8Array | Body>
  #current: AsyncIterator<Uint8Array> | null = null
  #isStopped = false

  constructor(pieces: Iterable<Uint8Array | Body>) {
    this.#pieces = pieces[Symbol.iterator]()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      if (this.#current !== null) {
        const step = await this.#current.next()
        if (step.done !== true) return { done: false, value: step.value }
        this.#current = null
      }
      const piece = this.#isStopped ? { done: true as const } : this.#pieces.next()
      if (piece.done === true) return { done: true, value: undefined }
      if (piece.value instanceof Uint8Array) return { done: false, value: piece.value }
      this.#current = opened(piece.value)
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isStopped = true
    await this.#current?.return?.()
    return { done: true, value: undefined }
  }
}

function opened(body: Body): AsyncIterator<Uint8Array> {
  const bytes = body.open()
  return body.length === null && !(bytes instanceof Uint8Array)
    ? bytes[Symbol.asyncIterator]()
    : exactBytes(bytes, body.length ?? (bytes as Uint8Array).byteLength, 'A part of the multipart body')
}
