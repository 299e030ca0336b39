import { RequestException, type RequestExceptionOptions } from '@entreat/core'

/**
 * A request would have gone where it must not: to an address, a host or a port that is not allowed. Nothing was sent.
 *
 * @remedy Refuse the URL of your user. If the address is meant, name it in `allow`.
 */
export class BlockedAddressError extends RequestException {
  override readonly name: string = 'BlockedAddressError'

  constructor(message: string, options: RequestExceptionOptions = {}) {
    super(message, {
      code: 'ERR_BLOCKED_ADDRESS',
      connectionReused: false,
      requestBytesSent: 0,
      responseStarted: false,
      cause: new Error('refused before connecting'),
      ...options,
    })
  }
}
