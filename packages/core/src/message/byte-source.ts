import { Readable } from 'node:stream'
import { LimitExceededError, UsageError } from '../errors.ts'
import type { Headers } from './headers.ts'

/** A response body as an adapter gives it: read once, piece by piece or whole. */
export interface ByteSource {
  /** The next piece, or `null` at the end. Rejects with what broke the body. */
  read(): Promise<Uint8Array | null>
  /** All that is left, for bodies that are not streamed. Rejects with LimitExceededError past `maxBytes`, and closes then. */
  collect(maxBytes: number): Promise<Buffer>
  /** All that is left, if every byte of it is here and it is no longer than `maxBytes`; then it is read. Spares small answers a promise. */
  arrived?(maxBytes: number): Buffer | null
  /** Gives up the rest, and the connection with it. */
  destroy(): void
  /** Fields that came after the body, once it has ended; `null` if none did. */
  readonly trailers?: Headers | null
}

/** What a third-party adapter may hand over as a body. */
export type ResponseBody =
  | Uint8Array
  | string
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>
  | ByteSource
  | null

/** Makes a source of any body. */
export function sourceOf(body: ResponseBody | undefined): ByteSource {
  if (body === null || body === undefined) return new BytesSource(EMPTY)
  if (typeof body === 'string') return new BytesSource(Buffer.from(body))
  if (body instanceof Uint8Array) return new BytesSource(body)
  if ('collect' in body && 'read' in body && !(body instanceof Readable)) return body
  if (Symbol.asyncIterator in body) return new IterableSource(body as AsyncIterable<Uint8Array>)
  throw new UsageError('The body of a Response must be bytes, text, a stream, an async iterable, or null')
}

const EMPTY = Buffer.alloc(0)

class BytesSource implements ByteSource {
  #bytes: Uint8Array | null

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  read(): Promise<Uint8Array | null> {
    const bytes = this.#bytes
    this.#bytes = null
    return Promise.resolve(bytes === null || bytes.byteLength === 0 ? null : bytes)
  }

  collect(maxBytes: number): Promise<Buffer> {
    const bytes = this.arrived(maxBytes)
    if (bytes !== null) return Promise.resolve(bytes)
    this.#bytes = null
    return Promise.reject(tooLong(maxBytes))
  }

  arrived(maxBytes: number): Buffer | null {
    const bytes = this.#bytes ?? EMPTY
    if (bytes.byteLength > maxBytes) return null
    this.#bytes = null
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  destroy(): void {
    this.#bytes = null
  }
}

class IterableSource implements ByteSource {
  readonly #body: AsyncIterable<Uint8Array>
  #iterator: AsyncIterator<Uint8Array> | null = null

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body
  }

  async read(): Promise<Uint8Array | null> {
    this.#iterator ??= this.#body[Symbol.asyncIterator]()
    const step = await this.#iterator.next()
    return step.done === true ? null : step.value
  }

  collect(maxBytes: number): Promise<Buffer> {
    return collectPieces(this, maxBytes)
  }

  destroy(): void {
    if (this.#body instanceof Readable) this.#body.destroy()
    else (this.#iterator ?? this.#body[Symbol.asyncIterator]()).return?.()?.catch(() => {})
  }
}

/**
 * Reads a source to its end into one buffer: the `collect` of a source that has nothing better.
 *
 * @throws LimitExceededError past `maxBytes`, after giving up the rest; what `read` rejects with.
 */
export async function collectPieces(source: Pick<ByteSource, 'read' | 'destroy'>, maxBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let length = 0
  for (let piece = await source.read(); piece !== null; piece = await source.read()) {
    length += piece.byteLength
    if (length > maxBytes) {
      source.destroy()
      throw tooLong(maxBytes)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces, length)
}

/** The error for a body longer than it may be. */
export function tooLong(maxBytes: number): LimitExceededError {
  return new LimitExceededError(`The response body is longer than the ${maxBytes} bytes that may be read`)
}

/** A source as a Readable of its undecoded bytes. */
export function readableOf(source: ByteSource): Readable {
  return new Readable({
    read() {
      source.read().then(
        (piece) => this.push(piece),
        (error: unknown) => this.destroy(error as Error),
      )
    },
    destroy(error, callback) {
      source.destroy()
      callback(error)
    },
  })
}

/** A source as an async iterable that leaves the rest readable when the loop is left early. */
export function iterableOf(source: ByteSource): AsyncIterableIterator<Uint8Array> {
  const iterator: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      const piece = await source.read()
      return piece === null ? { done: true, value: undefined } : { done: false, value: piece }
    },
  }
  return iterator
}
