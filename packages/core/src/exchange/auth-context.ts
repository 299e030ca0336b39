import type { AuthContext } from '../auth/auth-base.ts'
import { type Challenge, parseChallenges } from '../auth/challenge.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { effectivePort } from '../message/url.ts'
import { Deadline, resolveTimeout } from '../timeout.ts'
import type { Exchange, ExchangeOptions } from './exchange.ts'
import { withProxy } from './transport.ts'

/** What a context is made of. */
export interface AuthContextParts {
  readonly recipient: AuthContext['recipient']
  readonly request: PreparedRequest
  readonly options: ExchangeOptions
  readonly bind: AuthContext['bind']
  /** The transport layer alone. */
  readonly wire: Exchange
}

/** How long a request out of band may take, in milliseconds. */
const OUT_OF_BAND_MS = 30_000

/** Makes what a scheme sees of one exchange. */
export function authContext({ recipient, request, options, bind, wire }: AuthContextParts): AuthContext {
  const [challengeHeader, answerHeader] =
    recipient === 'proxy' ? ['proxy-authenticate', 'Proxy-Authorization'] : ['www-authenticate', 'Authorization']
  return {
    recipient,
    recipientOrigin: recipient === 'proxy' ? (options.proxy?.url ?? '') : request.origin,
    requestTarget: requestTarget(request, recipient),
    signal: options.signal,
    challenges: (response): Challenge[] => parseChallenges(response.headers.getAll(challengeHeader)),
    authorize: (signed, value) => signed.headers.set(answerHeader, value),
    bind,
    now: () => Date.now(),
    send: (outOfBand, wanted = {}) => sendOutOfBand(wire, outOfBand, options, wanted),
  }
}

/** Sends and reads a request that is no leg of the exchange, with a deadline of its own. */
async function sendOutOfBand(
  wire: Exchange,
  request: PreparedRequest,
  options: ExchangeOptions,
  wanted: Partial<Pick<ExchangeOptions, 'timeout' | 'verify' | 'cert' | 'signal'>>,
): Promise<Response> {
  const timeout = wanted.timeout ?? resolveTimeout({ total: OUT_OF_BAND_MS })
  const deadline = new Deadline(timeout.total ?? OUT_OF_BAND_MS, wanted.signal)
  deadline.request = request
  const fresh = { stream: false, connection: undefined, proxyFlow: undefined, proxy: null }
  const own = { ...options, ...wanted, ...fresh, timeout, signal: deadline.signal }
  try {
    const response = await wire(request, withProxy(own, own.proxies.select(request.parsedUrl)))
    await response.read()
    return response
  } finally {
    deadline.dispose()
  }
}

/** RFC 9112 section 3.2: authority form to a proxy that opens a tunnel; origin form else, as Requests signs it even through a proxy. */
function requestTarget(request: PreparedRequest, recipient: AuthContext['recipient']): string {
  const { parsedUrl: url } = request
  if (request.method === 'CONNECT') return `${url.host}:${effectivePort(url)}`
  return recipient === 'proxy' ? request.origin + request.pathUrl : request.pathUrl
}
