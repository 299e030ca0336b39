import { resolveAuth } from './auth/resolve-auth.ts'
import { nextCallId } from './diagnostics.ts'
import { UsageError } from './errors.ts'
import { netrcAuth } from './environment.ts'
import type { ExchangeOptions } from './exchange/exchange.ts'
import { ProxyRules } from './proxies.ts'
import { Retry } from './retry.ts'
import type { Session } from './session.ts'
import type { RequestOptions } from './settings.ts'
import { resolveTimeout } from './timeout.ts'
import { resolveLimits } from './limits.ts'

/** What sending takes from the request's options, the session's, the environment and the defaults, in this order. */
export function resolveExchange(
  session: Session,
  options: RequestOptions,
  { signal, lifetime, omitsCookies }: Pick<ExchangeOptions, 'signal' | 'lifetime' | 'omitsCookies'>,
): ExchangeOptions {
  const maxRedirects = options.maxRedirects ?? session.maxRedirects
  if (typeof maxRedirects !== 'number' || !(maxRedirects >= 0))
    throw new UsageError('maxRedirects must be a number of 0 or more')
  const verify = options.verify ?? session.verify
  const readsNetrc = session.trustEnv && options.auth !== null
  return {
    stream: options.stream ?? session.stream,
    timeout: options.timeout === undefined ? session.timeout : resolveTimeout(options.timeout, session.timeout),
    verify,
    readsCaBundle: verify === true && session.trustEnv,
    cert: options.cert === undefined ? session.cert : options.cert,
    proxy: null,
    // Said, so that nothing inherited takes the place of what a hop may add.
    connection: undefined,
    proxyFlow: undefined,
    limits: options.limits === undefined ? session.limits : resolveLimits(options.limits, session.limits),
    signal,
    lifetime,
    omitsCookies,
    allowRedirects: options.allowRedirects ?? true,
    maxRedirects,
    retry: options.retry === undefined ? session.retry : Retry.from(options.retry),
    proxies: ProxyRules.of(options.proxies, session.proxies, session.trustEnv),
    proxyAuth: options.proxyAuth === undefined ? session.proxyAuth : resolveAuth(options.proxyAuth),
    sensitiveHeaders: options.sensitiveHeaders
      ? [...session.sensitiveHeaders, ...options.sensitiveHeaders]
      : session.sensitiveHeaders,
    environmentAuth: readsNetrc ? netrcAuth : () => null,
    detectEncoding: session.detectEncoding,
    clock: session.clock,
    id: nextCallId(),
    hop: 0,
    attempt: 0,
  }
}
