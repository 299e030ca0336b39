import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Dispatcher } from 'undici'
import { InvalidURL, redactUrl, UsageError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { Opening } from '../message/timings.ts'
import { effectivePort } from '../message/authority.ts'
import { dialledHost } from '../message/url.ts'
import { type ConnectionOwner, HTTPConnection } from './connection.ts'
import { openTls, type SocketOptions } from './connector.ts'
import { HTTP_ADAPTER_OPTIONS, readOptions } from '../options.ts'
import { dispatch } from './dispatch.ts'
import { type Limits, type ResolvedLimits, resolveLimits } from '../limits.ts'
import { Http2Connection } from './http2-connection.ts'
import { NotProcessed } from './http2-error.ts'
import { networkError } from './network-error.ts'
import { openProxy, openRoute, type SocketNeeds } from './open-socket.ts'
import { keyOf, type PoolKey, sharedKey } from './pool-key.ts'
import { Pools } from './pools.ts'
import { routeOf } from './route.ts'
import { secureContextFor } from './secure-context.ts'
import { StallTimer } from './stall-timer.ts'
import { tlsSettings } from './tls.ts'
import { type Connection, TransportAdapter, type TransportOptions } from './transport-adapter.ts'
import { FlowFailure } from './tunnel.ts'
import type { OpenConnection, PooledConnection } from './waiter.ts'

/** What `new HTTPAdapter()` takes. */
export interface HTTPAdapterOptions extends SocketOptions {
  /** Limits that hold for this adapter whatever the Session says. */
  readonly limits?: Limits
  /** An undici Dispatcher, such as a MockAgent, to send through instead of connections of our own. Proxies, `verify` and `cert` are then its business. */
  readonly dispatcher?: Dispatcher
  /**
   * Offers HTTP/2 to https origins by ALPN, and speaks HTTP/1.1 with those that do not choose it. Default `false`.
   *
   * Over HTTP/2, requests to one origin share a connection, as many at a time as the server allows; what it refuses to process is sent again on the
   * next one. Plain http stays HTTP/1.1, and so do connections that an authentication scheme reserves. Not with `dispatcher`.
   */
  readonly http2?: boolean
}

/** Requests that a server refuses to process go elsewhere so many times at most. */
const MOST_MOVES = 100
/** Origins remembered that asked for HTTP/1.1. */
const MOST_REMEMBERED = 1000

/**
 * HTTP/1.1, and HTTP/2 on request, over TCP and TLS, directly or through a proxy.
 *
 * Connections are pooled by origin, proxy, TLS settings and credential, and never shared across any of them.
 */
export class HTTPAdapter extends TransportAdapter {
  readonly #options: HTTPAdapterOptions
  readonly #pools = new Pools()
  readonly #offersHttp2: boolean
  /** Keys of those that do not want to be spoken to in HTTP/2. */
  readonly #http1Only = new Set<string>()

  /** @throws UsageError for an unknown option, or `http2` beside `dispatcher`. */
  constructor(options: HTTPAdapterOptions = {}) {
    super()
    this.#options = readOptions(options, HTTP_ADAPTER_OPTIONS, 'HTTPAdapter')
    resolveLimits(this.#options.limits ?? {})
    const { http2 = false, dispatcher } = this.#options
    if (typeof http2 !== 'boolean') throw new UsageError('HTTPAdapter: http2 must be true or false')
    if (http2 && dispatcher !== undefined)
      throw new UsageError('An HTTPAdapter with a dispatcher leaves HTTP/2 to it: configure it there (allowH2)')
    this.#offersHttp2 = http2
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    if (options.connection !== undefined) return options.connection.send(request, options)
    try {
      checkScheme(request)
      const { dispatcher } = this.#options
      if (dispatcher !== undefined) return this.#sendThrough(dispatcher, request, options)
      const key = keyOf(request, options, null)
      if (this.#offersHttp2 && request.parsedUrl.scheme === 'https' && !this.#http1Only.has(key.text))
        return this.#sendShared(key, request, options)
      return this.#sendAlone(key, request, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #sendAlone(key: PoolKey, request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const idle = this.#pools.take(key)
    if (idle !== null) return idle.send(request, options)
    return this.#connect(key, request, options).then((connection) => connection.send(request, options))
  }

  /** A request that its server has not processed goes to the next connection: once, and again as long as others are answered. */
  async #sendShared(plain: PoolKey, request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const key = sharedKey(plain)
    for (let moves = 0, idleMoves = 0; ; moves++) {
      try {
        const free = this.#pools.takeSlot(key) ?? this.#pools.take(key)
        return await (free ?? (await this.#connect(key, request, options))).send(request, options)
      } catch (error) {
        if (!(error instanceof NotProcessed)) throw error
        if (!error.madeProgress) idleMoves++
        if (idleMoves > 1 || moves === MOST_MOVES || !canGoAgain(request, options)) throw error.error
        if (error.elsewhere === 'http/2') continue
        this.#remember(plain)
        return this.#sendAlone(plain, request, options)
      }
    }
  }

  #remember({ text }: PoolKey): void {
    this.#http1Only.add(text)
    if (this.#http1Only.size > MOST_REMEMBERED) this.#http1Only.delete(this.#http1Only.values().next().value as string)
  }

  override async acquire(request: PreparedRequest, options: TransportOptions, poolKey: unknown): Promise<Connection> {
    checkScheme(request)
    if (this.#options.dispatcher !== undefined)
      throw new UsageError('An HTTPAdapter with a dispatcher has no connections to reserve')
    const key = keyOf(request, options, { poolKey })
    const idle = this.#pools.take(key) ?? this.#pools.adopt(keyOf(request, options, null), key)
    // The key does not share, so HTTP/2 is not offered.
    const connection = idle ?? ((await this.#connect(key, request, options)) as HTTPConnection)
    connection.leased = true
    return connection
  }

  #connect(key: PoolKey, request: PreparedRequest, options: TransportOptions): Promise<PooledConnection> {
    const open: OpenConnection = (signal, owner) => this.#open(key, request, options, { signal, owner })
    const { timeout, signal } = options
    return this.#pools.acquire({ key, request, open, timeout, signal, limits: this.#limits(options.limits) })
  }

  #limits(limits: ResolvedLimits): ResolvedLimits {
    return this.#options.limits === undefined ? limits : resolveLimits(this.#options.limits, limits)
  }

  async #open(
    key: PoolKey,
    request: PreparedRequest,
    options: TransportOptions,
    { signal, owner }: { readonly signal: AbortSignal; readonly owner: ConnectionOwner },
  ): Promise<PooledConnection> {
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
        const tls = key.mayShare === true ? { ...this.#options, protocols: ['h2', 'http/1.1'] } : this.#options
        socket = await openTls(socket, dialledHost(request.parsedUrl), settings, tls, signal)
        opening.tls = performance.now()
      }
      const opened = { socket, route, opening }
      const speaksHttp2 = (socket as Partial<TLSSocket>).alpnProtocol === 'h2'
      return new (speaksHttp2 ? Http2Connection : HTTPConnection)(opened, this.#limits(options.limits), owner)
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

/** Whether a request that was not processed can be sent again: its body too, and nobody has given it up. */
function canGoAgain({ body }: PreparedRequest, { signal }: TransportOptions): boolean {
  return signal?.aborted !== true && (body === null || body.isReplayable || body.isSpent === false)
}

function checkScheme(request: PreparedRequest): void {
  const { scheme } = request.parsedUrl
  if (scheme === 'http' || scheme === 'https') return
  throw new InvalidURL(`HTTPAdapter speaks http and https, not ${scheme}: ${redactUrl(request.url)}`, { request })
}
