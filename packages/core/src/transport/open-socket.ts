import { lookup as dnsLookup } from 'node:dns'
import type { LookupFunction, Socket } from 'node:net'
import { parseUrl } from '../message/url.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { untilInterrupted } from '../timeout.ts'
import { type Address, openTcp, openTls, type SocketOptions } from './connector.ts'
import { networkError, proxyError } from './network-error.ts'
import { connectThroughSocks, isSocks, socksCredentials } from './socks.ts'
import { tlsSettings } from './tls.ts'
import type { Proxy, TransportOptions } from './transport-adapter.ts'
import { FlowFailure, openTunnel } from './tunnel.ts'

/** For whom a socket is opened. */
export interface SocketNeeds {
  /** The request that needs it: named in errors, and asked for User-Agent and Proxy-Authorization where a proxy speaks HTTP. */
  readonly request: PreparedRequest
  /** As an adapter was given them; `proxy`, `proxyFlow`, `limits`, `verify` and `cert` are read. */
  readonly options: Pick<TransportOptions, 'proxy' | 'proxyFlow' | 'limits' | 'verify' | 'cert'>
  /** How sockets are opened. */
  readonly socket?: SocketOptions
  /** Cancels it; its reason is what the call rejects with. Timeouts are the caller's: none is kept here. */
  readonly signal: AbortSignal
}

/**
 * Opens a TCP connection for an adapter: directly, or through the proxy of this hop, by CONNECT (http, https) or SOCKS (socks4, socks4a, socks5, socks5h).
 *
 * The socket is half-open capable (`allowHalfOpen`), and at the first byte of the target's stream. TLS on top is the caller's business.
 *
 * @param target - where to; a host without brackets. It need not be the request's own port.
 * @throws ConnectionError, ProxyError, SSLError (of an https proxy), with the request and the facts of rule 4.2.7; the signal's reason.
 */
export async function openSocket(target: Address, needs: SocketNeeds): Promise<Socket> {
  try {
    return await openRoute(target, needs)
  } catch (error) {
    if (error instanceof FlowFailure) throw error.reason
    if (needs.signal.aborted) throw needs.signal.reason
    throw networkError(error, { request: needs.request, phase: 'connect', ...NOTHING_SENT })
  }
}

const NOTHING_SENT = { connectionReused: false, requestBytesSent: 0, responseStarted: false }

/** @internal The same with errors as they come. */
export function openRoute(target: Address, needs: SocketNeeds): Promise<Socket> {
  const { proxy } = needs.options
  if (proxy === null) return openTcp(target, needs.socket ?? {}, needs.signal)
  return isSocks(proxy.scheme) ? openThroughSocks(target, proxy, needs) : openThroughHttp(target, proxy, needs)
}

/** @internal A connection to the proxy itself. */
export async function openProxy(needs: SocketNeeds): Promise<Socket> {
  const { verify, cert } = needs.options
  const proxy = needs.options.proxy as Proxy
  try {
    const settings = proxy.scheme === 'https' ? tlsSettings(verify, cert) : null
    const { servername: _origins, ...socketOptions } = needs.socket ?? {}
    const socket = await openTcp(proxy, socketOptions, needs.signal)
    return settings === null ? socket : await openTls(socket, proxy.host, settings, socketOptions, needs.signal)
  } catch (error) {
    throw proxyError(error, proxy.url, needs.request)
  }
}

function openThroughHttp(target: Address, proxy: Proxy, needs: SocketNeeds): Promise<Socket> {
  return openTunnel({
    request: requestTo(target, needs.request),
    flow: needs.options.proxyFlow,
    limits: needs.options.limits,
    proxyUrl: proxy.url,
    openProxy: () => openProxy(needs),
    signal: needs.signal,
  })
}

async function openThroughSocks(target: Address, proxy: Proxy, needs: SocketNeeds): Promise<Socket> {
  const { signal, request } = needs
  const credentials = await socksCredentials(needs.options.proxyFlow, request).catch((error: unknown) => {
    throw new FlowFailure(error)
  })
  const socket = await openProxy(needs)
  const cancel = (): void => void socket.destroy()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const resolve = (host: string): Promise<string> => resolveName(host, needs.socket?.lookup ?? dnsLookup)
    const connected = connectThroughSocks(socket, proxy, target, credentials, resolve)
    await untilInterrupted(connected, { signal })
    return socket
  } catch (error) {
    socket.destroy()
    if (signal.aborted) throw error
    throw proxyError(error, proxy.url, request)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function resolveName(host: string, lookup: LookupFunction): Promise<string> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: false }, (error, address) => {
      if (error) reject(error)
      else resolve(address as string)
    })
  })
}

/** The request as a CONNECT names its target: another port of the host is another URL. */
function requestTo({ host, port }: Address, request: PreparedRequest): PreparedRequest {
  const { scheme } = request.parsedUrl
  const place = host.includes(':') ? `[${host}]` : host
  const moved = request.copy()
  moved.parsedUrl = parseUrl(`${scheme}://${place}:${port}/`)
  return moved
}
