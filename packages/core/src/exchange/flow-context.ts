import type { AuthBase, AuthContext } from '../auth/auth-base.ts'
import { type Challenge, parseChallenges } from '../auth/challenge.ts'
import { inspectAs } from '../message/inspect.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { effectivePort } from '../message/authority.ts'
import { Deadline, resolveTimeout } from '../timeout.ts'
import type { Connection } from '../transport/transport-adapter.ts'
import type { Exchange, ExchangeOptions } from './exchange.ts'
import { hopOptions } from './transport.ts'

/** Where a scheme's connection comes from. */
export interface Binder {
  /** @param auth - who asks. @throws AuthenticationError if there is none to reserve. */
  reserve(request: PreparedRequest, options: ExchangeOptions, auth: AuthBase): Promise<Connection>
}

/** What a context is made of. */
export interface FlowContextParts {
  readonly auth: AuthBase
  readonly recipient: AuthContext['recipient']
  readonly request: PreparedRequest
  readonly options: ExchangeOptions
  readonly binder: Binder
  /** The transport layer alone. */
  readonly wire: Exchange
}

/** How long a request out of band may take, in milliseconds. */
const OUT_OF_BAND_MS = 30_000

/** What a scheme sees of one exchange. */
export class FlowContext implements AuthContext {
  static {
    inspectAs(this.prototype, ({ recipient, recipientOrigin }) => `AuthContext { ${recipient} ${recipientOrigin} }`)
  }

  readonly recipient: AuthContext['recipient']
  private readonly parts: FlowContextParts

  constructor(parts: FlowContextParts) {
    this.recipient = parts.recipient
    this.parts = parts
  }

  get recipientOrigin(): string {
    const { request, options } = this.parts
    return this.recipient === 'proxy' ? (options.proxy?.url ?? '') : request.origin
  }

  get requestTarget(): string {
    return requestTarget(this.parts.request, this.recipient)
  }

  get signal(): AbortSignal | undefined {
    return this.parts.options.signal
  }

  challenges(response: Response): Challenge[] {
    const header = this.recipient === 'proxy' ? 'proxy-authenticate' : 'www-authenticate'
    return parseChallenges(response.headers.getAll(header))
  }

  authorize(request: PreparedRequest, value: string): void {
    request.headers.set(this.recipient === 'proxy' ? 'Proxy-Authorization' : 'Authorization', value)
  }

  bind(): Promise<Connection> {
    const { binder, request, options, auth } = this.parts
    return binder.reserve(request, options, auth)
  }

  now(): number {
    return this.parts.options.clock.now()
  }

  send(request: PreparedRequest, wanted: OutOfBandOptions = {}): Promise<Response> {
    return sendOutOfBand(this.parts.wire, request, this.parts.options, wanted)
  }
}

type OutOfBandOptions = Partial<Pick<ExchangeOptions, 'timeout' | 'verify' | 'cert' | 'signal'>>

/** Sends and reads a request that is no leg of the exchange, with a deadline of its own. */
async function sendOutOfBand(
  wire: Exchange,
  request: PreparedRequest,
  options: ExchangeOptions,
  wanted: OutOfBandOptions,
): Promise<Response> {
  const timeout = wanted.timeout ?? resolveTimeout({ total: OUT_OF_BAND_MS })
  const deadline = new Deadline(timeout.total ?? OUT_OF_BAND_MS, wanted.signal, options.clock)
  deadline.request = request
  const fresh = { stream: false, connection: undefined, proxyFlow: undefined, proxy: null }
  const readsCaBundle = options.readsCaBundle && wanted.verify === undefined
  const own = { ...options, ...wanted, ...fresh, readsCaBundle, timeout, signal: deadline.signal }
  try {
    const response = await wire(request, hopOptions(own, request.parsedUrl, own.proxies.select(request.parsedUrl)))
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
