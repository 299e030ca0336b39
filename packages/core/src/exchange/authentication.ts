import { type AuthBase, type AuthContext, signsOnly } from '../auth/auth-base.ts'
import { driveFlow } from '../auth/drive-flow.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { ProxyFlow, ProxyLeg } from '../transport/transport-adapter.ts'
import { authContext } from './auth-context.ts'
import { cookieHeader, setCookieHeader } from './cookies.ts'
import type { Exchange, ExchangeContext, ExchangeOptions } from './exchange.ts'
import { Lease } from './lease.ts'
import { withProxy } from './transport.ts'

/**
 * Signs a copy of the request, for the origin and for a proxy. The request above stays unsigned, so that nothing a scheme sets survives to another hop.
 *
 * @param wire - the transport layer alone, for what schemes send out of band.
 */
export function authentication(next: Exchange, wire: Exchange, context: ExchangeContext): Exchange {
  return async (request, options) => {
    const signed = request.copy()
    const { auth } = request
    const chosen = options.proxies.select(request.parsedUrl)
    const hop = withProxy(options, chosen)
    const proxyAuth = chosen === null ? null : (options.proxyAuth ?? chosen.auth)
    if (auth === null && proxyAuth === null) return next(signed, hop)

    const exchange = new SignedExchange(next, wire, context, hop)
    return exchange.run(signed, auth, proxyAuth)
  }
}

/** One hop's exchange: what its legs share. */
class SignedExchange {
  readonly #next: Exchange
  readonly #wire: Exchange
  readonly #context: ExchangeContext
  readonly #options: ExchangeOptions
  readonly #lease: Lease

  constructor(next: Exchange, wire: Exchange, context: ExchangeContext, options: ExchangeOptions) {
    this.#next = next
    this.#wire = wire
    this.#context = context
    this.#options = options
    this.#lease = new Lease(context)
  }

  async run(request: PreparedRequest, auth: AuthBase | null, proxyAuth: AuthBase | null): Promise<Response> {
    const ownsCookie = !request.headers.has('cookie')
    if (ownsCookie) await this.#refreshCookies(request)
    const send = this.#senderThroughProxy(request, proxyAuth)
    try {
      const response =
        auth === null ? await send(request) : await this.#signed(request, auth, 'origin', send, ownsCookie)
      this.#lease.endWith(response)
      return response
    } catch (error) {
      this.#lease.destroy(error)
      throw error
    }
  }

  async #refreshCookies(request: PreparedRequest): Promise<void> {
    const header = cookieHeader(request, this.#context.cookies)
    setCookieHeader(request, typeof header === 'string' ? header : await header)
  }

  /** How a leg travels: straight down, inside the proxy's own flow (plain http), or with a flow for the tunnel (https). */
  #senderThroughProxy(
    request: PreparedRequest,
    proxyAuth: AuthBase | null,
  ): (leg: PreparedRequest) => Promise<Response> {
    if (proxyAuth === null) return (leg) => this.#send(leg)
    if (request.parsedUrl.scheme === 'http') {
      if (request.headers.has('proxy-authorization')) return (leg) => this.#send(leg)
      return (leg) => this.#signed(leg, proxyAuth, 'proxy', (inner) => this.#send(inner), false)
    }
    const flow = (connect: PreparedRequest, leg: ProxyLeg): Promise<Response> =>
      this.#signed(connect, proxyAuth, 'proxy', leg, false)
    const proxyFlow: ProxyFlow = Object.assign(flow, { poolKey: proxyAuth.poolKey })
    return (leg) => this.#send(leg, proxyFlow)
  }

  #send(leg: PreparedRequest, proxyFlow?: ProxyFlow): Promise<Response> {
    const connection = this.#lease.connection
    if (connection === null && proxyFlow === undefined) return this.#next(leg, this.#options)
    return this.#next(leg, { ...this.#options, proxyFlow, connection: connection ?? undefined })
  }

  async #signed(
    request: PreparedRequest,
    auth: AuthBase,
    recipient: AuthContext['recipient'],
    send: (leg: PreparedRequest) => Promise<Response>,
    ownsCookie: boolean,
  ): Promise<Response> {
    const bind = (): ReturnType<AuthContext['bind']> => this.#lease.reserve(request, this.#options, auth)
    const context = authContext({ recipient, request, options: this.#options, bind, wire: this.#wire })
    if (signsOnly(auth)) {
      await auth.apply(request, context)
      return send(request)
    }
    const onAnswer = (): Promise<void> | void => (ownsCookie ? this.#refreshCookies(request) : undefined)
    return driveFlow({ auth, request, context, send, onAnswer })
  }
}
