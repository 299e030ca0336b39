import { LimitExceededError, readOptions, redactUrl, type Response, UsageError } from '@entreat/core'
import { type OnProgress, trackDownload } from '../progress.ts'
import { type Checksum, type ExpectedChecksum, startChecksum } from './checksum.ts'
import { DownloadError } from './download-error.ts'
import { TargetFile, targetPath } from './target-file.ts'
import { versionOf } from './validator.ts'

/** Options of {@link streamToFile} and `download`. */
export interface SaveOptions {
  /** Replace a file that exists. Default `false`. */
  readonly overwrite?: boolean
  /** What the content must hash to; checked before the file appears. */
  readonly checksum?: ExpectedChecksum
  readonly onProgress?: OnProgress
  /** Bytes of content, at most. Default: no limit. */
  readonly maxBytes?: number
  /** Let the response name a file that begins with a dot. Default `false`. */
  readonly dotfiles?: boolean
}

/** A file that was saved. */
export interface SavedFile {
  /** Absolute. */
  readonly path: string
  /** Its length. */
  readonly bytes: number
  /** The checksum in hexadecimal, if one was asked for. */
  readonly checksum: string | null
}

const OPTIONS: ReadonlySet<string> = new Set<keyof SaveOptions>([
  'overwrite',
  'checksum',
  'onProgress',
  'maxBytes',
  'dotfiles',
])

/**
 * Saves the decoded content of a response. It is written under another name, and gets its own once it is complete and its checksum is right: nobody sees a
 * half file, and none is left behind. The response is closed in any case.
 *
 * @param response - best asked for with `stream: true`.
 * @param target - a path, or a folder that exists, in which the response names the file (made safe). Default: the working directory.
 * @throws HTTPError for a 4xx or 5xx; DownloadError; LimitExceededError past `maxBytes`; what reading the response and writing the file throw.
 */
export async function streamToFile(response: Response, target?: string, options: SaveOptions = {}): Promise<SavedFile> {
  try {
    const own = readOptions(options, OPTIONS, 'streamToFile')
    const checksum = startChecksum(own.checksum)
    const maxBytes = checkedMaxBytes(own.maxBytes)
    response.raiseForStatus()
    const path = await targetPath(response, target, { dotfiles: own.dotfiles === true })
    const file = await TargetFile.create(path, own.overwrite === true)
    try {
      const bytes = await save(response, file, { checksum, maxBytes, onProgress: own.onProgress })
      const digest = checkedDigest(checksum, response)
      await file.commit()
      return { path, bytes, checksum: digest }
    } catch (error) {
      await file.discard()
      throw error
    }
  } finally {
    response.close()
  }
}

interface Saving {
  readonly checksum: Checksum | null
  readonly maxBytes: number
  readonly onProgress: OnProgress | undefined
}

async function save(response: Response, file: TargetFile, { checksum, maxBytes, onProgress }: Saving): Promise<number> {
  let bytes = 0
  const content = onProgress === undefined ? response.iterContent() : trackDownload(response, onProgress)
  for await (const piece of content) {
    bytes += piece.length
    if (bytes > maxBytes) throw tooLong(response, maxBytes)
    checksum?.hash.update(piece)
    await file.write(piece)
  }
  refuseClosed(response, bytes)
  return bytes
}

/**
 * A response that somebody closes ends like one that is over.
 *
 * @throws DownloadError if fewer bytes came than were announced.
 */
export function refuseClosed(response: Response, bytes: number): void {
  const { total } = versionOf(response)
  if (total === null || bytes >= total) return
  throw new DownloadError(`GET ${redactUrl(response.url)}: the response was closed after ${bytes} of ${total} bytes`, {
    response,
  })
}

/** @throws UsageError. */
export function checkedMaxBytes(maxBytes: number | undefined): number {
  if (maxBytes === undefined) return Infinity
  if (typeof maxBytes === 'number' && maxBytes >= 0) return maxBytes
  throw new UsageError(`maxBytes must be a number of bytes, 0 or more, not ${String(maxBytes)}`)
}

export function tooLong(response: Response, maxBytes: number): LimitExceededError {
  return new LimitExceededError(`GET ${redactUrl(response.url)}: the content is longer than maxBytes = ${maxBytes}`, {
    response,
  })
}

/**
 * The digest in hexadecimal; `null` if none was asked for.
 *
 * @throws DownloadError (`ERR_CHECKSUM`).
 */
export function checkedDigest(checksum: Checksum | null, response: Response): string | null {
  if (checksum === null) return null
  const digest = checksum.hash.digest('hex')
  if (checksum.expected === null || checksum.expected === digest) return digest
  throw new DownloadError(
    `GET ${redactUrl(response.url)}: the content has the ${checksum.algorithm} ${digest}, not ${checksum.expected}. It was not saved`,
    { code: 'ERR_CHECKSUM', response },
  )
}
