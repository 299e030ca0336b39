import type { PreparedRequest } from '../message/prepared-request.ts'
import { isSocksScheme } from './socks.ts'
import type { Proxy } from './transport-adapter.ts'

/**
 * How a connection reaches the origin: by itself, by a proxy that forwards (the request line then names the whole URL, RFC 9112 section 3.2), or through
 * a proxy that passes on bytes: the tunnel of CONNECT, or SOCKS.
 */
export type Route = 'direct' | 'forwarded' | 'tunnelled'

/** The route that a request takes with this proxy, or with none. */
export function routeOf(request: PreparedRequest, proxy: Proxy | null): Route {
  if (proxy === null) return 'direct'
  return request.parsedUrl.scheme === 'http' && !isSocksScheme(proxy.scheme) ? 'forwarded' : 'tunnelled'
}
