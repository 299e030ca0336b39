import {
  type AuthContext,
  Headers,
  type PreparedRequest,
  Request,
  RequestException,
  type Response,
  Session,
} from '@entreat/core'
import { InvalidGrantError, MetadataError, TokenRequestError } from '../errors.ts'
import { showServerText, showUrl } from '../redaction.ts'
import { MOST_ANSWER_BYTES, readAnswerBody, textMember } from './answer-body.ts'
import type { ClientAuth } from './client-auth.ts'
import type { Clock } from './clock.ts'
import type { DPoPKey } from './dpop.ts'
import { requireSecure } from './insecure-transport.ts'
import { PerOrigin } from './per-origin.ts'
import type { ProviderProfile } from './provider-profile.ts'
import { retryAfterMs } from './retry-after.ts'
import { ServerClock } from './server-clock.ts'
import type { EndpointName, ServerMetadata } from './server-metadata.ts'
import type { AnswerBody } from './simple-oauth2.ts'

/** How one call is made. */
export interface CallOptions {
  /** Cancels the call; its reason is what the call rejects with. */
  readonly signal?: AbortSignal | undefined
  /** The whole call, in milliseconds. Default: the client's `timeout`. */
  readonly timeout?: number | undefined
  /** Sends requests: `context.send` inside an AuthBase flow. Default: the client's Session. */
  readonly send?: AuthContext['send'] | undefined
}

/** What is known about a server and how to speak to it. */
export interface AuthorizationServerInit {
  readonly metadata: Partial<ServerMetadata>
  readonly clientId: string
  readonly auth: ClientAuth
  readonly session: Session | undefined
  readonly profile: ProviderProfile
  /** Milliseconds for one call. */
  readonly timeout: number
  readonly allowsInsecure: boolean
  readonly clock: Clock
}

/** One request to the server. */
export interface EndpointRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly params?: URLSearchParams
  readonly headers?: Readonly<Record<string, string>>
  /** Whether the client says who it is. Default `false`. */
  readonly authenticates?: boolean
  /** Whether the provider's profile may change it. Default `false`. */
  readonly isTokenRequest?: boolean
  /** The key to prove. */
  readonly dpopKey?: DPoPKey | undefined
  /** The token that travels with the proof. */
  readonly accessToken?: string | undefined
}

/** What a server said, and what it must not be quoted with. */
export interface EndpointAnswer {
  readonly response: Response
  readonly secrets: readonly string[]
}

/** Parameters whose values must not be shown, should a server repeat them. */
const SECRET_PARAMS = [
  'client_secret',
  'client_assertion',
  'assertion',
  'code',
  'code_verifier',
  'device_code',
  'refresh_token',
  'password',
  'subject_token',
  'actor_token',
  'token',
]

/** Speaks to the endpoints of one authorization server: no redirects, no retries, no more than 1 MiB of answer. */
export class AuthorizationServer {
  readonly metadata: Partial<ServerMetadata>
  readonly clock: Clock
  /** What time the servers think it is. */
  readonly serverClock: ServerClock
  /** DPoP nonces of this server and of APIs, each for its origin (RFC 9449 section 8.2). */
  readonly nonces: PerOrigin<string> = new PerOrigin()
  readonly #init: AuthorizationServerInit

  constructor(init: AuthorizationServerInit) {
    this.#init = init
    this.metadata = init.metadata
    this.clock = init.clock
    this.serverClock = new ServerClock(init.clock)
  }

  /** @throws MetadataError if the metadata lacks it; InsecureTransportError. */
  endpoint(name: EndpointName): string {
    const { metadata, auth, allowsInsecure } = this.#init
    const alias = auth.usesMutualTls === true ? metadata.mtls_endpoint_aliases?.[name] : undefined
    const url = alias ?? metadata[name]
    if (typeof url !== 'string' || url === '') {
      throw new MetadataError(`The authorization server's metadata has no ${name}: give it in \`metadata\``)
    }
    return requireSecure(url, name, allowsInsecure).href
  }

  /**
   * Posts a form, as this client.
   *
   * @returns the body of a 2xx answer; empty if it is no JSON and no form.
   * @throws TokenRequestError, InvalidGrantError; the signal's reason.
   */
  async post(
    name: EndpointName,
    params: URLSearchParams,
    call: CallOptions,
    dpopKey?: DPoPKey,
  ): Promise<AnswerBody | null> {
    const isTokenRequest = name === 'token_endpoint'
    const url = this.endpoint(name)
    const request: EndpointRequest = { method: 'POST', url, params, dpopKey, authenticates: true, isTokenRequest }
    const answer = await this.send(request, call)
    const body = this.#readBody(request, answer.response)
    if (answer.response.statusCode >= 300 || isError(body)) throw this.refusal(request, answer, body)
    return body
  }

  #readBody({ isTokenRequest }: EndpointRequest, response: Response): AnswerBody | null {
    const body = readAnswerBody(response)
    const { profile } = this.#init
    if (body === null || isTokenRequest !== true || profile.tokenResponse === undefined) return body
    return Object.assign(Object.create(null), profile.tokenResponse({ ...body })) as AnswerBody
  }

  /**
   * Sends a request, and sends it again where the server asks for a DPoP nonce, or refuses a signed assertion because of the time on this machine.
   *
   * @returns any answer.
   */
  async send(request: EndpointRequest, call: CallOptions): Promise<EndpointAnswer> {
    const { origin } = new URL(request.url)
    const first = await this.#attempt(request, origin, call)
    const { response, hasNewTime } = first
    if (response.statusCode < 400) return first
    const asksAgain = this.#wantsNonce(request, response) || (hasNewTime && this.#isRefusedForTime(request, response))
    return asksAgain ? this.#attempt(request, origin, call) : first
  }

  #wantsNonce(request: EndpointRequest, response: Response): boolean {
    if (request.dpopKey === undefined || !response.headers.has('dpop-nonce')) return false
    return textMember(readAnswerBody(response), 'error') === 'use_dpop_nonce' || asksForNonce(response)
  }

  #isRefusedForTime(request: EndpointRequest, response: Response): boolean {
    const signsTime = request.authenticates === true && this.#init.auth.method.endsWith('_jwt')
    return signsTime && textMember(readAnswerBody(response), 'error') === 'invalid_client'
  }

  async #attempt(
    request: EndpointRequest,
    origin: string,
    call: CallOptions,
  ): Promise<EndpointAnswer & { readonly hasNewTime: boolean }> {
    const { prepared, secrets } = await this.#prepare(request, origin)
    const response = await this.#transmit(prepared, request, call)
    const nonce = response.headers.get('dpop-nonce')
    if (nonce !== null) this.nonces.set(origin, nonce)
    return { response, secrets, hasNewTime: this.serverClock.observe(origin, response.headers) }
  }

  async #prepare(
    request: EndpointRequest,
    origin: string,
  ): Promise<{ prepared: PreparedRequest; secrets: readonly string[] }> {
    const { metadata, clientId, auth, profile } = this.#init
    const { method, url, dpopKey, accessToken } = request
    // Servers answer with HTML where they may choose.
    const headers = new Headers({ Accept: 'application/json', 'User-Agent': 'entreat-auth-oauth', ...request.headers })
    const params = new URLSearchParams(request.params)
    const now = (): number => this.serverClock.now(origin)
    if (request.authenticates === true) {
      await auth.authenticate({ endpoint: url, params, headers, metadata, clientId, now })
    }
    if (request.isTokenRequest === true) profile.tokenRequest?.({ params, headers })
    if (dpopKey !== undefined) {
      const nonce = this.nonces.get(origin)
      headers.set('DPoP', await dpopKey.proof({ method, url, now: now(), nonce, accessToken }))
    }
    const data = method === 'POST' ? { data: params } : {}
    return {
      prepared: await new Request(method, url, { headers, auth: null, ...data }).prepare(),
      secrets: [...SECRET_PARAMS.flatMap((name) => params.getAll(name)), ...basicSecrets(headers)],
    }
  }

  async #transmit(prepared: PreparedRequest, request: EndpointRequest, call: CallOptions): Promise<Response> {
    call.signal?.throwIfAborted()
    try {
      const response = await this.#carry(prepared, call)
      if (response.content.length > MOST_ANSWER_BYTES) throw new RangeError('The answer is larger than 1 MiB')
      return response
    } catch (error) {
      if (call.signal?.aborted === true) throw error
      const outcome = wasSent(error) ? 'unknown' : 'not-sent'
      const what = outcome === 'unknown' ? 'no usable answer' : 'it could not be sent'
      throw new TokenRequestError(`${request.method} ${showUrl(request.url)}: ${what} (${nameOf(error)})`, {
        error: 'transport_error',
        outcome,
        cause: error,
      })
    }
  }

  async #carry(prepared: PreparedRequest, call: CallOptions): Promise<Response> {
    const { session, timeout: usual } = this.#init
    const total = call.timeout ?? usual
    const signal = call.signal === undefined ? {} : { signal: call.signal }
    if (call.send !== undefined) {
      const timeout = { connect: total, read: total, write: total, pool: total, total }
      return call.send(prepared, { timeout, ...signal })
    }
    const options = {
      allowRedirects: false,
      retry: null,
      stream: false,
      timeout: { total },
      limits: { decodedBytes: MOST_ANSWER_BYTES },
      ...signal,
    }
    if (session !== undefined) return session.send(prepared, options)
    const own = new Session()
    try {
      return await own.send(prepared, options)
    } finally {
      await own.close()
    }
  }

  /** The error that an answer stands for. */
  refusal(request: EndpointRequest, { response, secrets }: EndpointAnswer, body: AnswerBody | null): TokenRequestError {
    const { statusCode } = response
    const show = (name: string): string | undefined => {
      const text = textMember(body, name)
      return text === undefined ? undefined : showServerText(text, secrets)
    }
    const error = show('error') ?? 'invalid_response'
    const [errorDescription, errorUri] = [show('error_description'), show('error_uri')]
    const why = isError(body) ? [error, errorDescription].filter(Boolean).join(': ') : describeOddAnswer(response, body)
    const type = error === 'invalid_grant' ? InvalidGrantError : TokenRequestError
    return new type(`${request.method} ${showUrl(request.url)} answered ${statusCode}: ${why}`, {
      error,
      errorDescription,
      errorUri,
      status: statusCode,
      retryAfterMs: retryAfterMs(response.headers, this.clock.now()),
      // A gateway that gives up does not know what the server behind it has done.
      outcome: body === null && (statusCode === 502 || statusCode === 504) ? 'unknown' : 'rejected',
    })
  }
}

/** The error for an answer that lacks what it is about. */
export function answerWithout(name: string, endpoint: string): TokenRequestError {
  const message = `The answer of the ${endpoint} has no ${name}`
  return new TokenRequestError(message, { error: 'invalid_response', outcome: 'rejected' })
}

/** The credentials of a Basic header, and the secret in them. */
function basicSecrets(headers: Headers): string[] {
  const [, credentials] = /^Basic (.+)$/.exec(headers.get('authorization') ?? '') ?? []
  if (credentials === undefined) return []
  const [, secret] = [...new URLSearchParams(Buffer.from(credentials, 'base64').toString().replace(':', '='))][0] ?? []
  return [credentials, ...(secret === undefined ? [] : [secret])]
}

/** Some servers say `200` and mean no. */
function isError(body: AnswerBody | null): boolean {
  return body !== null && typeof body['error'] === 'string' && body['error'] !== ''
}

/** Whether an API asks for a nonce (RFC 9449 section 9). */
export function asksForNonce(response: Response): boolean {
  const header = response.headers.get('www-authenticate') ?? ''
  return response.statusCode === 401 && /\bdpop\b/i.test(header) && header.includes('use_dpop_nonce')
}

function describeOddAnswer(response: Response, body: AnswerBody | null): string {
  const { statusCode } = response
  if (statusCode >= 300 && statusCode < 400)
    return 'it redirects, and is not followed: the other place would see what was sent'
  if (body !== null) return 'without saying why'
  return `neither JSON nor a form (${showServerText(response.headers.get('content-type') ?? 'no content type').slice(0, 60)})`
}

/** Errors of a connection that never carried the request. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ConnectTimeout',
  'PoolTimeout',
  'SSLError',
  'ProxyError',
  'InvalidSchema',
  'InvalidURL',
  'UsageError',
])

function wasSent(error: unknown): boolean {
  if (!(error instanceof RequestException)) return true
  return !NOT_SENT.has(error.name) && error.requestBytesSent !== 0
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
