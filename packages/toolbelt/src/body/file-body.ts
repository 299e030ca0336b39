import { createReadStream, type ReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readOptions, UsageError } from '@entreat/core'
import { exactBytes } from './exact-bytes.ts'
import { StreamBody } from './stream-body.ts'

/** Options of {@link fileBody}. */
export interface FileBodyOptions {
  /** The first byte to send. Default 0. */
  readonly start?: number
  /** Bytes to send. Default: what is left. */
  readonly length?: number
  /** The Content-Type, where the request or the part names none. Default: none. */
  readonly contentType?: string
}

const OPTIONS: ReadonlySet<string> = new Set<keyof FileBodyOptions>(['start', 'length', 'contentType'])
/** Bytes read at a time: with 64 KiB a large upload spends more time in calls than in copying. */
const READ_BYTES = 256 * 1024

/**
 * A file as a body: read as it is sent, opened anew each time, and announced with the length it has now.
 *
 * @param path - a path or a `file:` URL. Must be a regular file.
 * @throws UsageError if it is none, or shorter than `start + length`; the error of `stat()` if it cannot be found.
 * Sending throws {@link BodyLengthError} if the file has become shorter since.
 */
export async function fileBody(path: string | URL, options: FileBodyOptions = {}): Promise<FileBody> {
  const { start = 0, length, contentType } = readOptions(options, OPTIONS, 'fileBody')
  const file = path instanceof URL ? fileURLToPath(path) : path
  const stats = await stat(file)
  if (!stats.isFile()) throw new UsageError(`fileBody: ${file} is no regular file; send its stream instead`)
  for (const [name, value] of [
    ['start', start],
    ['length', length ?? 0],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new UsageError(`fileBody: ${name} must be a whole number, 0 or more`)
  }
  if (start + (length ?? 0) > stats.size) {
    throw new UsageError(`fileBody: ${file} has ${stats.size} bytes, fewer than start and length ask for`)
  }
  return new FileBody(file, start, length ?? stats.size - start, contentType)
}

/** A part of a file, or all of it. Made by {@link fileBody}. */
export class FileBody extends StreamBody {
  /** The file's name without its folder: what a multipart form calls it. */
  readonly name: string
  readonly length: number
  readonly contentType: string | undefined
  protected readonly canReopen = true
  readonly #path: string
  readonly #start: number

  /** @internal Use {@link fileBody}. */
  constructor(path: string, start: number, length: number, contentType: string | undefined) {
    super()
    this.name = basename(path)
    this.length = length
    this.contentType = contentType
    this.#path = path
    this.#start = start
  }

  protected stream(): AsyncIterable<Uint8Array> | Uint8Array {
    if (this.length === 0) return new Uint8Array(0)
    const range = { start: this.#start, end: this.#start + this.length - 1, highWaterMark: READ_BYTES }
    return exactBytes(new FileBytes(this.#path, range), this.length, `The file ${this.#path}`)
  }
}

/** The bytes of a file, which is opened when the first is asked for. A Readable's own iterator waits, when it is stopped, for the piece that is being read. */
class FileBytes implements AsyncIterableIterator<Uint8Array> {
  readonly #open: () => ReadStream
  #stream: ReadStream | null = null
  #iterator: AsyncIterator<Uint8Array> | null = null

  constructor(path: string, range: { start: number; end: number; highWaterMark: number }) {
    this.#open = () => createReadStream(path, range)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#stream ??= this.#open()
    this.#iterator ??= this.#stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    const step = await this.#iterator.next()
    return step.done === true ? { done: true, value: undefined } : { done: false, value: step.value }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#stream?.destroy()
    return Promise.resolve({ done: true, value: undefined })
  }
}
