import type { Socket } from 'node:net'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Opening } from '../message/timings.ts'
import { parseUrl } from '../message/url.ts'
import { type Address, openTcp, openTls, type SocketOptions } from './connector.ts'
import { networkError, proxyError } from './network-error.ts'
import { secureContextFor } from './secure-context.ts'
import { isSocksScheme, negotiateSocks } from './socks.ts'
import { tlsSettings } from './tls.ts'
import type { Proxy, TransportOptions } from './transport-adapter.ts'
import { FlowFailure, openTunnel } from './tunnel.ts'

/** For whom a socket is opened. */
export interface SocketNeeds {
  /** The request that needs it: named in errors, and asked for User-Agent and Proxy-Authorization where a proxy speaks HTTP. */
  readonly request: PreparedRequest
  /** As an adapter was given them. */
  readonly options: Pick<TransportOptions, 'proxy' | 'proxyFlow' | 'limits' | 'verify' | 'cert'>
  /** How sockets are opened. */
  readonly socket?: SocketOptions
  /** Cancels it; its reason is what the call rejects with. Timeouts are the caller's: none is kept here. */
  readonly signal: AbortSignal
  /** @internal What is noted of it. */
  readonly opening?: Opening
}

/**
 * Opens a TCP connection for an adapter: directly, or through the proxy of this hop, by CONNECT or SOCKS.
 *
 * The socket may be half-open (`allowHalfOpen`), and is at the first byte of the target's stream. TLS on top is the caller's business.
 *
 * @param target - where to: a host without brackets. Neither host nor port need be the request's own.
 * @throws ConnectionError, ProxyError, SSLError (of an https proxy), with the request and the facts of rule 4.2.7; the signal's reason.
 */
export async function openSocket(target: Address, needs: SocketNeeds): Promise<Socket> {
  try {
    return await openRoute(target, needs)
  } catch (error) {
    if (error instanceof FlowFailure) throw error.reason
    if (needs.signal.aborted) throw needs.signal.reason
    const nothingSent = { connectionReused: false, requestBytesSent: 0, responseStarted: false }
    throw networkError(error, { request: needs.request, phase: 'connect', ...nothingSent })
  }
}

/** The same with errors as they come. */
export function openRoute(target: Address, needs: SocketNeeds): Promise<Socket> {
  const { proxy } = needs.options
  if (proxy === null) return openTcp(target, needs.socket ?? {}, needs)
  return isSocksScheme(proxy.scheme) ? throughSocks(target, proxy, needs) : throughTunnel(target, proxy, needs)
}

/** A connection to an HTTP proxy itself. */
export async function openProxy(proxy: Proxy, needs: SocketNeeds): Promise<Socket> {
  const { verify, cert } = needs.options
  try {
    const settings = proxy.scheme === 'https' ? tlsSettings(verify, cert) : null
    if (settings !== null) secureContextFor(settings, needs.socket?.tls)
    const { servername: _origins, ...socketOptions } = needs.socket ?? {}
    const socket = await openTcp(proxy, socketOptions, needs)
    const tlsOptions = { ...socketOptions, peer: 'proxy' as const }
    return settings === null ? socket : await openTls(socket, proxy.host, settings, tlsOptions, needs.signal)
  } catch (error) {
    throw proxyError(error, proxy.url, needs.request)
  }
}

function throughTunnel(target: Address, proxy: Proxy, needs: SocketNeeds): Promise<Socket> {
  const { request, options, signal } = needs
  return openTunnel({
    request: requestTo(target, request),
    flow: options.proxyFlow,
    limits: options.limits,
    proxyUrl: proxy.url,
    openProxy: () => openProxy(proxy, needs),
    signal,
  })
}

/** A CONNECT names its target by the URL of its request: another place is another URL. */
function requestTo({ host, port }: Address, request: PreparedRequest): PreparedRequest {
  const { scheme } = request.parsedUrl
  const url = parseUrl(`${scheme}://${host.includes(':') ? `[${host.replace('%', '%25')}]` : host}:${port}/`)
  if (url.endpoint === request.parsedUrl.endpoint) return request
  const moved = request.copy()
  moved.parsedUrl = url
  return moved
}

async function throughSocks(target: Address, proxy: Proxy, needs: SocketNeeds): Promise<Socket> {
  const { signal, request } = needs
  let socket: Socket | undefined
  const onAbort = (): void => void socket?.destroy()
  signal.addEventListener('abort', onAbort)
  try {
    socket = await openTcp(proxy, needs.socket ?? {}, needs)
    await negotiateSocks(socket, proxy, target, needs.socket?.lookup)
    signal.throwIfAborted()
    return socket
  } catch (error) {
    socket?.destroy()
    throw signal.aborted ? signal.reason : proxyError(error, proxy.url, request)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
