import type { PreparedRequest, Response, TransportAdapter, TransportOptions } from '@entreat/core'
import { type SendOn, WrappingAdapter } from '../adapters/wrapping-adapter.ts'
import { RateLimiter, type RateLimiterOptions } from './rate-limiter.ts'

/**
 * An adapter whose requests wait for a {@link RateLimiter}. Everything that goes over the wire is counted: redirects, retries and refused legs of
 * authentication too. The wait counts against `timeout.total` alone.
 *
 * @example session.mount('https://api.example.com/', new RateLimitAdapter({ limit: 10 }))
 */
export class RateLimitAdapter extends WrappingAdapter {
  readonly #limiter: RateLimiter

  /**
   * @param limiter - options for one, or one that is shared with others.
   * @param inner - who sends. Default: a new HTTPAdapter. It is closed with this one.
   */
  constructor(limiter: RateLimiter | RateLimiterOptions, inner?: TransportAdapter) {
    super(inner)
    this.#limiter = limiter instanceof RateLimiter ? limiter : new RateLimiter(limiter)
  }

  protected async around(request: PreparedRequest, options: TransportOptions, send: SendOn): Promise<Response> {
    const { origin } = request
    await this.#limiter.acquire(origin, options.signal)
    const response = await send(request, options)
    this.#limiter.observe(origin, response)
    return response
  }

  override async close(): Promise<void> {
    this.#limiter.close()
    await super.close()
  }
}
