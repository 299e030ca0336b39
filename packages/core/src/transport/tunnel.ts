import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ProxyError, RequestException } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { effectivePort } from '../message/authority.ts'
import { dialledHost } from '../message/url.ts'
import { untilInterrupted } from '../timeout.ts'
import type { ResolvedLimits } from '../limits.ts'
import { proxyError } from './network-error.ts'
import { exchangeRaw } from './raw-exchange.ts'
import type { Connection, ProxyFlow, ProxyLeg } from './transport-adapter.ts'

/** What a tunnel is opened for. */
export interface TunnelWanted {
  /** The request that needs it: its URL says where to, its Proxy-Authorization header goes into CONNECT. */
  readonly request: PreparedRequest
  readonly flow: ProxyFlow | undefined
  readonly limits: ResolvedLimits
  /** Opens a connection to the proxy. Called again when the proxy closes between two legs. */
  readonly openProxy: () => Promise<Socket>
  readonly proxyUrl: string
  /** Cancels it all. */
  readonly signal: AbortSignal
}

/**
 * Asks a proxy for a tunnel, answering its challenges through the flow that the layer above passes down.
 *
 * @returns the raw socket, at the first byte of the tunnel.
 * @throws ProxyError with the proxy's `response` for any final answer but 2xx.
 */
export async function openTunnel(wanted: TunnelWanted): Promise<Socket> {
  const { request, flow, signal } = wanted
  const exchange = new TunnelExchange(wanted)
  const onAbort = (): void => exchange.giveUp()
  signal.addEventListener('abort', onAbort)
  try {
    const leg: ProxyLeg = Object.assign((connect: PreparedRequest) => exchange.send(connect), {
      bind: () => exchange.bind(),
    })
    const connect = connectRequest(request)
    const response = await untilInterrupted(flow === undefined ? leg(connect) : flow(connect, leg), { signal })
    const tunnel = response.statusCode < 300 ? exchange.takeSocket() : null
    if (tunnel === null) throw refused(response, request)
    return tunnel
  } catch (error) {
    throw error instanceof RequestException || signal.aborted ? error : new FlowFailure(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
    exchange.giveUp()
  }
}

/** What the scheme itself threw while it talked to the proxy: not ours to describe. */
export class FlowFailure {
  readonly reason: unknown

  constructor(reason: unknown) {
    this.reason = reason
  }
}

/** The socket of one CONNECT exchange: opened when a leg needs it, anew if the proxy closed it between two legs that are not bound to it. */
class TunnelExchange {
  readonly #wanted: TunnelWanted
  readonly #authority: string
  #socket: Socket | null = null
  #bound: Connection | null = null

  constructor(wanted: TunnelWanted) {
    this.#wanted = wanted
    this.#authority = authorityOf(wanted.request)
  }

  async send(connect: PreparedRequest): Promise<Response> {
    if (this.#bound?.closed === true)
      throw new ProxyError('the proxy closed the connection that the authentication was bound to')
    this.#socket ??= await this.#wanted.openProxy()
    try {
      const { response, keepsAlive } = await exchangeRaw(this.#socket, connect, this.#authority, this.#wanted.limits)
      if (!keepsAlive) this.giveUp()
      return response
    } catch (error) {
      throw proxyError(error, this.#wanted.proxyUrl, this.#wanted.request)
    }
  }

  async bind(): Promise<Connection> {
    const socket = (this.#socket ??= await this.#wanted.openProxy())
    if (this.#bound?.closed === true) this.#bound = null
    const certificate = 'getPeerCertificate' in socket ? (socket as TLSSocket).getPeerCertificate().raw : undefined
    this.#bound ??= {
      protocol: 'http/1.1',
      ...(certificate === undefined ? {} : { peerCertificate: certificate }),
      get closed() {
        return socket.destroyed
      },
      send: (connect) => this.send(connect),
      release: () => {},
      destroy: () => this.giveUp(),
    }
    return this.#bound
  }

  /** Hands the socket over: it is the tunnel now. */
  takeSocket(): Socket | null {
    const socket = this.#socket
    this.#socket = null
    return socket
  }

  giveUp(): void {
    this.#socket?.destroy()
    this.#socket = null
  }
}

function authorityOf(request: PreparedRequest): string {
  const { parsedUrl: url } = request
  const host = url.host.startsWith('[') ? `[${dialledHost(url)}]` : url.host
  return `${host}:${effectivePort(url)}`
}

function connectRequest(request: PreparedRequest): PreparedRequest {
  const headers = new Headers()
  for (const name of ['User-Agent', 'Proxy-Authorization']) {
    const value = request.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  return new PreparedRequest({ method: 'CONNECT', url: request.parsedUrl, headers })
}

function refused(response: Response, request: PreparedRequest): ProxyError {
  const { statusCode, reason } = response
  return new ProxyError(`Tunnel connection failed: ${statusCode} ${reason}`, {
    request,
    response,
    connectionReused: false,
    requestBytesSent: 0,
    responseStarted: false,
  })
}
