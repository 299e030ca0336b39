import { resolve } from 'node:path'
import {
  LimitExceededError,
  readOptions,
  redactUrl,
  type RequestOptions,
  type Response,
  Session,
  UsageError,
} from '@entreat/core'
import { type Checksum, restartChecksum, startChecksum } from './checksum.ts'
import { DownloadError } from './download-error.ts'
import { PartialFile } from './partial-file.ts'
import { fetchSegments, segmentCount } from './segments.ts'
import { fittingRange, Source } from './source.ts'
import { checkedDigest, checkedMaxBytes, type SavedFile, type SaveOptions, tooLong } from './stream-to-file.ts'
import { isFolder, refuseExisting, targetPath } from './target-file.ts'
import { strongValidator, type Version, versionOf } from './validator.ts'
import { parseContentRange } from '../multipart/part-headers.ts'

/** Options of {@link download}. */
export interface DownloadOptions extends SaveOptions {
  /** Who fetches it. Default: a Session of its own. */
  readonly session?: Session
  /** Further options of the GET, such as `headers`, `auth` or `timeout`. */
  readonly request?: Omit<RequestOptions, 'stream' | 'signal'>
  /** Go on with what an earlier download has left, and leave what this one has if it fails. Default `true`. */
  readonly resume?: boolean
  /** Times that a broken connection is followed by another request, for what is missing. Default 5. */
  readonly retries?: number
  /** Milliseconds before the first of them; twice as long before each further one. Default 500. */
  readonly backoffMs?: number
  /** Connections to fetch the file with, 1 to 16, each at least 1 MiB of it. What they leave is not gone on with. Default 1. */
  readonly segments?: number
  readonly signal?: AbortSignal
}

/** A file that was fetched. */
export interface DownloadedFile extends SavedFile {
  /** Bytes that an earlier download had left. */
  readonly resumedFrom: number
}

const OPTIONS: ReadonlySet<string> = new Set<keyof DownloadOptions>([
  'overwrite',
  'checksum',
  'onProgress',
  'maxBytes',
  'dotfiles',
  'session',
  'request',
  'resume',
  'retries',
  'backoffMs',
  'segments',
  'signal',
])

/** Two downloads to one path would write into one another's file. */
const busy = new Set<string>()

/**
 * Fetches a URL into a file, and goes on where it broke off: after a broken connection at once, after the end of the process when it is called again. It goes
 * on only with the same version of the content, which the server tells by a strong ETag or a Last-Modified; where it has changed, or the server
 * cannot say, it begins anew. Until it is complete it is `name.part`, with `name.part.json`.
 *
 * @param target - a path, or a folder that exists, in which the response names the file (made safe). Default: the working directory.
 * @throws HTTPError for a 4xx or 5xx; DownloadError; LimitExceededError past `maxBytes`; what the requests and the file system throw.
 * @see RFC 9110 sections 13.1.5 and 14
 */
export async function download(
  url: string | URL,
  target?: string,
  options: DownloadOptions = {},
): Promise<DownloadedFile> {
  const own = readOptions(options, OPTIONS, 'download')
  const checksum = startChecksum(own.checksum)
  const maxBytes = checkedMaxBytes(own.maxBytes)
  const segments = wholeNumber('segments', own.segments ?? 1, 1, 16)
  const session = own.session ?? new Session()
  const source = new Source({
    session,
    url,
    request: own.request ?? {},
    signal: own.signal,
    retries: wholeNumber('retries', own.retries ?? 5, 0, Infinity),
    backoffMs: wholeNumber('backoffMs', own.backoffMs ?? 500, 0, Infinity),
  })
  try {
    return await new Download({ source, url: String(url), options: own, checksum, maxBytes, segments }).run(target)
  } finally {
    if (own.session === undefined) await session.close()
  }
}

function wholeNumber(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new UsageError(
    `download: ${name} must be a whole number, ${least} ${most === Infinity ? 'or more' : `to ${most}`}, not ${String(value)}`,
  )
}

interface Parts {
  readonly source: Source
  readonly url: string
  readonly options: DownloadOptions
  readonly checksum: Checksum | null
  readonly maxBytes: number
  readonly segments: number
}

/** How often content that changes while it is fetched is begun anew. */
const MOST_RESTARTS = 3

/** One download: from the first request to the file. */
class Download {
  readonly #parts: Parts
  /** A response that was asked for to learn the name, and can be used. */
  #first: Response | null = null
  #restarts = 0
  #resumedFrom = 0
  #attempt = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async run(target: string | undefined): Promise<DownloadedFile> {
    try {
      const path = await this.#path(target)
      await refuseExisting(path, this.#parts.options.overwrite === true)
      if (busy.has(path)) throw new DownloadError(`${path} is being downloaded already`)
      busy.add(path)
      try {
        return await this.#save(path)
      } finally {
        busy.delete(path)
      }
    } finally {
      this.#first?.close()
    }
  }

  async #path(target: string | undefined): Promise<string> {
    const path = resolve(target ?? '.')
    if (!(await isFolder(path))) return path
    this.#first = await this.#parts.source.ask(null)
    this.#first.raiseForStatus()
    return targetPath(this.#first, path, { dotfiles: this.#parts.options.dotfiles === true })
  }

  async #save(path: string): Promise<DownloadedFile> {
    const { options, url, segments } = this.#parts
    const file = await PartialFile.open(path, url, options.resume !== false && segments === 1)
    this.#resumedFrom = file.bytes
    try {
      const last = segments > 1 ? await this.#fetchInSegments(file) : await this.#fetch(file)
      const digest = checkedDigest(this.#parts.checksum, last)
      const { size: bytes } = await file.handle.stat()
      await file.publish(options.overwrite === true)
      return { path, bytes, checksum: digest, resumedFrom: this.#resumedFrom }
    } catch (error) {
      const isOfUse = file.canGoOn && isInterruption(error)
      await file.abandon(isOfUse && options.resume !== false)
      throw error
    }
  }

  /** Fetches what is missing, however many requests it takes. @returns the last response. */
  async #fetch(file: PartialFile): Promise<Response> {
    const { source, checksum } = this.#parts
    if (checksum !== null) await restartChecksum(checksum, file.path, file.bytes)
    for (let failures = 0; ;) {
      const before = file.bytes
      try {
        const response = await this.#next(file)
        try {
          if (await this.#receive(response, file)) return response
        } finally {
          response.close()
        }
        if (file.bytes <= before) this.#countRestart(response)
      } catch (error) {
        if (!(await source.mayGoOn(error, ++failures))) throw error
      }
    }
  }

  async #next(file: PartialFile): Promise<Response> {
    const first = this.#first
    this.#first = null
    const range = file.canGoOn ? { first: file.bytes, last: null, validator: file.version.validator } : null
    if (first !== null && range === null) return first
    first?.close()
    return this.#parts.source.ask(range)
  }

  /** Takes what a response gives. @returns whether the file is whole. */
  async #receive(response: Response, file: PartialFile): Promise<boolean> {
    const { statusCode } = response
    if (statusCode === 416 && file.bytes > 0) {
      // RFC 9110 section 15.5.17: nothing is left to ask for, if the length is still the same.
      if (parseContentRange(response.headers.get('content-range'))?.total === file.bytes) return true
      await this.#restart(file, { validator: null, total: null })
      return false
    }
    response.raiseForStatus()
    if (statusCode === 206) {
      const range = fittingRange(response, file.bytes, file.version)
      if (range === null) {
        await this.#restart(file, { validator: null, total: null })
        return false
      }
      if (file.bytes === 0) await this.#restart(file, { validator: strongValidator(response), total: range.total })
      await this.#append(response, file, range.total)
      return file.bytes === (range.total ?? file.version.total ?? file.bytes)
    }
    if (statusCode < 200 || statusCode > 299)
      throw new DownloadError(`GET ${redactUrl(response.url)}: ${statusCode} has no content to save`, { response })
    await this.#restart(file, versionOf(response))
    await this.#append(response, file, file.version.total)
    return file.bytes === (file.version.total ?? file.bytes)
  }

  async #restart(file: PartialFile, version: Version): Promise<void> {
    this.#resumedFrom = 0
    await file.restart(version)
    if (this.#parts.checksum !== null) await restartChecksum(this.#parts.checksum, file.path, 0)
  }

  #countRestart(response: Response): void {
    if (++this.#restarts > MOST_RESTARTS) throw changed(response)
  }

  async #append(response: Response, file: PartialFile, total: number | null): Promise<void> {
    const { checksum, maxBytes, options } = this.#parts
    const attempt = ++this.#attempt
    if (total !== null && total > maxBytes) throw tooLong(response, maxBytes)
    for await (const piece of response.iterContent()) {
      if (file.bytes + piece.length > maxBytes) throw tooLong(response, maxBytes)
      if (total !== null && file.bytes + piece.length > total) throw longerThan(total, response)
      await file.append(piece)
      checksum?.hash.update(piece)
      options.onProgress?.({ transferred: file.bytes, total, isDone: false, attempt })
    }
    options.onProgress?.({ transferred: file.bytes, total, isDone: total === null || file.bytes === total, attempt })
  }

  /** Asks for one byte first: the answer says whether parts can be had, and of what. */
  async #fetchInSegments(file: PartialFile): Promise<Response> {
    const { source, maxBytes, segments, checksum, options } = this.#parts
    this.#first?.close()
    const probe = await source.ask({ first: 0, last: 0, validator: null })
    const total = parseContentRange(probe.headers.get('content-range'))?.total ?? null
    const validator = strongValidator(probe)
    const count = segmentCount(total ?? 0, segments)
    if (probe.statusCode !== 206 || total === null || validator === null || count === 1) {
      if (probe.statusCode === 200) this.#first = probe
      else await probe.read()
      return this.#fetch(file)
    }
    await probe.read()
    if (total > maxBytes) throw tooLong(probe, maxBytes)
    let transferred = 0
    const write = async (piece: Buffer, position: number): Promise<void> => {
      await file.writeAt(piece, position)
      transferred += piece.length
      options.onProgress?.({ transferred, total, isDone: transferred === total, attempt: this.#restarts + 1 })
    }
    try {
      await fetchSegments(source, { total, validator }, count, write, options.signal)
    } catch (error) {
      if (!(error instanceof DownloadError) || error.code !== 'ERR_CONTENT_CHANGED') throw error
      this.#countRestart(probe)
      await file.handle.truncate(0)
      return this.#fetchInSegments(file)
    }
    if (checksum !== null) await restartChecksum(checksum, file.path, total)
    return probe
  }
}

/** Whether what there is may be gone on with: not if it is wrong, or must not be that long. */
function isInterruption(error: unknown): boolean {
  if (error instanceof LimitExceededError) return false
  return !(error instanceof DownloadError) || error.code === 'ERR_FILE_EXISTS'
}

function longerThan(total: number, response: Response): DownloadError {
  return new DownloadError(
    `GET ${redactUrl(response.url)}: there is more content than the ${total} bytes that were announced`,
    { response },
  )
}

function changed(response: Response): DownloadError {
  return new DownloadError(
    `GET ${redactUrl(response.url)}: the content kept changing on the server while it was fetched`,
    {
      code: 'ERR_CONTENT_CHANGED',
      response,
    },
  )
}
