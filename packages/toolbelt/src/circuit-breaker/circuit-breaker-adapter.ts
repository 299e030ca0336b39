import {
  type PreparedRequest,
  redactUrl,
  type Response,
  type TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { type SendOn, WrappingAdapter } from '../adapters/wrapping-adapter.ts'
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.ts'
import { CircuitOpenError } from './circuit-open-error.ts'

/**
 * An adapter that stops sending to an origin whose requests keep failing, and tries again after a while: those who wait for a dead server fail at once, and
 * a server that is coming back is not trampled. A circuit for each origin.
 *
 * @example session.mount('https://', new CircuitBreakerAdapter({ failures: 5, resetMs: 30_000 }))
 */
export class CircuitBreakerAdapter extends WrappingAdapter {
  /** Ask it for the state of an origin. */
  readonly breaker: CircuitBreaker

  /**
   * @param breaker - options for one, or one that is shared with others.
   * @param inner - who sends. Default: a new HTTPAdapter. It is closed with this one.
   */
  constructor(breaker: CircuitBreaker | CircuitBreakerOptions = {}, inner?: TransportAdapter) {
    super(inner)
    this.breaker = breaker instanceof CircuitBreaker ? breaker : new CircuitBreaker(breaker)
  }

  /** @throws CircuitOpenError instead of sending. */
  protected async around(request: PreparedRequest, options: TransportOptions, send: SendOn): Promise<Response> {
    const pass = this.breaker.enter(request.origin)
    if (typeof pass === 'number') {
      throw new CircuitOpenError(
        `${request.method} ${redactUrl(request.url)}: not sent, because the last requests to ${request.origin} failed. Try again in ${pass} ms`,
        pass,
        { request },
      )
    }
    try {
      const response = await send(request, options)
      pass.ended({ response })
      return response
    } catch (error) {
      pass.ended({ error })
      throw error
    }
  }
}
