import type { PreparedRequest } from '../message/prepared-request.ts'
import { effectivePort } from '../message/url.ts'
import { tlsIdentity } from './tls.ts'
import type { TransportOptions } from './transport-adapter.ts'

/**
 * Tells which requests may share a connection: equal text for equal origin, proxy, TLS settings, proxy credential and, on reserved connections, credential.
 * Plain http through a proxy shares the proxy's connections whatever the origin.
 *
 * @param bound - the scheme's pool key, for connections that are reserved for it; `null` for those that anybody may use.
 */
export function keyOf(
  request: PreparedRequest,
  options: TransportOptions,
  bound: { readonly poolKey: unknown } | null,
): string {
  const { parsedUrl: url } = request
  const { proxy } = options
  const origin = `${url.scheme}://${url.host}:${effectivePort(url)}`
  let key = proxy === null ? origin : url.scheme === 'http' ? proxy.url : `${origin}|${proxy.url}`
  if (url.scheme === 'https' || proxy?.scheme === 'https') key += `|${tlsIdentity(options.verify, options.cert)}`
  if (proxy !== null && options.proxyFlow !== undefined) key += `|proxy ${identify(options.proxyFlow.poolKey)}`
  else if (proxy !== null && url.scheme === 'https' && request.headers.has('proxy-authorization'))
    key += `|proxy ${identify(request.headers.get('proxy-authorization'))}`
  if (bound !== null) key += `|auth ${identify(bound.poolKey)}`
  return key
}

const objectIds = new WeakMap<object, number>()
let objects = 0

/** Equal text for equal keys: by value for text and numbers, by identity for objects. */
function identify(poolKey: unknown): string {
  if ((typeof poolKey !== 'object' || poolKey === null) && typeof poolKey !== 'function')
    return `${typeof poolKey}:${String(poolKey)}`
  let id = objectIds.get(poolKey)
  if (id === undefined) objectIds.set(poolKey, (id = ++objects))
  return `object:${id}`
}
