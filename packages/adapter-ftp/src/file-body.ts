import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type Body, LimitExceededError } from '@entreat/core'

/** Bytes read at a time. Of 64 KiB to 4 MiB, each piece costs a trip to another thread: a large one is worth it. */
const PIECE_BYTES = 1024 * 1024

/** Which part of a file a body is. */
export interface FilePart {
  /** Byte that it begins at. */
  readonly start: number
  /** Bytes from there to the end, as far as one knows beforehand: all there is will be sent. */
  readonly length: number
  /** Called with the bytes given away so far, after each piece. What it throws ends the upload. */
  readonly onSent: (bytes: number) => void
}

/** A file, from somewhere to its end, as a request's body that can be opened again. */
export class FileBody implements Body {
  readonly length: number
  readonly isReplayable = true
  readonly #path: string
  readonly #part: FilePart

  constructor(path: string, part: FilePart) {
    this.length = part.length
    this.#path = path
    this.#part = part
  }

  open(): FilePieces {
    return new FilePieces(this.#path, this.#part)
  }

  async bytes(maxBytes: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of createReadStream(this.#path, { start: this.#part.start }) as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > maxBytes)
        throw new LimitExceededError(`The file is longer than the ${maxBytes} bytes that may be read into memory`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces, length)
  }
}

/** An opened file: an iterable of pieces that belong to whoever asks for them, or a lender. */
export class FilePieces implements AsyncIterable<Uint8Array> {
  readonly #path: string
  readonly #part: FilePart

  constructor(path: string, part: FilePart) {
    this.#path = path
    this.#part = part
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const { start, onSent } = this.#part
    let bytes = 0
    for await (const piece of createReadStream(this.#path, { start, highWaterMark: PIECE_BYTES })) {
      yield piece as Buffer
      bytes += (piece as Buffer).length
      onSent(bytes)
    }
  }

  /** For one who says when a piece is done with. */
  lend(): FileLender {
    return new FileLender(this.#path, this.#part)
  }
}

/** Reads a file into a few buffers in turn, one piece ahead. A piece is the reader's until it gives it back. */
export class FileLender implements AsyncIterator<Uint8Array, undefined> {
  readonly #path: string
  readonly #onSent: (bytes: number) => void
  #at: number
  #given = 0
  #file: FileHandle | null = null
  #ahead: Promise<Buffer> | null = null
  #isOver = false
  /** Whole buffers that nobody holds. There are as many as the reader keeps, and one. */
  readonly #free: Buffer[] = []
  readonly #lent = new Map<ArrayBufferLike, Buffer>()

  constructor(path: string, { start, onSent }: FilePart) {
    this.#path = path
    this.#at = start
    this.#onSent = onSent
  }

  /** The next piece. @throws what the file system says, and what `onSent` throws. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#given > 0) this.#onSent(this.#given)
    this.#ahead ??= this.#read()
    const piece = await this.#ahead
    if (this.#isOver || piece.length === 0) return this.return()
    this.#given += piece.length
    this.#ahead = this.#read()
    // It is told when its turn comes, if it does.
    this.#ahead.catch(() => {})
    return { done: false, value: piece }
  }

  async #read(): Promise<Buffer> {
    this.#file ??= await open(this.#path)
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#at)
    this.#at += bytesRead
    this.#lent.set(buffer.buffer, buffer)
    return buffer.subarray(0, bytesRead)
  }

  giveBack(piece: Uint8Array): void {
    const buffer = this.#lent.get(piece.buffer)
    if (buffer !== undefined) this.#free.push(buffer)
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isOver = true
    await this.#ahead?.catch(() => {})
    const file = this.#file
    this.#file = null
    await file?.close()
    return { done: true, value: undefined }
  }
}
