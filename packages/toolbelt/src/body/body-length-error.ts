import { RequestException, type RequestExceptionOptions } from '@entreat/core'

/**
 * A body gave more or fewer bytes than it had announced.
 *
 * @remedy Announce the length that the body has, or none.
 */
export class BodyLengthError extends RequestException {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'BodyLengthError' })
  }

  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, { code: 'ERR_BODY_LENGTH', ...options })
  }
}
