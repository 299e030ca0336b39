import { RequestException, type RequestExceptionOptions } from '@entreat/core'

/**
 * The path is being downloaded to already, or the status has no content that could be saved.
 *
 * @remedy Wait for the other download, or look at `response`.
 * @code ERR_FILE_EXISTS - The path is taken, also by a link, and `overwrite` is not `true`.
 * @remedy Say `overwrite: true`, or choose another path.
 * @code ERR_NO_FILENAME - The target is a folder, and neither the response nor the URL names a file.
 * @remedy Give the path of a file.
 * @code ERR_CHECKSUM - The content is not what was expected. Nothing was saved.
 * @remedy Check the expected digest; download again.
 * @code ERR_CONTENT_CHANGED - The content kept changing on the server while it was fetched.
 * @remedy Download later, or in one piece (`segments: 1`).
 */
export class DownloadError extends RequestException {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'DownloadError' })
  }

  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, { code: 'ERR_DOWNLOAD', ...options })
  }
}
