import type { Writable } from 'node:stream'
import { readOptions, type Response, UsageError } from '@entreat/core'
import { refuseClosed } from './stream-to-file.ts'
import { TargetFile, targetPath } from './target-file.ts'

/** Options of {@link tee} and its like. */
export interface TeeOptions {
  /** Bytes a piece. Default: as they arrive. */
  readonly chunkSize?: number
}

/** Options of {@link teeToFile}. */
export interface TeeToFileOptions extends TeeOptions {
  /** Replace a file that exists. Default `false`. */
  readonly overwrite?: boolean
  /** Let the response name a file that begins with a dot. Default `false`. */
  readonly dotfiles?: boolean
}

const TEE_OPTIONS: ReadonlySet<string> = new Set<keyof TeeOptions>(['chunkSize'])
const TEE_TO_FILE_OPTIONS: ReadonlySet<string> = new Set<keyof TeeToFileOptions>(['chunkSize', 'overwrite', 'dotfiles'])

/**
 * The decoded content of a response piece by piece, each written to a stream before it is yielded. The stream is waited for when it is full, and left open.
 * When the loop is left early, or something fails, the response is closed.
 *
 * @throws UsageError if the stream cannot be written to; the stream's own error; what reading the response throws.
 */
export async function* tee(
  response: Response,
  stream: Writable,
  options: TeeOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { chunkSize = null } = readOptions(options, TEE_OPTIONS, 'tee')
  if (typeof stream?.write !== 'function')
    throw new UsageError('tee needs a Writable; for files and buffers there are teeToFile and teeToBuffer')
  // An error between two pieces is found by the next write; without a listener it would end the process.
  stream.on('error', ignore)
  try {
    for await (const piece of response.iterContent(chunkSize)) {
      await write(stream, piece)
      yield piece
    }
  } finally {
    stream.off('error', ignore)
    response.close()
  }
}

function ignore(): void {}

/** Resolves once the stream has room for more; rejects with its error, also if it fails while it is full. */
function write(stream: Writable, piece: Uint8Array): Promise<void> {
  if (stream.errored) return Promise.reject(stream.errored)
  if (stream.destroyed || stream.writableEnded)
    return Promise.reject(new UsageError('The stream that tee writes to has ended'))
  return new Promise((resolve, reject) => {
    const settle = (error: unknown): void => {
      stream.off('drain', onDrain)
      stream.off('close', onClose)
      stream.off('error', settle)
      if (error === null) resolve()
      else reject(error)
    }
    const onDrain = (): void => settle(null)
    const onClose = (): void => settle(stream.errored ?? new UsageError('The stream that tee writes to was closed'))
    stream.on('drain', onDrain)
    stream.on('close', onClose)
    stream.on('error', settle)
    if (stream.write(piece)) settle(null)
  })
}

/**
 * The same with a file, which appears once the content has been read to its end; if the loop is left before, there is none.
 *
 * @param target - as for `streamToFile`.
 * @throws DownloadError if the path is taken, or there is no name.
 */
export async function* teeToFile(
  response: Response,
  target?: string,
  options: TeeToFileOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const {
    chunkSize = null,
    overwrite = false,
    dotfiles = false,
  } = readOptions(options, TEE_TO_FILE_OPTIONS, 'teeToFile')
  const path = await targetPath(response, target, { dotfiles })
  const file = await TargetFile.create(path, overwrite)
  let bytes = 0
  try {
    for await (const piece of response.iterContent(chunkSize)) {
      await file.write(piece)
      bytes += piece.length
      yield piece
    }
    refuseClosed(response, bytes)
    await file.commit()
  } finally {
    await file.discard()
    response.close()
  }
}

/** The same with a list of pieces in memory: `Buffer.concat(pieces)` is what has been read. */
export async function* teeToBuffer(
  response: Response,
  pieces: Uint8Array[],
  options: TeeOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { chunkSize = null } = readOptions(options, TEE_OPTIONS, 'teeToBuffer')
  if (!Array.isArray(pieces)) throw new UsageError('teeToBuffer needs a list to put the pieces in')
  try {
    for await (const piece of response.iterContent(chunkSize)) {
      // What is yielded is the caller's to change.
      pieces.push(Buffer.from(piece))
      yield piece
    }
  } finally {
    response.close()
  }
}
