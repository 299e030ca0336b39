import {
  ConnectionError,
  type PreparedRequest,
  type Response,
  type TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { type SendOn, WrappingAdapter } from '../adapters/wrapping-adapter.ts'
import { SignalLinks } from '../signals/signal-links.ts'
import { RateLimiter, type RateLimiterOptions } from './rate-limiter.ts'

/**
 * An adapter whose requests wait for a {@link RateLimiter}. Everything that goes over the wire is counted: redirects, retries and refused legs of
 * authentication too. The wait counts against `timeout.total` alone.
 *
 * @example session.mount('https://api.example.com/', new RateLimitAdapter({ limit: 10 }))
 */
export class RateLimitAdapter extends WrappingAdapter {
  readonly #limiter: RateLimiter
  readonly #waiting = new Set<AbortController>()
  readonly #links = new SignalLinks()

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
    await this.#wait(origin, options.signal)
    const response = await send(request, options)
    this.#limiter.observe(origin, response)
    return response
  }

  /** Waits for the limiter, until the signal or {@link close} ends it. */
  async #wait(origin: string, signal: AbortSignal | undefined): Promise<void> {
    const turn = new AbortController()
    const unlink = this.#links.link(signal, turn)
    this.#waiting.add(turn)
    try {
      await this.#limiter.acquire(origin, turn.signal)
    } finally {
      this.#waiting.delete(turn)
      unlink()
    }
  }

  /** Requests that wait fail with a ConnectionError (`ERR_CLOSED`); those of others who share the limiter wait on. */
  override async close(): Promise<void> {
    const closed = new ConnectionError('The adapter was closed while the request waited for its turn', {
      code: 'ERR_CLOSED',
      connectionReused: false,
      requestBytesSent: 0,
      responseStarted: false,
    })
    for (const turn of this.#waiting) turn.abort(closed)
    await super.close()
  }
}
