import { authentication } from './authentication.ts'
import { cookies } from './cookies.ts'
import type { Exchange, ExchangeContext } from './exchange.ts'
import { redirects } from './redirects.ts'
import { retries } from './retries.ts'
import { transport } from './transport.ts'

/** The five layers of a Session, outermost first. Data flows down and back up; no layer knows those above it. */
export function compose(context: ExchangeContext): Exchange {
  const wire = transport(context)
  return redirects(retries(authentication(cookies(wire, context), wire, context)), context)
}
