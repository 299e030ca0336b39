import { createReadStream, type ReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { LimitExceededError, UnrewindableBodyError, UsageError } from '../errors.ts'

/** A request's body: opened once a leg, never rewound. */
export interface Body {
  /** Bytes, or `null` if unknown until it has been read. */
  readonly length: number | null
  /** Whether it can be opened more than once. */
  readonly isReplayable: boolean
  /** The Content-Type that goes with it, where the request names none. */
  readonly contentType?: string | undefined
  /** Whether a body that can be opened once has been. Left out, nobody can tell. */
  readonly isSpent?: boolean | undefined
  /**
   * The bytes, from the beginning.
   *
   * @throws UnrewindableBodyError the second time, unless {@link isReplayable}.
   */
  open(): AsyncIterable<Uint8Array> | Uint8Array
  /**
   * All of it in memory, for schemes that sign the body. A one-shot body read so can be sent afterwards.
   *
   * @throws LimitExceededError past `maxBytes`.
   */
  bytes(maxBytes: number): Promise<Uint8Array>
}

/** A stream or iterable that gives bytes or text. Text is sent as UTF-8. */
export type ByteStream = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string> | ReadableStream<Uint8Array>
/** Content that is there, or streams. */
type Opened = string | Uint8Array | ArrayBuffer | Blob | ByteStream
/** Content whose bytes are known, or can be had: what a body or a file of a multipart form is made of. */
export type Content = Opened | (() => Opened | Promise<Opened>)

/** Whether a value is a body already. */
export function isBody(value: unknown): value is Body {
  if (typeof value !== 'object' || value === null) return false
  const { open, bytes } = value as Partial<Body>
  // What a plain record inherits, somebody has put on Object.prototype.
  const isOwn = Object.getPrototypeOf(value) !== Object.prototype || Object.hasOwn(value, 'open')
  return isOwn && typeof open === 'function' && typeof bytes === 'function'
}

/**
 * Makes a body of any content, as a request does of its `data`. A body is returned as it is.
 *
 * @throws UsageError for what is neither text, bytes, a Blob, a stream, an iterable nor a function.
 */
export function createBody(content: Content | Body): Body {
  if (isBody(content)) return content
  if (typeof content === 'string') return new BytesBody(Buffer.from(content))
  if (content instanceof Uint8Array) return new BytesBody(content)
  if (content instanceof ArrayBuffer) return new BytesBody(new Uint8Array(content))
  if (ArrayBuffer.isView(content)) {
    const view = content as ArrayBufferView
    return new BytesBody(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }
  if (content instanceof Blob) return new OpenableBody(() => content.stream(), content.size)
  if (typeof content === 'function') return new OpenableBody(content, null)
  if (isStream(content)) return fileBody(content) ?? new OneShotBody(content)
  throw new UsageError(
    'A body must be text, bytes, a Blob, a stream, an iterable of bytes, or a function that returns one',
  )
}

/** Whether a value can only be read as a stream: not text, bytes, or a list. */
export function isStream(value: unknown): value is ByteStream {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Symbol.asyncIterator in value || Symbol.iterator in value || value instanceof ReadableStream
}

class BytesBody implements Body {
  readonly length: number
  readonly isReplayable = true
  readonly #content: Uint8Array

  constructor(content: Uint8Array) {
    this.#content = content
    this.length = content.byteLength
  }

  open(): Uint8Array {
    return this.#content
  }

  bytes(maxBytes: number): Promise<Uint8Array> {
    return this.length > maxBytes ? Promise.reject(tooLong(maxBytes)) : Promise.resolve(this.#content)
  }
}

/** A body that a function opens anew each time. */
export class OpenableBody implements Body {
  readonly length: number | null
  readonly isReplayable: boolean
  readonly #openStream: () => Opened | Promise<Opened>

  constructor(openStream: () => Opened | Promise<Opened>, length: number | null, isReplayable = true) {
    this.#openStream = openStream
    this.length = length
    this.isReplayable = isReplayable
  }

  open(): AsyncIterable<Uint8Array> {
    return new BodyIterator(this.#openStream)
  }

  bytes(maxBytes: number): Promise<Uint8Array> {
    return collect(this.open(), maxBytes)
  }
}

class OneShotBody implements Body {
  readonly length = null
  #stream: ByteStream | null
  #kept: Uint8Array | null = null

  constructor(stream: ByteStream) {
    this.#stream = stream
  }

  get isReplayable(): boolean {
    return this.#kept !== null
  }

  get isSpent(): boolean {
    return this.#kept === null && this.#stream === null
  }

  open(): AsyncIterable<Uint8Array> | Uint8Array {
    if (this.#kept !== null) return this.#kept
    const stream = this.#stream
    if (stream === null) {
      throw new UnrewindableBodyError(
        'The body is a stream that was sent before and cannot be read again: give a function that returns a fresh stream',
      )
    }
    this.#stream = null
    return new BodyIterator(() => stream)
  }

  async bytes(maxBytes: number): Promise<Uint8Array> {
    if (this.#kept === null) {
      const opened = this.open()
      this.#kept = opened instanceof Uint8Array ? opened : await collect(opened, maxBytes)
    }
    return this.#kept
  }
}

/** An `fs.ReadStream` of a path that nobody has read from: its length is known, and further streams of the same part can be opened. */
function fileBody(stream: ByteStream): Body | null {
  const { path, bytesRead, start = 0, end } = stream as Partial<ReadStream> & { start?: number; end?: number }
  if (typeof path !== 'string' || bytesRead !== 0 || !('pending' in stream)) return null
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() !== true) return null
  const last = end === undefined || end === Infinity ? stat.size - 1 : Math.min(end, stat.size - 1)
  let first: ByteStream | null = stream
  const openStream = (): ByteStream => {
    const given = first
    first = null
    return given ?? createReadStream(path, { start, ...(end === undefined ? {} : { end }) })
  }
  return new OpenableBody(openStream, Math.max(0, last - start + 1))
}

/** Reads a stream as bytes. Stopped early it lets go of the stream at once, even while that keeps it waiting. */
class BodyIterator implements AsyncIterableIterator<Uint8Array> {
  readonly #openStream: () => Opened | Promise<Opened>
  #stream: ByteStream | null = null
  #iterator: AsyncIterator<unknown> | Iterator<unknown> | null = null

  constructor(openStream: () => Opened | Promise<Opened>) {
    this.#openStream = openStream
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#iterator ??= await this.#open()
    for (;;) {
      const step = await this.#iterator.next()
      if (step.done === true) return { done: true, value: undefined }
      const bytes = typeof step.value === 'string' ? Buffer.from(step.value) : step.value
      if (!(bytes instanceof Uint8Array)) {
        throw new UsageError(`A body stream must give bytes or text, not ${bytes === null ? 'null' : typeof bytes}`)
      }
      if (bytes.byteLength > 0) return { done: false, value: bytes }
    }
  }

  async #open(): Promise<AsyncIterator<unknown> | Iterator<unknown>> {
    const stream = streamOf(await this.#openStream())
    this.#stream = stream
    if (stream instanceof ReadableStream) return readerOf(stream)
    if (Symbol.asyncIterator in stream) return stream[Symbol.asyncIterator]()
    return (stream as Iterable<unknown>)[Symbol.iterator]()
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    // A Readable's own iterator would wait for the piece that is being read.
    if (this.#stream instanceof Readable) this.#stream.destroy()
    else await this.#iterator?.return?.()
    return { done: true, value: undefined }
  }
}

/** Reads a web stream. Its own iterator would wait for the piece that is being read before it cancels. */
function readerOf(stream: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = stream.getReader()
  return {
    async next() {
      const step = await reader.read()
      if (step.done) reader.releaseLock()
      return step.done ? { done: true, value: undefined } : step
    },
    async return() {
      // A stream that has failed or ended has nothing to let go of.
      await reader.cancel().catch(() => {})
      return { done: true, value: undefined }
    },
  }
}

/** What a function gave, as something to iterate over. @throws UsageError for what is no content. */
function streamOf(opened: unknown): ByteStream {
  if (typeof opened === 'string' || opened instanceof Uint8Array) return [opened]
  if (opened instanceof ArrayBuffer) return [new Uint8Array(opened)]
  if (opened instanceof Blob) return opened.stream()
  if (typeof opened === 'object' && opened !== null && (Symbol.asyncIterator in opened || Symbol.iterator in opened)) {
    return opened as ByteStream
  }
  throw new UsageError('A function that gives a body must return text, bytes, a Blob, a stream or an iterable')
}

async function collect(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.byteLength
    if (length > maxBytes) throw tooLong(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLong(maxBytes: number): LimitExceededError {
  return new LimitExceededError(`The request body is longer than the ${maxBytes} bytes that may be read into memory`)
}

/** A body whose sender promised another length than the stream knows of itself. */
export function withLength(body: Body, length: number): Body {
  return {
    length,
    get isReplayable() {
      return body.isReplayable
    },
    get isSpent() {
      return body.isSpent
    },
    open: () => body.open(),
    bytes: (maxBytes) => body.bytes(maxBytes),
  }
}
