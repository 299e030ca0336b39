import { RequestException, type RequestExceptionOptions } from '@entreat/core'

/**
 * A download could not become a file. `code` says why: `ERR_FILE_EXISTS`, `ERR_NO_FILENAME`, `ERR_CHECKSUM` (the content is not what was expected),
 * `ERR_CONTENT_CHANGED` (it kept changing on the server while it was fetched), else `ERR_DOWNLOAD`.
 */
export class DownloadError extends RequestException {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'DownloadError' })
  }

  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, { code: 'ERR_DOWNLOAD', ...options })
  }
}
