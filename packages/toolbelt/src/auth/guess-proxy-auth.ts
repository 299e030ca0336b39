import { AuthBase, type AuthContext, type PreparedRequest, type Response } from '@entreat/core'
import { GuessAuth } from './guess-auth.ts'

/**
 * {@link GuessAuth} for the origin and for the proxy, each with credentials of its own: give it as `auth` and as `proxyAuth`. Where it has no credentials
 * it sends none.
 */
export class GuessProxyAuth extends AuthBase {
  readonly #origin: GuessAuth | null
  readonly #proxy: GuessAuth | null

  constructor(
    username: string | null = null,
    password: string | null = null,
    proxyUsername: string | null = null,
    proxyPassword: string | null = null,
  ) {
    super()
    this.#origin = username === null ? null : new GuessAuth(username, password ?? '')
    this.#proxy = proxyUsername === null ? null : new GuessAuth(proxyUsername, proxyPassword ?? '')
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const guess = context.recipient === 'proxy' ? this.#proxy : this.#origin
    if (guess === null) yield request
    else yield* guess.authFlow(request, context)
  }
}
