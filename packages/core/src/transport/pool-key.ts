import type { PreparedRequest } from '../message/prepared-request.ts'
import { routeOf } from './route.ts'
import { socksCredentials } from './socks.ts'
import { digest, tlsIdentity } from './tls.ts'
import type { TransportOptions } from './transport-adapter.ts'

/** What a connection belongs to. */
export interface PoolKey {
  /** Equal for requests that may share a connection. */
  readonly text: string
  /** The origin, or the proxy that forwards to all: what `limits.connectionsPerOrigin` counts. */
  readonly origin: string
  /** Whether its connections may turn out to be HTTP/2, and serve several requests at a time. */
  readonly mayShare?: boolean
}

/** The key of connections that offer HTTP/2, for requests that may go on those of `key`. */
export function sharedKey({ text, origin }: PoolKey): PoolKey {
  return { text: `${text}|h2`, origin, mayShare: true }
}

/**
 * Tells which requests may share a connection: those with equal origin, proxy, TLS settings, proxy credential and, on reserved connections, credential.
 * Plain http through a proxy shares the proxy's connections whatever the origin, unless an origin's scheme has reserved them: the proxy then pins to
 * them what it has open to that origin.
 *
 * @param bound - the scheme's pool key, for connections that are reserved for it; `null` for those that anybody may use.
 */
export function keyOf(
  request: PreparedRequest,
  options: TransportOptions,
  bound: { readonly poolKey: unknown } | null,
): PoolKey {
  const { parsedUrl: url } = request
  const { proxy } = options
  const direct = url.endpoint
  const origin =
    proxy === null ? direct : routeOf(request, proxy) === 'forwarded' ? proxy.url : `${direct}|${proxy.url}`
  let text = origin
  if (url.scheme === 'https' || proxy?.scheme === 'https') text += `|${tlsIdentity(options.verify, options.cert)}`
  if (proxy !== null) text += proxyCredential(request, options)
  if (bound !== null) text += `|auth ${identify(bound.poolKey)}`
  if (bound !== null && bound.poolKey !== options.proxyFlow?.poolKey) text += ` at ${direct}`
  return { text, origin }
}

/** A tunnel is as good as the credential that opened it. */
function proxyCredential(request: PreparedRequest, options: TransportOptions): string {
  const socks = options.proxy === null ? null : socksCredentials(options.proxy)
  if (socks !== null) return `|socks ${digest(`${socks.username}\0${socks.password}`)}`
  if (options.proxyFlow !== undefined) return `|proxy ${identify(options.proxyFlow.poolKey)}`
  const header = request.parsedUrl.scheme === 'https' ? request.headers.get('proxy-authorization') : null
  return header === null ? '' : `|proxy ${identify(header)}`
}

const objectIds = new WeakMap<object, number>()
const symbolIds = new Map<symbol, number>()
let ids = 0

/** Equal text for equal keys: by value for text and numbers, by identity for objects and symbols. */
function identify(poolKey: unknown): string {
  if (typeof poolKey === 'symbol') return `symbol:${idIn(symbolIds, poolKey)}`
  if ((typeof poolKey === 'object' && poolKey !== null) || typeof poolKey === 'function')
    return `object:${idIn(objectIds, poolKey)}`
  return `${typeof poolKey}:${String(poolKey)}`
}

function idIn<K>(known: { get(key: K): number | undefined; set(key: K, id: number): unknown }, key: K): number {
  let id = known.get(key)
  if (id === undefined) known.set(key, (id = ++ids))
  return id
}
