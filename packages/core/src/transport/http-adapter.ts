import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import { InvalidURL, redactUrl, UsageError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Opening } from '../message/timings.ts'
import { dialledHost, effectivePort } from '../message/url.ts'
import { type ConnectionOwner, HTTPConnection } from './connection.ts'
import { openTls, type SocketOptions } from './connector.ts'
import { HTTP_ADAPTER_OPTIONS, readOptions } from '../options.ts'
import { dispatch } from './dispatch.ts'
import { type Limits, type ResolvedLimits, resolveLimits } from '../limits.ts'
import { networkError } from './network-error.ts'
import { openProxy, openRoute, type SocketNeeds } from './open-socket.ts'
import { keyOf, type PoolKey } from './pool-key.ts'
import { Pools } from './pools.ts'
import { routeOf } from './route.ts'
import { secureContextFor } from './secure-context.ts'
import { StallTimer } from './stall-timer.ts'
import { tlsSettings } from './tls.ts'
import { type Connection, TransportAdapter, type TransportOptions } from './transport-adapter.ts'
import { FlowFailure } from './tunnel.ts'
import type { OpenConnection } from './waiter.ts'

/** What `new HTTPAdapter()` takes. */
export interface HTTPAdapterOptions extends SocketOptions {
  /** Limits that hold for this adapter whatever the Session says. */
  readonly limits?: Limits
  /** An undici Dispatcher, such as a MockAgent, to send through instead of connections of our own. Proxies, `verify` and `cert` are then its business. */
  readonly dispatcher?: Dispatcher
}

/**
 * HTTP/1.1 over TCP and TLS, directly or through a proxy.
 *
 * Connections are pooled by origin, proxy, TLS settings and credential, and never shared across any of them.
 */
export class HTTPAdapter extends TransportAdapter {
  readonly #options: HTTPAdapterOptions
  readonly #pools = new Pools()

  /** @throws UsageError for an unknown option. */
  constructor(options: HTTPAdapterOptions = {}) {
    super()
    this.#options = readOptions(options, HTTP_ADAPTER_OPTIONS, 'HTTPAdapter')
    resolveLimits(this.#options.limits ?? {})
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    if (options.connection !== undefined) return options.connection.send(request, options)
    try {
      checkScheme(request)
      const { dispatcher } = this.#options
      if (dispatcher !== undefined) return this.#sendThrough(dispatcher, request, options)
      const key = keyOf(request, options, null)
      const idle = this.#pools.take(key)
      if (idle !== null) return idle.send(request, options)
      return this.#connect(key, request, options).then((connection) => connection.send(request, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  override async acquire(request: PreparedRequest, options: TransportOptions, poolKey: unknown): Promise<Connection> {
    checkScheme(request)
    if (this.#options.dispatcher !== undefined)
      throw new UsageError('An HTTPAdapter with a dispatcher has no connections to reserve')
    const key = keyOf(request, options, { poolKey })
    const idle = this.#pools.take(key) ?? this.#pools.adopt(keyOf(request, options, null), key)
    const connection = idle ?? (await this.#connect(key, request, options))
    connection.leased = true
    return connection
  }

  #connect(key: PoolKey, request: PreparedRequest, options: TransportOptions): Promise<HTTPConnection> {
    const open: OpenConnection = (signal, owner) => this.#open(request, options, signal, owner)
    const { timeout, signal } = options
    return this.#pools.acquire({ key, request, open, timeout, signal, limits: this.#limits(options.limits) })
  }

  #limits(limits: ResolvedLimits): ResolvedLimits {
    return this.#options.limits === undefined ? limits : resolveLimits(this.#options.limits, limits)
  }

  async #open(
    request: PreparedRequest,
    options: TransportOptions,
    signal: AbortSignal,
    owner: ConnectionOwner,
  ): Promise<HTTPConnection> {
    const { scheme } = request.parsedUrl
    const route = routeOf(request, options.proxy)
    const opening: Opening = { dns: null, connect: null, tls: null }
    let socket: Socket | undefined
    try {
      // Before anything is dialled: a path that does not exist, or a passphrase that opens nothing, is no reason to knock.
      const settings = scheme === 'https' ? tlsSettings(options.verify, options.cert) : null
      if (settings !== null) secureContextFor(settings, this.#options.tls)
      socket = await this.#openRaw(request, options, { signal, opening })
      opening.connect = performance.now()
      if (settings !== null) {
        socket = await openTls(socket, dialledHost(request.parsedUrl), settings, this.#options, signal)
        opening.tls = performance.now()
      }
      return new HTTPConnection({ socket, route, opening }, this.#limits(options.limits), owner)
    } catch (error) {
      socket?.destroy()
      if (error instanceof FlowFailure) throw error.reason
      throw networkError(error, {
        request,
        phase: 'connect',
        connectionReused: false,
        requestBytesSent: 0,
        responseStarted: false,
      })
    }
  }

  /** A TCP connection to the origin, to the proxy that forwards, or one that a proxy passes on. */
  #openRaw(
    request: PreparedRequest,
    options: TransportOptions,
    { signal, opening }: Pick<SocketNeeds, 'signal'> & { readonly opening: Opening },
  ): Promise<Socket> {
    const { proxy } = options
    const url = request.parsedUrl
    const needs: SocketNeeds = { request, options, socket: this.#options, signal, opening }
    if (proxy !== null && routeOf(request, proxy) === 'forwarded') return openProxy(proxy, needs)
    return openRoute({ host: dialledHost(url), port: effectivePort(url) }, needs)
  }

  #sendThrough(dispatcher: Dispatcher, request: PreparedRequest, options: TransportOptions): Promise<Response> {
    if (options.proxy !== null || options.verify !== true || options.cert !== null) {
      throw new UsageError(
        'An HTTPAdapter with a dispatcher leaves proxies, verify and cert to it: configure them there',
      )
    }
    const link = {
      dispatcher,
      socket: null,
      guard: null,
      reused: false,
      freshTls13: false,
      opening: null,
      readTimer: new StallTimer(),
      isForwarded: false,
      isTunnelled: false,
      targetOf: (sent: PreparedRequest) => sent.pathUrl,
      retire: () => {},
      onMessageEnd: () => {},
      onFailure: () => {},
    }
    return dispatch(link, request, options)
  }

  close(): Promise<void> {
    return this.#pools.close()
  }
}

function checkScheme(request: PreparedRequest): void {
  const { scheme } = request.parsedUrl
  if (scheme === 'http' || scheme === 'https') return
  throw new InvalidURL(`HTTPAdapter speaks http and https, not ${scheme}: ${redactUrl(request.url)}`, { request })
}
