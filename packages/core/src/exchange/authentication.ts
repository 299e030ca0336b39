import { type AuthBase, type AuthContext, signsOnly } from '../auth/auth-base.ts'
import { driveFlow } from '../auth/drive-flow.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { isSocksScheme } from '../transport/socks.ts'
import type { ProxyFlow, ProxyLeg } from '../transport/transport-adapter.ts'
import { cookieHeader, setCookieHeader } from './cookies.ts'
import type { Exchange, ExchangeContext, ExchangeOptions } from './exchange.ts'
import { type Binder, FlowContext } from './flow-context.ts'
import { Lease } from './lease.ts'
import { hopOptions, noteLeg } from './transport.ts'

/**
 * Signs a copy of the request, for the origin and for a proxy. The request above stays unsigned, so that nothing a scheme sets survives to another hop.
 *
 * @param wire - the transport layer alone, for what schemes send out of band.
 */
export function authentication(next: Exchange, wire: Exchange, context: ExchangeContext): Exchange {
  return (request, options) => {
    const signed = request.copy()
    const { auth } = request
    const chosen = options.proxies.select(request.parsedUrl)
    const hop = hopOptions(options, request.parsedUrl, chosen)
    // SOCKS speaks no HTTP: its credentials come with its URL.
    const proxyAuth = chosen === null || isSocksScheme(chosen.proxy.scheme) ? null : (options.proxyAuth ?? chosen.auth)
    if (auth === null && proxyAuth === null) return next(signed, hop)

    const exchange = new SignedExchange(next, wire, context, hop, proxyAuth)
    if (auth !== null && proxyAuth === null && signsOnly(auth)) return exchange.signAndSend(signed, auth)
    return exchange.run(signed, auth, proxyAuth)
  }
}

/** How one leg travels. */
type Send = (leg: PreparedRequest) => Promise<Response>

/** Who is signed for: the origin, or a proxy. */
interface Party {
  readonly auth: AuthBase
  readonly recipient: AuthContext['recipient']
  readonly send: Send
  readonly binder: Binder
  readonly onAnswer?: () => Promise<void> | undefined
}

/** One hop's exchange: what its legs share. */
class SignedExchange {
  readonly #next: Exchange
  readonly #wire: Exchange
  readonly #context: ExchangeContext
  readonly #options: ExchangeOptions
  readonly #lease: Lease

  constructor(
    next: Exchange,
    wire: Exchange,
    context: ExchangeContext,
    options: ExchangeOptions,
    proxyAuth: AuthBase | null,
  ) {
    this.#next = next
    this.#wire = wire
    this.#context = context
    this.#options = proxyAuth === null ? options : { ...options, proxyFlow: this.#tunnelFlow(proxyAuth) }
    this.#lease = new Lease(context)
  }

  /** For a scheme that needs no answer: once it has signed, there is nothing to look after unless it asked for a connection. */
  signAndSend(request: PreparedRequest, auth: AuthBase): Promise<Response> {
    const refreshed = this.#ownsCookie(request) ? this.#refreshCookies(request) : undefined
    if (refreshed !== undefined) return refreshed.then(() => this.#signAndSend(request, auth))
    return this.#signAndSend(request, auth)
  }

  #signAndSend(request: PreparedRequest, auth: AuthBase): Promise<Response> {
    const applied = auth.apply(request, this.#contextOf(request, auth, 'origin', this.#lease))
    if (applied === undefined && !this.#lease.isAsked) return this.#next(request, this.#options)
    return this.#withLease(() => Promise.resolve(applied).then(() => this.#send(request)))
  }

  async run(request: PreparedRequest, auth: AuthBase | null, proxyAuth: AuthBase | null): Promise<Response> {
    const ownsCookie = this.#ownsCookie(request)
    if (ownsCookie) await this.#refreshCookies(request)
    const isForwarded =
      proxyAuth !== null && request.parsedUrl.scheme === 'http' && !request.headers.has('proxy-authorization')
    const send: Send = isForwarded ? (leg) => this.#sendThroughProxy(leg, proxyAuth, auth) : (leg) => this.#send(leg)
    return this.#withLease(() => (auth === null ? send(request) : this.#sendToOrigin(request, auth, send, ownsCookie)))
  }

  /** Gives the connection back with the last body, or up with the error. */
  async #withLease(send: () => Promise<Response>): Promise<Response> {
    try {
      const response = await send()
      this.#lease.endWith(response)
      return response
    } catch (error) {
      this.#lease.destroy(error)
      throw error
    }
  }

  #ownsCookie(request: PreparedRequest): boolean {
    return !this.#options.omitsCookies && !request.headers.has('cookie')
  }

  /** A promise only where the store is asynchronous. */
  #refreshCookies(request: PreparedRequest): Promise<void> | undefined {
    const header = cookieHeader(request, this.#context.cookies)
    if (typeof header !== 'string') return header.then((value) => setCookieHeader(request, value))
    setCookieHeader(request, header)
    return undefined
  }

  #sendToOrigin(request: PreparedRequest, auth: AuthBase, send: Send, ownsCookie: boolean): Promise<Response> {
    const onAnswer = (): Promise<void> | undefined => this.#refreshCookies(request)
    const party: Party = { auth, recipient: 'origin', send, binder: this.#lease }
    return this.#sign(request, ownsCookie ? { ...party, onAnswer } : party)
  }

  /** Plain http through a proxy: the proxy's flow is the inner one, and shares the connection with the origin's. */
  #sendThroughProxy(leg: PreparedRequest, auth: AuthBase, originAuth: AuthBase | null): Promise<Response> {
    // The origin's scheme may bind itself to it later: then it serves only who has both credentials.
    const owner = originAuth === null || signsOnly(originAuth) ? auth : originAuth
    const binder: Binder = { reserve: (request, options) => this.#lease.reserve(request, options, owner) }
    return this.#sign(leg, { auth, recipient: 'proxy', send: (inner) => this.#send(inner), binder })
  }

  /** https through a proxy: the flow is handed down to whoever opens the tunnel, and runs on its raw socket. */
  #tunnelFlow(auth: AuthBase): ProxyFlow {
    const flow = (connect: PreparedRequest, leg: ProxyLeg): Promise<Response> => {
      const send: Send = async (request) => {
        const started = performance.now()
        const response = await leg(request)
        noteLeg(this.#options, request, response, started)
        return response
      }
      return this.#sign(connect, { auth, recipient: 'proxy', send, binder: { reserve: () => leg.bind() } })
    }
    return Object.assign(flow, { poolKey: auth.poolKey })
  }

  #send(leg: PreparedRequest): Promise<Response> {
    const { connection } = this.#lease
    return this.#next(leg, connection === null ? this.#options : { ...this.#options, connection })
  }

  #sign(request: PreparedRequest, { auth, recipient, send, binder, onAnswer }: Party): Promise<Response> {
    const context = this.#contextOf(request, auth, recipient, binder)
    if (signsOnly(auth)) {
      const applied = auth.apply(request, context)
      return applied === undefined ? send(request) : Promise.resolve(applied).then(() => send(request))
    }
    return driveFlow({ auth, request, context, send, ...(onAnswer === undefined ? {} : { onAnswer }) })
  }

  #contextOf(
    request: PreparedRequest,
    auth: AuthBase,
    recipient: AuthContext['recipient'],
    binder: Binder,
  ): AuthContext {
    return new FlowContext({ auth, recipient, request, options: this.#options, binder, wire: this.#wire })
  }
}
