import { RequestException, type RequestExceptionOptions } from '@entreat/core'

/**
 * What was received is no multipart body, or breaks off: no boundary in the Content-Type, a part without an end to its headers, no closing boundary.
 *
 * @remedy Check what the server sent; a body that breaks off may be fetched again.
 */
export class MultipartError extends RequestException {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'MultipartError' })
  }

  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, { code: 'ERR_MULTIPART', ...options })
  }
}

/**
 * The Content-Type is not `multipart/…`.
 *
 * @remedy Check status and Content-Type before decoding.
 */
export class NonMultipartContentTypeError extends MultipartError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'NonMultipartContentTypeError' })
  }

  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, { code: 'ERR_NOT_MULTIPART', ...options })
  }
}
