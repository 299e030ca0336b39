import type { AuthBase } from '../auth/auth-base.ts'
import { AuthenticationError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Connection } from '../transport/transport-adapter.ts'
import type { ExchangeContext, ExchangeOptions } from './exchange.ts'
import type { Binder } from './flow-context.ts'

/** The connection that an exchange has reserved, if it has. Origin and proxy schemes of one hop share it. */
export class Lease implements Binder {
  readonly #context: ExchangeContext
  #connection: Connection | null = null
  /** Whether anybody has asked for a connection. */
  isAsked = false

  constructor(context: ExchangeContext) {
    this.#context = context
  }

  get connection(): Connection | null {
    return this.#connection
  }

  /**
   * Reserves a connection, or gives the one that is reserved already.
   *
   * @throws AuthenticationError if the adapter has none to reserve.
   */
  async reserve(request: PreparedRequest, options: ExchangeOptions, auth: AuthBase): Promise<Connection> {
    this.isAsked = true
    if (this.#connection !== null && !this.#connection.closed) return this.#connection
    const adapter = this.#context.getAdapter(request.url)
    if (adapter.acquire === undefined) {
      throw new AuthenticationError(
        `${auth.constructor.name} needs a connection of its own, and ${adapter.constructor.name} has no connections to reserve`,
        { request },
      )
    }
    this.#connection = await adapter.acquire(request, options, auth.poolKey)
    return this.#connection
  }

  /** Returns the connection when the last body has ended; destroys it if that body is given up. */
  endWith(response: Response): void {
    const connection = this.#connection
    if (connection !== null) response.whenDone(() => connection.release())
  }

  destroy(cause: unknown): void {
    this.#connection?.destroy(cause instanceof Error ? cause : undefined)
  }
}
