import {
  AuthBase,
  type AuthContext,
  OriginScope,
  type PreparedRequest,
  readOptions,
  type Response,
  UsageError,
} from '@entreat/core'
import { KerberosError } from './errors.ts'
import { meansNoKerberos } from './gss-failure.ts'
import { Initiator, isAddress } from './initiator.ts'
import { sendUnanswered } from './kerberos-auth.ts'
import { KERBEROS_OPTIONS, type KerberosOptions, resolveOptions } from './kerberos-options.ts'
import { NegotiateExchange } from './negotiate-exchange.ts'
import { RecentOrigins } from './recent-origins.ts'

/** What {@link NegotiateAuth} takes: what KerberosAuth takes, and what to fall back to. */
export interface NegotiateOptions extends KerberosOptions {
  /** Signs in where Kerberos cannot: an NTLM scheme. Default: none, and this scheme does what KerberosAuth does. */
  readonly ntlm?: AuthBase | undefined
}

const NEGOTIATE_OPTIONS: ReadonlySet<string> = new Set([...KERBEROS_OPTIONS, 'ntlm'])

/** How long NTLM is used without asking Kerberos again: a KDC comes back, and a ticket is got. */
const FALLBACK_MS = 10 * 60_000

/**
 * Kerberos, and NTLM where there is no ticket to be had, where the server offers nothing else, and where the host is an address.
 *
 * What was found is remembered for ten minutes for each server. After a server that did not prove who it is there is no falling back.
 */
export class NegotiateAuth extends AuthBase {
  readonly #scope: OriginScope
  readonly #initiator: Initiator
  readonly #ntlm: AuthBase | null
  /** When Kerberos is to be tried again, in milliseconds since the epoch. */
  readonly #fallenBack: RecentOrigins<number> = new RecentOrigins()

  /** @throws UsageError for options that cannot be meant, or that the given provider cannot honour. */
  constructor(options?: NegotiateOptions) {
    super()
    const own = readOptions(options, NEGOTIATE_OPTIONS, 'NegotiateAuth')
    const { ntlm = null } = own
    if (ntlm !== null && typeof ntlm?.authFlow !== 'function') {
      throw new UsageError('NegotiateAuth: ntlm must be a scheme, such as new NTLMAuth({ … })')
    }
    this.#ntlm = ntlm
    this.#scope = new OriginScope({ origins: own.origins }, 'NegotiateAuth')
    this.#initiator = new Initiator(resolveOptions(own, 'NegotiateAuth'), 'NegotiateAuth')
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const refusal = this.#scope.refusal(request, context)
    if (refusal !== null) yield* sendUnanswered(request, context, refusal)
    else if (this.#ntlm === null) yield* new NegotiateExchange(this.#initiator, request, context).run()
    else if (this.#isNtlmFirst(context)) yield* this.#fallBack(this.#ntlm, request, context)
    else {
      const unsigned = request.copy()
      if (yield* this.#tryKerberos(request, context)) return
      this.#fallenBack.set(context, context.now() + FALLBACK_MS)
      const cookie = request.headers.get('cookie')
      if (cookie !== null) unsigned.headers.set('Cookie', cookie)
      yield* this.#fallBack(this.#ntlm, unsigned, context)
    }
  }

  #isNtlmFirst(context: AuthContext): boolean {
    if (this.#initiator.options.hostname === null && isAddress(context.recipientOrigin)) return true
    return context.now() < (this.#fallenBack.get(context) ?? 0)
  }

  /** @returns whether the last response is the result. */
  async *#tryKerberos(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, boolean, Response> {
    try {
      const response = yield* new NegotiateExchange(this.#initiator, request, context).run()
      return !offersOnlyNtlm(response, context)
    } catch (error) {
      if (error instanceof KerberosError && meansNoKerberos(error.reason)) return false
      throw error
    }
  }

  async *#fallBack(
    ntlm: AuthBase,
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    if (ntlm.connectionBound) await context.bind()
    yield* ntlm.authFlow(request, context)
  }
}

function offersOnlyNtlm(response: Response, context: AuthContext): boolean {
  if (response.statusCode !== (context.recipient === 'proxy' ? 407 : 401)) return false
  const schemes = context.challenges(response).map(({ scheme }) => scheme.toLowerCase())
  return schemes.includes('ntlm') && !schemes.includes('negotiate')
}
