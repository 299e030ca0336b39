import { Readable } from 'node:stream'
import { ContentNotReadError, RequestException, StreamConsumedError } from '../errors.ts'
import { type ByteSource, iterableOf, readableOf, sourceOf } from './byte-source.ts'
import { codingsOf, decodeStream, decodeSync } from './content-coding.ts'
import type { Headers } from './headers.ts'
import { joinPieces, type Pieces, readerOf, sizedPieces } from './pieces.ts'
import type { Response } from './response.ts'

/** Up to so many received bytes are decoded at once; more in a stream, so that decoding does not hold up the process. */
const DECODED_AT_ONCE = 64 * 1024
const NOTHING = Buffer.alloc(0)

/**
 * The one reader of a response's body: whole, piece by piece, or raw.
 *
 * unread → read (all of it is in memory), or unread → iterating → consumed; closed from anywhere before the end.
 */
export class BodyReader {
  readonly #response: Response
  #source: ByteSource
  /** As the adapter gave it, whoever reads it. */
  readonly #origin: ByteSource
  #state: 'unread' | 'iterating' | 'read' | 'consumed' | 'closed' = 'unread'
  #received: Buffer | null = null
  #decoded: Buffer | null = null
  #failure: unknown = null
  #reading: Promise<Buffer> | null = null
  #pieces: Pieces | null = null
  #raw: Readable | null = null
  #whenDone: (() => void)[] = []

  constructor(response: Response, source: ByteSource) {
    this.#response = response
    this.#source = source
    this.#origin = source
  }

  /** What came after the body. */
  get trailers(): Headers | null {
    return this.#origin.trailers ?? null
  }

  /** The decoded bytes, once they have been read. */
  get content(): Buffer {
    if (this.#failure !== null) throw this.#failure as Error
    if (this.#decoded !== null) return this.#decoded
    if (this.#received !== null) {
      this.#decoded = decodeSync(this.#received, this.#codings(), this.#response.limits.decodedBytes)
      return this.#decoded
    }
    if (this.#state === 'consumed') throw this.#consumed()
    if (this.#state === 'closed') return NOTHING
    throw new ContentNotReadError(
      'The body of this streamed response has not been read: `await response.read()` first',
      {
        response: this.#response,
      },
    )
  }

  /** Reads and decodes what is left; once, however often it is asked. */
  read(): Promise<Buffer> {
    if (this.#state === 'unread' || this.#state === 'iterating') this.#reading = this.#read(this.#state)
    return this.#reading ?? Promise.resolve().then(() => this.content)
  }

  /** Reads a body that has arrived whole and is not coded, without a promise. @returns `false` if there is more to do. */
  readArrived(): boolean {
    if (this.#state !== 'unread' || this.#source.arrived === undefined) return false
    if (this.#response.headers.has('content-encoding')) return false
    this.#received = this.#source.arrived(this.#response.limits.decodedBytes)
    if (this.#received === null) return false
    this.#state = 'read'
    this.#finish()
    return true
  }

  async #read(from: 'unread' | 'iterating'): Promise<Buffer> {
    this.#state = 'read'
    try {
      this.#decoded = from === 'unread' ? await this.#readWhole() : await this.#readRest()
    } catch (error) {
      this.#source.destroy()
      this.#failure = this.#located(error)
    } finally {
      this.#finish()
    }
    return this.content
  }

  async #readWhole(): Promise<Buffer> {
    const max = this.#response.limits.decodedBytes
    const received = await this.#source.collect(max)
    const codings = this.#codings()
    this.#received = received
    if (codings.length === 0) return received
    if (received.length <= DECODED_AT_ONCE) return decodeSync(received, codings, max)
    return joinPieces(sizedPieces(readerOf(decodeStream(Readable.from(slices(received)), codings))), max, () => {})
  }

  async #readRest(): Promise<Buffer> {
    const rest = await joinPieces(this.#openPieces(), this.#response.limits.decodedBytes, () => {})
    this.#source.destroy()
    return rest
  }

  /** Reads what is left undecoded, so that the connection can be reused; past `maxBytes` gives both up. */
  async drain(maxBytes: number): Promise<void> {
    if (this.#state !== 'unread') return
    this.#state = 'read'
    try {
      this.#received = await this.#source.collect(maxBytes)
    } catch (error) {
      this.#source.destroy()
      this.#failure = this.#located(error)
    }
    this.#finish()
  }

  /** Pieces of `chunkSize` decoded bytes, or as they arrive. */
  iterate(chunkSize: number | null): AsyncGenerator<Buffer, void, undefined> {
    if (this.#state === 'consumed') throw this.#consumed()
    return this.#iterate(chunkSize)
  }

  async *#iterate(chunkSize: number | null): AsyncGenerator<Buffer, void, undefined> {
    if (this.#state === 'read' || this.#state === 'closed') {
      const { content } = this
      const size = chunkSize ?? content.length
      for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
      return
    }
    try {
      const pieces = this.#openPieces()
      const spans = this.#codings().length > 0 || !this.#response.headers.has('transfer-encoding')
      for (let piece = await pieces.take(chunkSize, spans); piece !== null; piece = await pieces.take(chunkSize, spans))
        yield piece
    } catch (error) {
      this.#state = 'consumed'
      this.#source.destroy()
      this.#finish()
      throw this.#located(error)
    }
    if (this.#state === 'iterating') this.#state = 'consumed'
    // A coded body may end before the bytes do: what is left is worth nothing.
    this.#source.destroy()
    this.#finish()
  }

  #openPieces(): Pieces {
    if (this.#pieces === null) {
      if (this.#state === 'unread') this.#state = 'iterating'
      const codings = this.#codings()
      this.#pieces = sizedPieces(
        codings.length === 0 ? () => this.#source.read() : readerOf(decodeStream(iterableOf(this.#source), codings)),
      )
    }
    return this.#pieces
  }

  /** The undecoded bytes as a stream. */
  get raw(): Readable {
    if (this.#raw !== null) return this.#raw
    if (this.#state === 'read') {
      this.#raw = Readable.from(this.#received === null ? [] : [this.#received], { objectMode: false })
    } else {
      this.#raw = readableOf(this.#source)
      this.#raw.once('close', () => this.#finish())
      this.#source = sourceOf(this.#raw)
    }
    return this.#raw
  }

  /** Gives up the rest. */
  close(): void {
    if (this.#state === 'read' || this.#state === 'consumed' || this.#state === 'closed') return
    this.#state = 'closed'
    this.#source.destroy()
    this.#finish()
  }

  get isDone(): boolean {
    return (
      this.#failure !== null ||
      this.#received !== null ||
      this.#decoded !== null ||
      this.#state === 'consumed' ||
      this.#state === 'closed'
    )
  }

  /** Calls back once the body has been read, has failed, or was closed. */
  whenDone(callback: () => void): void {
    if (this.isDone) callback()
    else this.#whenDone.push(callback)
  }

  #finish(): void {
    const callbacks = this.#whenDone
    this.#whenDone = []
    for (const callback of callbacks) callback()
  }

  #codings(): readonly string[] {
    return codingsOf(this.#response.headers.get('content-encoding'), this.#response.limits.codings)
  }

  /** Makes an error from below that knows no response know this one. */
  #located(error: unknown): unknown {
    if (error instanceof RequestException && error.response === undefined) {
      error.response = this.#response
      error.request ??= this.#response.request
    }
    return error
  }

  #consumed(): StreamConsumedError {
    return new StreamConsumedError('The content of this response was already consumed by iterating over it', {
      response: this.#response,
    })
  }
}

/** A large buffer in slices, so that decoding it leaves room for other work. */
function* slices(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += DECODED_AT_ONCE) yield bytes.subarray(at, at + DECODED_AT_ONCE)
}
