import type { Socket } from 'node:net'
import { ProxyError } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { dialledHost, effectivePort } from '../message/url.ts'
import { untilAborted } from '../timeout.ts'
import type { ResolvedLimits } from '../limits.ts'
import { exchangeRaw } from './raw-exchange.ts'
import type { ProxyFlow, ProxyLeg } from './transport-adapter.ts'

/** What a tunnel is opened for. */
export interface TunnelWanted {
  /** The request that needs it: its URL says where to, its Proxy-Authorization header goes into CONNECT. */
  readonly request: PreparedRequest
  readonly flow: ProxyFlow | undefined
  readonly limits: ResolvedLimits
  /** Opens a connection to the proxy. Called again when the proxy closes between two legs. */
  readonly openProxy: () => Promise<Socket>
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
  const authority = authorityOf(wanted.request)
  const { signal } = wanted
  let socket: Socket | null = null
  const onAbort = (): void => void socket?.destroy()
  signal.addEventListener('abort', onAbort)
  const leg: ProxyLeg = async (request) => {
    socket ??= await wanted.openProxy()
    const { response, keepsAlive } = await exchangeRaw(socket, request, authority, wanted.limits)
    if (!keepsAlive) {
      socket.destroy()
      socket = null
    }
    return response
  }
  try {
    const request = connectRequest(wanted.request)
    const response = await untilAborted(wanted.flow === undefined ? leg(request) : wanted.flow(request, leg), signal)
    const tunnel = socket as Socket | null
    if (response.statusCode < 300 && tunnel !== null) {
      socket = null
      return tunnel
    }
    throw refused(response, wanted.request)
  } finally {
    signal.removeEventListener('abort', onAbort)
    ;(socket as Socket | null)?.destroy()
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
