import { type AuthBase, type AuthContext, signsOnly } from '../auth/auth-base.ts'
import { driveFlow } from '../auth/drive-flow.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { isSocksScheme } from '../transport/socks.ts'
import type { Connection, ProxyFlow, ProxyLeg } from '../transport/transport-adapter.ts'
import { authContext } from './auth-context.ts'
import { cookieHeader, setCookieHeader } from './cookies.ts'
import type { Exchange, ExchangeContext, ExchangeOptions } from './exchange.ts'
import { Lease } from './lease.ts'
import { noteLeg, withProxy } from './transport.ts'

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
    const hop = withProxy(options, chosen)
    // SOCKS speaks no HTTP: its credentials come with its URL.
    const proxyAuth = chosen === null || isSocksScheme(chosen.proxy.scheme) ? null : (options.proxyAuth ?? chosen.auth)
    if (auth === null && proxyAuth === null) return next(signed, hop)

    const exchange = new SignedExchange(next, wire, context, hop, proxyAuth)
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
  readonly bind: AuthContext['bind']
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

  async run(request: PreparedRequest, auth: AuthBase | null, proxyAuth: AuthBase | null): Promise<Response> {
    const ownsCookie = !this.#options.omitsCookies && !request.headers.has('cookie')
    if (ownsCookie) {
      const refreshed = this.#refreshCookies(request)
      if (refreshed !== undefined) await refreshed
    }
    const isForwarded =
      proxyAuth !== null && request.parsedUrl.scheme === 'http' && !request.headers.has('proxy-authorization')
    const send: Send = isForwarded ? (leg) => this.#sendThroughProxy(leg, proxyAuth, auth) : (leg) => this.#send(leg)
    try {
      const response = auth === null ? await send(request) : await this.#sendToOrigin(request, auth, send, ownsCookie)
      this.#lease.endWith(response)
      return response
    } catch (error) {
      this.#lease.destroy(error)
      throw error
    }
  }

  /** A promise only where the store is asynchronous. */
  #refreshCookies(request: PreparedRequest): Promise<void> | undefined {
    const header = cookieHeader(request, this.#context.cookies)
    if (typeof header !== 'string') return header.then((value) => setCookieHeader(request, value))
    setCookieHeader(request, header)
    return undefined
  }

  #sendToOrigin(request: PreparedRequest, auth: AuthBase, send: Send, ownsCookie: boolean): Promise<Response> {
    const bind = (): Promise<Connection> => this.#lease.reserve(request, this.#options, auth)
    const onAnswer = (): Promise<void> | undefined => this.#refreshCookies(request)
    return this.#sign(request, { auth, recipient: 'origin', send, bind, ...(ownsCookie ? { onAnswer } : {}) })
  }

  /** Plain http through a proxy: the proxy's flow is the inner one, and shares the connection with the origin's. */
  #sendThroughProxy(leg: PreparedRequest, auth: AuthBase, originAuth: AuthBase | null): Promise<Response> {
    // The origin's scheme may bind itself to it later: then it serves only who has both credentials.
    const owner = originAuth === null || signsOnly(originAuth) ? auth : originAuth
    const bind = (): Promise<Connection> => this.#lease.reserve(leg, this.#options, owner)
    return this.#sign(leg, { auth, recipient: 'proxy', send: (inner) => this.#send(inner), bind })
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
      return this.#sign(connect, { auth, recipient: 'proxy', send, bind: () => leg.bind() })
    }
    return Object.assign(flow, { poolKey: auth.poolKey })
  }

  #send(leg: PreparedRequest): Promise<Response> {
    const { connection } = this.#lease
    return this.#next(leg, connection === null ? this.#options : { ...this.#options, connection })
  }

  #sign(request: PreparedRequest, { auth, recipient, send, bind, onAnswer }: Party): Promise<Response> {
    const context = authContext({ recipient, request, options: this.#options, bind, wire: this.#wire })
    if (signsOnly(auth)) {
      const applied = auth.apply(request, context)
      return applied === undefined ? send(request) : Promise.resolve(applied).then(() => send(request))
    }
    return driveFlow({ auth, request, context, send, ...(onAnswer === undefined ? {} : { onAnswer }) })
  }
}
