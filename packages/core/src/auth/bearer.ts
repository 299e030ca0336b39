import type { PreparedRequest } from '../message/prepared-request.ts'
import { AuthBase, type AuthContext } from './auth-base.ts'

/** A token, or a function that gives the current one. */
export type TokenSource = string | (() => string | Promise<string>)

/**
 * A Bearer token in the Authorization header.
 *
 * @see RFC 6750 section 2.1
 */
export class BearerAuth extends AuthBase {
  readonly #token: TokenSource

  constructor(token: TokenSource) {
    super()
    this.#token = token
  }

  override async apply(request: PreparedRequest, context: AuthContext): Promise<void> {
    const token = typeof this.#token === 'function' ? await this.#token() : this.#token
    context.authorize(request, `Bearer ${token}`)
  }
}
