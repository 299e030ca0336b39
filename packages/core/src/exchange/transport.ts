import { UsageError } from '../errors.ts'
import type { Connection, TransportAdapter } from '../transport/transport-adapter.ts'
import type { Exchange, ExchangeContext, ExchangeOptions } from './exchange.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'

/** The lowest layer: picks the adapter, or the reserved connection, and completes the response it gives. */
export function transport(context: ExchangeContext): Exchange {
  return async (request, options) => {
    const carrier = options.connection ?? context.getAdapter(request.url)
    const started = performance.now()
    const response = await carrier.send(request, options)
    if (typeof response?.statusCode !== 'number') throw contractBroken(carrier, response)
    response.elapsed = performance.now() - started
    response.timings = { firstByte: response.elapsed }
    response.limits = options.limits
    response.detect = options.detectEncoding
    return response
  }
}

/** Options for one hop: which proxy it takes. The layers above may have chosen already. */
export function withProxy(request: PreparedRequest, options: ExchangeOptions): ExchangeOptions {
  const proxy = options.proxies.select(request.parsedUrl)?.proxy ?? null
  return proxy === options.proxy ? options : { ...options, proxy }
}

function contractBroken(carrier: TransportAdapter | Connection, response: unknown): UsageError {
  return new UsageError(
    `${carrier.constructor.name}.send() must resolve with a Response, not ${typeof response} (rule 4.2.3)`,
  )
}
