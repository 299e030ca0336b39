import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { RequestException, type RequestOptions, UsageError } from '@entreat/core'
import type { FTPSession } from './ftp-session.ts'
import type { FTPEntry } from './listing/entry.ts'

/** How far a directory's transfer is, after a piece of one of its files. */
export interface DirectoryProgress {
  /** Below the directory, with slashes. */
  readonly file: string
  /** Bytes of this file so far. */
  readonly fileBytes: number
  /** Bytes of all files so far. */
  readonly bytes: number
  /** Files that are whole. */
  readonly filesDone: number
}

/** Options of a directory's transfer, beside those of every request. */
export interface DirectoryTransferOptions extends Omit<RequestOptions, 'data' | 'json' | 'files' | 'stream'> {
  /** Files at a time, each on a connection of its own. Default 4. */
  readonly concurrency?: number | undefined
  /** Go on where an earlier attempt ended, file by file. Default `false`. */
  readonly resume?: boolean | undefined
  /** Called after each piece. What it throws ends the transfer. */
  readonly onProgress?: ((progress: DirectoryProgress) => void) | undefined
}

/** What a directory's transfer came to. */
export interface DirectoryTransferResult {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  /** What was left alone: links, devices and the like, below the directory. */
  readonly skipped: readonly string[]
}

/** Deeper trees are taken for loops. */
const MOST_LEVELS = 64

interface Job {
  /** Below the directory, with slashes. */
  readonly name: string
  run(onProgress: (bytes: number) => void, signal: AbortSignal): Promise<{ readonly bytes: number }>
}

interface Found {
  readonly directories: string[]
  readonly files: string[]
  readonly skipped: string[]
}

/**
 * Downloads everything below a directory. Links are left alone: they may lead anywhere, and in circles.
 *
 * @throws HTTPError, what every request throws; RequestException with `ERR_UNSAFE_NAME` for a name that would leave the folder. What has been downloaded stays.
 */
export async function downloadTree(
  session: FTPSession,
  url: string,
  folder: string,
  options: DirectoryTransferOptions,
): Promise<DirectoryTransferResult> {
  const { concurrency, resume, onProgress, ...requestOptions } = options
  const found: Found = { directories: [], files: [], skipped: [] }
  await exploreServer(session, url, '', found, requestOptions)
  await mkdir(folder, { recursive: true })
  for (const directory of found.directories) await mkdir(join(folder, directory), { recursive: true })
  const jobs = found.files.map((name): Job => ({
    name,
    run: (report, signal) =>
      session.download(below(url, name), join(folder, name), {
        ...requestOptions,
        resume,
        signal,
        onProgress: ({ bytes }) => report(bytes),
      }),
  }))
  return runAll(jobs, found, { concurrency, onProgress, signal: requestOptions.signal })
}

async function exploreServer(
  session: FTPSession,
  url: string,
  directory: string,
  found: Found,
  options: RequestOptions,
): Promise<void> {
  checkDepth(directory)
  for (const entry of await session.entries(`${below(url, directory)}/`.replace(/\/+$/, '/'), options)) {
    const name = directory === '' ? checkedName(entry) : `${directory}/${checkedName(entry)}`
    if (entry.type === 'directory') {
      found.directories.push(name)
      await exploreServer(session, url, name, found, options)
    } else (entry.type === 'file' ? found.files : found.skipped).push(name)
  }
}

/**
 * A server names the files, and could name one that is elsewhere (CVE-2002-1345 and its descendants).
 *
 * @code ERR_UNSAFE_NAME (RequestException) - `downloadDirectory` of a server that lists a name with a path in it, which would leave the folder.
 * @remedy Do not trust the server; fetch the files that you want one by one.
 */
function checkedName({ name }: FTPEntry): string {
  const isSafe = name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && basename(name) === name
  if (isSafe) return name
  const shown = JSON.stringify(name.slice(0, 100))
  throw new RequestException(`The server lists a file named ${shown}, which would leave the folder`, {
    code: 'ERR_UNSAFE_NAME',
  })
}

/**
 * Uploads everything below a folder; directories that are there already stay. Links are left alone.
 *
 * @throws HTTPError, and what every request throws. What has been uploaded stays.
 */
export async function uploadTree(
  session: FTPSession,
  folder: string,
  url: string,
  options: DirectoryTransferOptions & { readonly atomic?: boolean | undefined },
): Promise<DirectoryTransferResult> {
  const { concurrency, resume, atomic, onProgress, ...requestOptions } = options
  const found: Found = { directories: [], files: [], skipped: [] }
  await exploreFolder(folder, '', found)
  for (const directory of ['', ...found.directories])
    await ensureDirectory(session, below(url, directory), requestOptions)
  const jobs = found.files.map((name): Job => ({
    name,
    run: (report, signal) =>
      session.upload(join(folder, name), below(url, name), {
        ...requestOptions,
        resume,
        atomic,
        signal,
        onProgress: ({ bytes }) => report(bytes),
      }),
  }))
  return runAll(jobs, found, { concurrency, onProgress, signal: requestOptions.signal })
}

async function exploreFolder(folder: string, directory: string, found: Found): Promise<void> {
  checkDepth(directory)
  for (const entry of await readdir(join(folder, directory), { withFileTypes: true })) {
    const name = directory === '' ? entry.name : `${directory}/${entry.name}`
    if (entry.isDirectory()) {
      found.directories.push(name)
      await exploreFolder(folder, name, found)
    } else (entry.isFile() ? found.files : found.skipped).push(name)
  }
}

function checkDepth(directory: string): void {
  if (directory.split('/').length <= MOST_LEVELS) return
  throw new UsageError(
    `The directory has more than ${MOST_LEVELS} levels: it leads in a circle, or is to be taken in parts`,
  )
}

async function ensureDirectory(session: FTPSession, url: string, options: RequestOptions): Promise<void> {
  const there = await session.head(`${url}/`, options)
  if (!there.ok) await session.mkd(url, options)
}

/** Runs jobs, so many at a time; the first that fails ends the others. */
async function runAll(
  jobs: readonly Job[],
  { directories, skipped }: Found,
  options: Pick<DirectoryTransferOptions, 'concurrency' | 'onProgress' | 'signal'>,
): Promise<DirectoryTransferResult> {
  const { concurrency = 4, onProgress, signal } = options
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new UsageError('concurrency must be a whole number of 1 or more')
  const stop = new AbortController()
  const combined = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const bytesOf = new Map<string, number>()
  let filesDone = 0
  const queue = jobs.values()
  const work = async (): Promise<void> => {
    for (const job of queue) {
      const { name } = job
      const report = (fileBytes: number): void => {
        bytesOf.set(name, fileBytes)
        onProgress?.({ file: name, fileBytes, bytes: sum(bytesOf), filesDone })
      }
      await job.run(report, combined)
      filesDone++
    }
  }
  const workers = Array.from({ length: Math.min(concurrency, jobs.length) }, () => work())
  try {
    await Promise.all(workers)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(workers)
    throw error
  }
  return { files: filesDone, directories: directories.length, bytes: sum(bytesOf), skipped }
}

function sum(numbers: ReadonlyMap<string, number>): number {
  let total = 0
  for (const value of numbers.values()) total += value
  return total
}

/** The URL of something below a directory. */
function below(url: string, name: string): string {
  const directory = url.replace(/\/+$/, '')
  if (name === '') return directory
  return `${directory}/${name.split('/').map(encodeURIComponent).join('/')}`
}
