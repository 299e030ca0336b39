import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { type RequestOptions, type Response, type Session, UsageError } from '@entreat/core'
import { FileBody } from './file-body.ts'
import { FTPResponse } from './ftp-response.ts'

/** How far a transfer is. */
export interface TransferProgress {
  /** Bytes that are where they are to be, those of an earlier attempt included. */
  readonly bytes: number
  /** Bytes of the whole file; `null` if nobody knows. */
  readonly totalBytes: number | null
}

/** Options of one file's transfer, beside those of every request. */
export interface FileTransferOptions extends Omit<RequestOptions, 'data' | 'json' | 'files' | 'stream'> {
  /** Go on where an earlier attempt ended. Default `false`: begin anew. */
  readonly resume?: boolean | undefined
  /** Called after each piece. What it throws ends the transfer. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

/** Options of an upload. */
export interface UploadOptions extends FileTransferOptions {
  /** Write under another name, and rename once the server has confirmed everything. Default: as the adapter is set. Not together with `resume`. */
  readonly atomic?: boolean | undefined
}

/** What a transfer came to. */
export interface TransferResult {
  /** Bytes that travelled this time. */
  readonly bytes: number
  /** Byte that it began at: 0, or more where it was resumed. */
  readonly offset: number
}

/**
 * Downloads a file: into `PATH.part`, which gets its name once everything is there. With `resume`, what a `PATH.part` holds is not asked for again; FTP has no
 * way to tell whether the file on the server is still the same.
 *
 * @throws HTTPError if the server refuses; what every request throws. `PATH.part` stays, for another attempt.
 */
export async function downloadFile(
  session: Session,
  url: string,
  path: string,
  { resume = false, onProgress, ...options }: FileTransferOptions,
): Promise<TransferResult> {
  const part = `${path}.part`
  const kept = resume ? ((await stat(part).catch(() => null))?.size ?? 0) : 0
  const range = kept === 0 ? {} : { headers: withHeader(options, 'Range', `bytes=${kept}-`) }
  const response = await session.get(url, { ...options, ...range, stream: true })
  if (response.statusCode === 416 && response.headers.get('content-range') === `bytes */${kept}`) {
    response.close()
    await rename(part, path)
    return { bytes: 0, offset: kept }
  }
  if (response.statusCode === 416) {
    // The file has become shorter than the part: it is another one.
    response.close()
    await unlink(part)
    return downloadFile(session, url, path, { ...options, onProgress })
  }
  await ensureOk(response)
  const offset = response.statusCode === 206 ? kept : 0
  const bytes = await writePart(response, part, offset, onProgress)
  await rename(part, path)
  return { bytes, offset }
}

async function writePart(
  response: Response,
  part: string,
  offset: number,
  onProgress: FileTransferOptions['onProgress'],
): Promise<number> {
  const length = response.headers.get('content-length')
  const totalBytes = length === null ? null : offset + Number(length)
  let bytes = 0
  try {
    const file = await open(part, offset === 0 ? 'w' : 'a')
    try {
      await eachPiece(response, async (piece) => {
        await writeWhole(file, piece)
        bytes += piece.length
        onProgress?.({ bytes: offset + bytes, totalBytes })
      })
    } finally {
      await file.close()
    }
  } finally {
    response.close()
  }
  return bytes
}

/** A proxy that fetches FTP URLs answers with a response of HTTP, which lends nothing. */
async function eachPiece(response: Response, onPiece: (piece: Buffer) => Promise<void>): Promise<void> {
  if (response instanceof FTPResponse) return response.lendPieces(onPiece)
  for await (const piece of response) await onPiece(piece)
}

/** A write may take less than it is given, on a disk that is nearly full for one. */
async function writeWhole(file: FileHandle, piece: Buffer): Promise<void> {
  for (let at = 0; at < piece.length;) at += (await file.write(piece, at)).bytesWritten
}

/**
 * Uploads a file. With `resume`, the server's own size says where to go on: nothing travels if it is that of the file, everything if it is larger.
 *
 * @throws HTTPError if the server refuses; UsageError for `atomic` together with `resume`.
 */
export async function uploadFile(
  session: Session,
  path: string,
  url: string,
  { resume = false, atomic, onProgress, ...options }: UploadOptions,
): Promise<TransferResult> {
  if (resume && atomic === true) throw new UsageError('An upload is resumed in place: it cannot be atomic as well')
  const { size } = await stat(path)
  const there = resume ? await sizeThere(session, url, options) : 0
  if (resume && there === size) return { bytes: 0, offset: size }
  const offset = there > size ? 0 : there
  let headers = options.headers
  if (offset > 0) headers = withHeader({ headers }, 'Content-Range', `bytes ${offset}-${size - 1}/${size}`)
  if (atomic !== undefined || resume)
    headers = withHeader({ headers }, 'Upload-Mode', atomic === true ? 'atomic' : 'direct')
  let bytes = 0
  const onSent = (sent: number): void => {
    bytes = sent
    onProgress?.({ bytes: offset + sent, totalBytes: size })
  }
  const data = new FileBody(path, { start: offset, length: size - offset, onSent })
  await ensureOk(await session.put(url, { ...options, headers, data }))
  return { bytes, offset }
}

async function sizeThere(session: Session, url: string, options: RequestOptions): Promise<number> {
  const response = await session.head(url, options)
  if (response.statusCode === 404) return 0
  await ensureOk(response)
  return Number(response.headers.get('content-length') ?? 0)
}

/** @throws HTTPError for 4xx and 5xx, with the body read: it is the server's explanation. */
export async function ensureOk(response: Response): Promise<Response> {
  if (!response.ok) await response.read()
  return response.raiseForStatus()
}

/** The caller's headers with one more. */
export function withHeader(
  { headers }: Pick<RequestOptions, 'headers'>,
  name: string,
  value: string,
): NonNullable<RequestOptions['headers']> {
  const given =
    headers === null || headers === undefined ? [] : Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  const others = (given as [string, string][]).filter(([key]) => key.toLowerCase() !== name.toLowerCase())
  return [...others, [name, value]]
}
