import { ConnectionError, type RequestExceptionOptions } from '@entreat/core'

/**
 * A request was not sent, because those before it failed.
 *
 * @remedy Wait `retryAfterMs`, or answer from elsewhere meanwhile.
 */
export class CircuitOpenError extends ConnectionError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'CircuitOpenError' })
  }

  /** Milliseconds until it may be tried again. */
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number, options: RequestExceptionOptions = {}) {
    super(message, {
      code: 'ERR_CIRCUIT_OPEN',
      requestBytesSent: 0,
      responseStarted: false,
      connectionReused: false,
      ...options,
    })
    this.retryAfterMs = retryAfterMs
  }
}
