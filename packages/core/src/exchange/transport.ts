import { announceLeg, tellsLegs } from '../diagnostics.ts'
import { environmentCa } from '../environment.ts'
import { InvalidSchema, redactUrl, UsageError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { isResponse, type Response } from '../message/response.ts'
import type { ParsedUrl } from '../message/url.ts'
import type { ChosenProxy } from '../proxies.ts'
import type { Connection, TransportAdapter } from '../transport/transport-adapter.ts'
import type { Exchange, ExchangeContext, ExchangeOptions } from './exchange.ts'

/** The lowest layer: picks the adapter, or the reserved connection, and completes the response it gives. */
export function transport(context: ExchangeContext): Exchange {
  return (request, options) => {
    if (options.lifetime.endedWith !== null) throw options.lifetime.endedWith
    const carrier = options.connection ?? pickAdapter(context, request, options)
    const started = performance.now()
    // An adapter may break its contract and give no promise.
    return Promise.resolve(carrier.send(request, options)).then(
      (response) => {
        if (!isResponse(response)) throw contractBroken(carrier, response)
        noteLeg(options, request, response, started)
        response.limits = options.limits
        response.detect = options.detectEncoding
        return response
      },
      (error: unknown) => {
        if (tellsLegs()) announceLeg(options, request, { error })
        throw error
      },
    )
  }
}

/** Dates a response and tells of it. @param started - when its request was sent, by `performance.now()`. */
export function noteLeg(options: ExchangeOptions, request: PreparedRequest, response: Response, started: number): void {
  response.elapsed = (response.marks.firstByte ?? performance.now()) - started
  response.started = started
  if (tellsLegs()) announceLeg(options, request, { response })
}

/** The first URL may have any scheme that an adapter is mounted for; a redirect may only lead to http and https. */
function pickAdapter(context: ExchangeContext, request: PreparedRequest, options: ExchangeOptions): TransportAdapter {
  const adapter = context.getAdapter(request.url)
  const { scheme } = request.parsedUrl
  if (options.hop === 0 || scheme === 'http' || scheme === 'https') return adapter
  throw new InvalidSchema(`A redirect may only lead to http and https, not to '${redactUrl(request.url)}'`, { request })
}

/** What holds for one hop: its proxy, and for TLS the environment's CA bundle, which is a look at it that plain http need not pay. */
export function hopOptions(options: ExchangeOptions, url: ParsedUrl, chosen: ChosenProxy | null): ExchangeOptions {
  const proxy = chosen?.proxy ?? null
  const mayNeedTls = url.scheme !== 'http' || proxy !== null
  const bundle = mayNeedTls && options.readsCaBundle ? environmentCa() : null
  if (bundle !== null) return { ...options, proxy, verify: bundle }
  return proxy === options.proxy ? options : { ...options, proxy }
}

function contractBroken(carrier: TransportAdapter | Connection, response: unknown): UsageError {
  return new UsageError(
    `${carrier.constructor.name}.send() must resolve with a Response, not ${typeof response} (rule 4.2.3)`,
  )
}
