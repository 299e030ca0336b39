import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  OriginScope,
  type PreparedRequest,
  readOptions,
  type Response,
} from '@entreat/core'
import { describeRequest } from './errors.ts'
import { Initiator } from './initiator.ts'
import { KERBEROS_OPTIONS, type KerberosOptions, resolveOptions } from './kerberos-options.ts'
import { type Legs, NegotiateExchange } from './negotiate-exchange.ts'
import { serverToken } from './server-token.ts'

/**
 * Kerberos by HTTP Negotiate, for servers (401) and proxies (407).
 *
 * Each request has a security context of its own, and each answer must prove who it is from. N requests cost N round trips once the server has asked; with
 * `preemptive: true` from the first. Connections are the scheme's own: some servers sign in the whole connection.
 *
 * @see RFC 4559, RFC 4178
 */
export class KerberosAuth extends AuthBase {
  readonly #scope: OriginScope
  readonly #initiator: Initiator

  /** @throws UsageError for options that cannot be meant, or that the given provider cannot honour. */
  constructor(options?: KerberosOptions) {
    super()
    const own = readOptions(options, KERBEROS_OPTIONS, 'KerberosAuth')
    this.#scope = new OriginScope({ origins: own.origins }, 'KerberosAuth')
    this.#initiator = new Initiator(resolveOptions(own, 'KerberosAuth'), 'KerberosAuth')
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const refusal = this.#scope.refusal(request, context)
    if (refusal === null) yield* new NegotiateExchange(this.#initiator, request, context).run()
    else yield* sendUnanswered(request, context, refusal)
  }
}

/** To whom the credentials are not for: what they answer is the result, unless they ask. */
export async function* sendUnanswered(request: PreparedRequest, context: AuthContext, refusal: string): Legs {
  const response = yield request
  const isRefused = response.statusCode === 401 || response.statusCode === 407
  if (isRefused && serverToken(response, context).kind !== 'none') {
    throw new AuthenticationError(`${describeRequest(request)}: ${refusal}`, { request, response })
  }
  return response
}
