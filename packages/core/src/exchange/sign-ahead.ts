import { signsOnly } from '../auth/auth-base.ts'
import { AuthenticationError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { type Binder, FlowContext } from './flow-context.ts'
import { cookieHeader, setCookieHeader } from './cookies.ts'
import type { ExchangeContext, ExchangeOptions } from './exchange.ts'
import { transport } from './transport.ts'

const NOTHING_TO_BIND: Binder = {
  reserve: () => Promise.reject(new AuthenticationError('A connection can only be bound while the request is sent')),
}

/**
 * A copy with what can be known before sending: Cookie, and the signature of schemes that need no answer.
 * The unsigned original is kept inside, so that sending the copy untouched signs anew.
 */
export async function signAhead(
  original: PreparedRequest,
  options: ExchangeOptions,
  context: ExchangeContext,
): Promise<PreparedRequest> {
  const signed = original.copy()
  if (!signed.headers.has('cookie')) setCookieHeader(signed, await cookieHeader(signed, context.cookies))
  const { auth } = original
  if (auth !== null && signsOnly(auth)) {
    const wire = transport(context)
    await auth.apply(
      signed,
      new FlowContext({ auth, recipient: 'origin', request: signed, options, binder: NOTHING_TO_BIND, wire }),
    )
    signed.auth = null
  }
  return signed.signedFrom(original)
}
