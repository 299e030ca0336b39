import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Response } from '@entreat/core'
import { DownloadError } from './download-error.ts'
import { filenameOf, type SafeFilenameOptions } from './safe-filename.ts'

/**
 * Where a response is to be saved.
 *
 * @param target - a path, taken as it is; or a folder that exists, in which the response names the file. Default: the working directory.
 * @throws DownloadError (`ERR_NO_FILENAME`) if neither has a name.
 */
export async function targetPath(
  response: Response,
  target: string | undefined,
  options: SafeFilenameOptions,
): Promise<string> {
  const path = resolve(target ?? '.')
  if (!(await isFolder(path))) return path
  const name = filenameOf(response, options)
  if (name !== null) return join(path, name)
  throw new DownloadError(
    `${response.request.method} ${response.request.origin}: neither Content-Disposition nor the URL names a file. Give a path with a file name`,
    {
      code: 'ERR_NO_FILENAME',
      response,
    },
  )
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true
}

/** @throws DownloadError (`ERR_FILE_EXISTS`). */
export async function refuseExisting(path: string, overwrite: boolean): Promise<void> {
  if (overwrite || (await lstat(path).catch(() => null)) === null) return
  throw alreadyExists(path)
}

function alreadyExists(path: string, cause?: unknown): DownloadError {
  return new DownloadError(`File already exists: ${path}. Give another path, or overwrite: true`, {
    code: 'ERR_FILE_EXISTS',
    cause,
  })
}

/** A file in the making, under a name that nobody can guess, beside the one that it will have. */
export class TargetFile {
  readonly #path: string
  readonly #temporary: string
  readonly #overwrite: boolean
  readonly #handle: FileHandle
  #isOpen = true

  private constructor(path: string, temporary: string, overwrite: boolean, handle: FileHandle) {
    this.#path = path
    this.#temporary = temporary
    this.#overwrite = overwrite
    this.#handle = handle
  }

  /** @throws DownloadError if the path is taken, and may not be overwritten. */
  static async create(path: string, overwrite: boolean): Promise<TargetFile> {
    await refuseExisting(path, overwrite)
    const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(8).toString('hex')}.part`)
    return new TargetFile(path, temporary, overwrite, await open(temporary, 'wx'))
  }

  async write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#handle, bytes, null)
  }

  /** Gives the file its name. It was complete before anybody could see it. */
  async commit(): Promise<void> {
    await this.#handle.sync()
    await this.#close()
    try {
      await publish(this.#temporary, this.#path, this.#overwrite)
    } catch (error) {
      await unlink(this.#temporary).catch(() => {})
      throw error
    }
  }

  /** Removes what there is. */
  async discard(): Promise<void> {
    if (!this.#isOpen) return
    await this.#close().catch(() => {})
    await unlink(this.#temporary).catch(() => {})
  }

  async #close(): Promise<void> {
    this.#isOpen = false
    await this.#handle.close()
  }
}

/**
 * Moves a finished file to its place. Without `overwrite` a file that has appeared there meanwhile is not replaced.
 *
 * @throws DownloadError (`ERR_FILE_EXISTS`).
 */
export async function publish(from: string, to: string, overwrite: boolean): Promise<void> {
  if (overwrite) return rename(from, to)
  try {
    // Unlike rename(), link() fails if the name is taken.
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw alreadyExists(to, error)
    // A file system without hard links.
    await refuseExisting(to, false)
    return rename(from, to)
  }
  await unlink(from)
}

/** Writes all bytes, however many calls it takes. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(
      bytes,
      written,
      bytes.length - written,
      position === null ? null : position + written,
    )
    written += bytesWritten
  }
}

/** Opens a file for reading and writing, makes it if need be, and follows no symbolic link that somebody put in its place. */
export function openOwn(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o666)
}
