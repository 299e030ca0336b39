import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { ResolvedTimeout } from '../timeout.ts'
import type { ResolvedLimits } from '../limits.ts'
import type { Cert, Verify } from './tls.ts'

/** The proxy of one hop. */
export interface Proxy {
  /** `scheme://host:port`, without userinfo. */
  readonly url: string
  readonly scheme: string
  readonly host: string
  readonly port: number
}

/** One exchange with a proxy on its raw socket, before a tunnel exists. */
export interface ProxyLeg {
  (request: PreparedRequest): Promise<Response>
  /** The raw socket as a connection: from here on a proxy that closes it ends the exchange, instead of getting a new one. */
  bind(): Promise<Connection>
}

/** Drives the proxy's auth scheme over the CONNECT exchange; made by the layer above, called by the tunnel. */
export interface ProxyFlow {
  /** @returns the proxy's last answer: a tunnel if its status is 2xx. */
  (connectRequest: PreparedRequest, leg: ProxyLeg): Promise<Response>
  /** Tunnels are shared only between requests with an equal key. */
  readonly poolKey: unknown
}

/** What an adapter is told beside the request. Everything is resolved: an adapter reads no other settings and no environment. */
export interface TransportOptions {
  /** Whether the caller wants to read the body piece by piece. */
  readonly stream: boolean
  readonly timeout: ResolvedTimeout
  readonly verify: Verify
  readonly cert: Cert | null
  /** The proxy of this hop, or `null`. */
  readonly proxy: Proxy | null
  /** How to answer the proxy when it challenges a CONNECT. */
  readonly proxyFlow?: ProxyFlow | undefined
  readonly limits: ResolvedLimits
  /** Aborts with the caller's reason or with a TotalTimeout. */
  readonly signal?: AbortSignal | undefined
  /** The connection to use, where one was reserved. */
  readonly connection?: Connection | undefined
  /** Equal in all exchanges of one call, as in the messages of diagnostics_channel. For adapters that tell what they see. */
  readonly id?: number | undefined
  /** Redirects of the call before this exchange. */
  readonly hop?: number | undefined
  /** Retries of the call before this exchange. */
  readonly attempt?: number | undefined
}

/** One connection, reserved for one exchange. */
export interface Connection {
  readonly protocol: 'http/1.1'
  /** The server's leaf certificate in DER, where there is TLS. */
  readonly peerCertificate?: Uint8Array
  readonly closed: boolean
  /** @throws ConnectionError once the connection has closed: it is never replaced silently. */
  send(request: PreparedRequest, options: TransportOptions): Promise<Response>
  /** Gives it back for the next exchange with the same key, once its last body has ended. */
  release(): void
  destroy(cause?: Error): void
}

const BRAND: unique symbol = Symbol.for('@entreat/core/adapter') as never

/**
 * Carries requests of one kind of URL. Mount it on a Session by prefix.
 *
 * 1. Safe for concurrent use. 2. Never changes the request. 3. Any status is a response, not an error. 4. Does no redirects, auth, cookies,
 * retries, content codings or proxy selection, and reads no environment. 5. Resolves once the head is known; the body streams with back-pressure or
 * is handed over whole. 6. Honours `signal`, `timeout`, `verify`, `cert` and `proxy`, or refuses with a clear error. 7. Fails with a
 * RequestException that has the original as `cause`, and `connectionReused`, `requestBytesSent`, `responseStarted`. 8. After `close()` nothing stays open,
 * and the adapter can be used again.
 */
export abstract class TransportAdapter {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }

  /** Sends one request and gives its response. */
  abstract send(request: PreparedRequest, options: TransportOptions): Promise<Response>

  /** Ends everything the adapter holds open. */
  abstract close(): Promise<void>

  /** Reserves one connection for a whole exchange. Adapters without connections do not define it. */
  acquire?(request: PreparedRequest, options: TransportOptions, poolKey: unknown): Promise<Connection>
}

/** Whether a value is an adapter, of this copy of the package or another. */
export function isAdapter(value: unknown): value is TransportAdapter {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true
}
