import { type Content, type RequestOptions, type Response, Session, type SessionOptions } from '@entreat/core'
import {
  type DirectoryTransferOptions,
  type DirectoryTransferResult,
  downloadTree,
  uploadTree,
} from './directory-transfer.ts'
import {
  downloadFile,
  ensureOk,
  type FileTransferOptions,
  type TransferResult,
  uploadFile,
  type UploadOptions,
  withHeader,
} from './file-transfer.ts'
import { FTPAdapter } from './ftp-adapter.ts'
import type { FTPEntry } from './listing/entry.ts'
import type { FTPAdapterOptions } from './options.ts'

/** What {@link ftpSession} takes: what every Session takes, and options for the adapter. */
export interface FTPSessionOptions extends SessionOptions {
  /** For the FTPAdapter that is mounted. */
  readonly ftp?: FTPAdapterOptions | undefined
}

/**
 * A Session that knows `ftp:` and `ftps:` URLs, with FTP's own verbs. Where a plain request gives a response with a status, these give what was asked for, and throw
 * HTTPError for what the server refuses.
 */
export class FTPSession extends Session {
  constructor({ ftp, ...options }: FTPSessionOptions = {}) {
    super(options)
    const adapter = new FTPAdapter(ftp)
    this.mount('ftp://', adapter).mount('ftps://', adapter)
  }

  async #ask(method: string, url: string | URL, options: RequestOptions | undefined): Promise<Response> {
    return ensureOk(await this.request(method, url, options))
  }

  /** What is in a directory, by LIST: dates to the minute at best, in the server's zone. */
  async list(url: string | URL, options?: RequestOptions): Promise<FTPEntry[]> {
    return (await this.#ask('LIST', url, options)).json<FTPEntry[]>()
  }

  /** What is in a directory, by MLSD: exact. @throws HTTPError with 501 where the server has no MLSD, such as vsftpd. */
  async mlsd(url: string | URL, options?: RequestOptions): Promise<FTPEntry[]> {
    return (await this.#ask('MLSD', url, options)).json<FTPEntry[]>()
  }

  /** What is in a directory, by MLSD, or by LIST where the server has no MLSD. @param url - with a slash at its end. */
  async entries(url: string | URL, options?: RequestOptions): Promise<FTPEntry[]> {
    return (await this.#ask('GET', url, options)).json<FTPEntry[]>()
  }

  /** The names in a directory. */
  async nlst(url: string | URL, options?: RequestOptions): Promise<string[]> {
    return (await this.#ask('NLST', url, options)).json<string[]>()
  }

  /** A file as a streamed response: iterate it, pipe `raw`, or `await read()`. */
  async retr(url: string | URL, options?: RequestOptions): Promise<Response> {
    return ensureOk(await this.request('GET', url, { ...options, stream: true }))
  }

  /** Writes a file. */
  stor(url: string | URL, data: Content, options?: RequestOptions & { readonly atomic?: boolean }): Promise<Response> {
    const { atomic, ...others } = options ?? {}
    const headers =
      atomic === undefined ? others.headers : withHeader(others, 'Upload-Mode', atomic ? 'atomic' : 'direct')
    return this.#ask('PUT', url, { ...others, headers, data })
  }

  /** Appends to a file, or begins it. */
  appe(url: string | URL, data: Content, options?: RequestOptions): Promise<Response> {
    return this.#ask('POST', url, { ...options, data })
  }

  /** The size of a file in bytes; `null` if the server does not tell. */
  async size(url: string | URL, options?: RequestOptions): Promise<number | null> {
    const length = (await this.#ask('HEAD', url, options)).headers.get('content-length')
    return length === null ? null : Number(length)
  }

  /** When a file was written, to the second; `null` if the server does not tell. */
  async mdtm(url: string | URL, options?: RequestOptions): Promise<Date | null> {
    const modified = (await this.#ask('HEAD', url, options)).headers.get('last-modified')
    return modified === null ? null : new Date(modified)
  }

  /** Makes a directory; its parent must be there. */
  async mkd(url: string | URL, options?: RequestOptions): Promise<void> {
    await this.#ask('MKCOL', url, options)
  }

  /** Removes an empty directory. */
  async rmd(url: string | URL, options?: RequestOptions): Promise<void> {
    await this.#ask('DELETE', `${String(url).replace(/\/+$/, '')}/`, options)
  }

  /** Removes a file. */
  async dele(url: string | URL, options?: RequestOptions): Promise<void> {
    await this.#ask('DELETE', url, options)
  }

  /** Renames or moves a file or directory on its server. @param to - a URL of the same server, or a path that begins with a slash. */
  async rename(from: string | URL, to: string | URL, options: RequestOptions = {}): Promise<void> {
    await this.#ask('MOVE', from, { ...options, headers: withHeader(options, 'Destination', String(to)) })
  }

  /**
   * Downloads a file to `path`, by way of `PATH.part`.
   *
   * @throws HTTPError, and what every request throws; then `PATH.part` stays, for another attempt with `resume`.
   */
  download(url: string | URL, path: string, options: FileTransferOptions = {}): Promise<TransferResult> {
    return downloadFile(this, String(url), path, options)
  }

  /** Uploads a file; with `resume` from where the server's copy ends. */
  upload(path: string, url: string | URL, options: UploadOptions = {}): Promise<TransferResult> {
    return uploadFile(this, path, String(url), options)
  }

  /** Downloads everything below a directory into a folder, several files at a time. */
  downloadDirectory(
    url: string | URL,
    folder: string,
    options: DirectoryTransferOptions = {},
  ): Promise<DirectoryTransferResult> {
    return downloadTree(this, String(url), folder, options)
  }

  /** Uploads everything below a folder, several files at a time. */
  uploadDirectory(
    folder: string,
    url: string | URL,
    options: DirectoryTransferOptions & { readonly atomic?: boolean | undefined } = {},
  ): Promise<DirectoryTransferResult> {
    return uploadTree(this, folder, String(url), options)
  }
}

/**
 * Makes a Session for FTP.
 *
 * @throws UsageError for an unknown option.
 */
export function ftpSession(options?: FTPSessionOptions): FTPSession {
  return new FTPSession(options)
}
