import {
  type HTTPAdapter,
  type PreparedRequest,
  ProxyError,
  type ProxyLeg,
  type Response,
  type TransportOptions,
} from '@entreat/core'

/** What HTTP knows and proxies translate into FTP. */
const TRANSLATED: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

/**
 * Lets an HTTP proxy fetch the URL: it is asked in absolute form (RFC 9112 section 3.2.2), speaks FTP itself, and its answer is the response.
 * Authorization goes along, for the proxy to sign in with.
 */
export function sendThroughGateway(
  http: HTTPAdapter,
  request: PreparedRequest,
  options: TransportOptions,
): Promise<Response> {
  if (!TRANSLATED.has(request.method))
    return Promise.reject(
      new ProxyError(`A proxy does not translate ${request.method} into FTP: use proxyMode "tunnel"`, { request }),
    )
  const { proxyFlow, ...rest } = options
  const send = (leg: PreparedRequest): Promise<Response> => http.send(leg, rest)
  if (proxyFlow === undefined) return send(request)
  const leg: ProxyLeg = Object.assign(send, {
    bind: () => Promise.reject(new ProxyError('A proxy that fetches FTP URLs has no connection to bind', { request })),
  })
  // The flow signs a copy: an adapter never changes the request it is given.
  return proxyFlow(request.copy(), leg)
}
