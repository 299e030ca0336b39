import { WriteTimeout } from '../errors.ts'
import { StallTimer } from './stall-timer.ts'

/** A body from memory goes out in slices of this size where `timeout.write` watches it: in one piece, nobody could tell whether the server takes it. */
export const SLICE_BYTES: number = 64 * 1024

/** Cuts a body from memory. */
export async function* slices(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < content.length; at += SLICE_BYTES) yield content.subarray(at, at + SLICE_BYTES)
}

/** Who is told how sending the body goes. */
export interface BodyObserver {
  /** The body's own iterator failed. */
  onFailure(error: unknown): void
  /** The body ended without giving a byte. */
  onEmpty(): void
}

/**
 * Hands a body's pieces to undici one by one, and can be stopped from outside even while the caller's iterator keeps us waiting.
 * The time between giving a piece and being asked for the next is the time that the connection takes to accept it.
 */
export class OutgoingBody implements AsyncIterableIterator<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #observer: BodyObserver
  readonly #writeTimer: StallTimer
  #sent = false
  #stop: ((reason: unknown) => void) | null = null
  #stopped = false

  constructor(
    body: AsyncIterable<Uint8Array>,
    observer: BodyObserver,
    writeMs: number | null,
    onStall: (error: Error) => void,
  ) {
    this.#iterator = body[Symbol.asyncIterator]()
    this.#observer = observer
    this.#writeTimer = new StallTimer(writeMs, {
      onStall: () =>
        onStall(new WriteTimeout(`the server took nothing of the request body for timeout.write = ${writeMs} ms`)),
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#writeTimer.stop()
    if (this.#stopped) return { done: true, value: undefined }
    const interrupted = new Promise<never>((_resolve, reject) => {
      this.#stop = reject
    })
    try {
      const step = await Promise.race([this.#iterator.next(), interrupted])
      if (step.done === true) {
        if (!this.#sent) this.#observer.onEmpty()
        return { done: true, value: undefined }
      }
      this.#sent = true
      this.#writeTimer.start()
      return { done: false, value: step.value }
    } catch (error) {
      if (!this.#stopped) this.#observer.onFailure(error)
      throw error
    } finally {
      this.#stop = null
    }
  }

  /** Called when undici gives up early. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.stop(new Error('stopped'))
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Sends no more, and lets the caller's iterator clean up. */
  stop(reason: unknown): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#writeTimer.stop()
    this.#stop?.(reason)
    this.#iterator.return?.()?.catch(() => {})
  }
}
