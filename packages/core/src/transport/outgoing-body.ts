import { InvalidHeader, WriteTimeout } from '../errors.ts'
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
  /** The server takes nothing of it, or it is not as long as Content-Length says. */
  onFault(error: Error): void
}

/** The error for a body that gave so many bytes and had promised others. */
export function wrongLength(given: number, promised: number, isLonger = false): InvalidHeader {
  const count = isLonger ? `${given} bytes or more` : `only ${given} bytes`
  return new InvalidHeader(
    `the body gave ${count}, and Content-Length says ${promised}: give the length that it has, or none`,
  )
}

/**
 * Hands a body's pieces to undici one by one, and can be stopped from outside even while the caller's iterator keeps us waiting.
 * The time between giving a piece and being asked for the next is the time that the connection takes to accept it.
 */
export class OutgoingBody implements AsyncIterableIterator<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #observer: BodyObserver
  readonly #writeTimer: StallTimer
  readonly #promised: number | null
  #given = 0
  #stop: ((reason: unknown) => void) | null = null
  #stopped = false

  /** @param promised - bytes that Content-Length says; `null` for a body in chunks. */
  constructor(
    body: AsyncIterable<Uint8Array>,
    promised: number | null,
    observer: BodyObserver,
    writeMs: number | null,
  ) {
    this.#iterator = body[Symbol.asyncIterator]()
    this.#promised = promised
    this.#observer = observer
    this.#writeTimer = new StallTimer(writeMs, {
      onStall: () =>
        observer.onFault(
          new WriteTimeout(`the server took nothing of the request body for timeout.write = ${writeMs} ms`),
        ),
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
      this.#count(step)
      if (step.done === true) return { done: true, value: undefined }
      this.#writeTimer.start()
      return { done: false, value: step.value }
    } catch (error) {
      if (!this.#stopped) this.#observer.onFailure(error)
      throw error
    } finally {
      this.#stop = null
    }
  }

  /** Sees to it that no byte too many goes out, and that a body that is too short never looks complete. */
  #count({ done, value }: IteratorResult<Uint8Array>): void {
    const promised = this.#promised
    if (done !== true) this.#given += value.byteLength
    else if (this.#given === 0) this.#observer.onEmpty()
    if (promised === null || (done === true ? this.#given === promised : this.#given <= promised)) return
    const error = wrongLength(this.#given, promised, this.#given > promised)
    this.#observer.onFault(error)
    throw error
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
