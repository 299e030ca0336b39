import { AuthBase, type AuthContext, OriginScope, type PreparedRequest, type Response, UsageError } from '@entreat/core'
import { InsecureTransportError, OAuthError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { Token, type TokenData } from '../token.ts'
import { MemoryTokenStore } from '../token-store/memory-token-store.ts'
import type { TokenStore } from '../token-store/token-store.ts'
import { asksForNonce } from './authorization-server.ts'
import type { OAuth2Client } from './oauth2-client.ts'
import { PerOrigin } from './per-origin.ts'
import { placeToken } from './place-token.ts'
import type { TokenPlacement } from './provider-profile.ts'
import { type ObtainToken, type Renewal, SharedToken, type TokenReason } from './shared-token.ts'
import { scopeList } from './oauth2-client-options.ts'

/** How long an origin that refuses a brand-new token is given no other, in milliseconds: it would refuse that one too. */
const REFUSAL_PAUSE_MS = 30_000

/** What `new OAuth2Auth()` takes. */
export interface OAuth2AuthOptions {
  readonly client: OAuth2Client
  /** Where the token is kept. Default: in memory, for this instance alone. */
  readonly store?: TokenStore | undefined
  /** Whose token it is, where several users share a store. Server, client, scope and resource are part of the key by themselves. */
  readonly key?: string | undefined
  /** The token to begin with, if the store has none. */
  readonly token?: Token | TokenData | undefined
  /**
   * Where a token comes from if there is none, or none that can be refreshed. `refresh`, the default: from nowhere, the user has to sign in.
   * `client_credentials`: from that grant. A function: from what it resolves with, such as another grant or a sign-in.
   */
  readonly obtain?: 'refresh' | 'client_credentials' | ObtainToken | undefined
  /** How long before its end a token is renewed, in milliseconds, at most a quarter of its life. Default 30,000. */
  readonly leewayMs?: number | undefined
  /**
   * The origins that the token is sent to, such as `https://api.example.com` or `https://*.example.com`; one named with `http` gets it in plain text.
   * Default: the first origin that is asked for, if it is https or this machine. Requests to others go without it.
   */
  readonly origins?: readonly string[] | undefined
  /** Whether a 401 leads to one renewal and one more attempt. Default `true`. */
  readonly retryOn401?: boolean | undefined
  /** Whether a token that has used up 80 % of its life is renewed while requests still use it. Default `false`. */
  readonly background?: boolean | undefined
  /** Where the token travels. Default: as the client's profile says, else in the Authorization header. */
  readonly placement?: 'header' | 'query' | undefined
  /** Called with each new token, after it is saved and before it is used. */
  readonly onToken?: ((token: Token, reason: TokenReason) => void | Promise<void>) | undefined
}

const OPTIONS: Readonly<Record<keyof OAuth2AuthOptions, true>> = {
  client: true,
  store: true,
  key: true,
  token: true,
  obtain: true,
  leewayMs: true,
  origins: true,
  retryOn401: true,
  background: true,
  placement: true,
  onToken: true,
}

/**
 * Signs requests with an OAuth 2 access token, and keeps it fresh.
 *
 * However many requests, sessions and instances share a store and key in this process, one renewal runs at a time, and a caller that gives up does not
 * end it. With a store that locks, the same holds across processes.
 *
 * @see RFC 6750, RFC 9449
 */
export class OAuth2Auth extends AuthBase {
  readonly #client: OAuth2Client
  readonly #token: SharedToken
  readonly #renewal: Omit<Renewal, 'send'>
  readonly #origins: OriginScope
  /** The first origin that was asked for, where none are named. */
  #firstOrigin: string | null
  readonly #retriesOn401: boolean
  readonly #placement: TokenPlacement
  /** Until when, on the monotonic clock, an origin's 401 leads to no renewal. */
  readonly #refusals: PerOrigin<number> = new PerOrigin()

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options: OAuth2AuthOptions) {
    super()
    const own = readOptions(options, OPTIONS, 'OAuth2Auth')
    if (typeof own.client !== 'object') throw new UsageError('OAuth2Auth needs a client: new OAuth2Client(…)')
    this.#client = own.client
    this.#token = SharedToken.of(own.store ?? new MemoryTokenStore(), storeKey(own.client, own.key ?? ''))
    this.#renewal = {
      client: own.client,
      obtain: own.obtain ?? 'refresh',
      leewayMs: own.leewayMs ?? 30_000,
      seed: own.token instanceof Token ? own.token.toData() : own.token && new Token(own.token).toData(),
      background: own.background ?? false,
      onToken: own.onToken,
    }
    this.#origins = new OriginScope({ origins: own.origins }, 'OAuth2Auth')
    this.#firstOrigin = own.origins === undefined ? null : ''
    this.#retriesOn401 = own.retryOn401 ?? true
    this.#placement =
      own.placement === undefined ? (own.client.options.profile.placement ?? { in: 'header' }) : { in: own.placement }
  }

  /**
   * A token that can be used now, renewed if need be.
   *
   * @throws ReauthorizationRequiredError, TokenRequestError, TokenStoreError; the signal's reason.
   */
  async token(options: { readonly signal?: AbortSignal } = {}): Promise<Token> {
    return this.#token.get({ ...this.#renewal, send: undefined }, { signal: options.signal })
  }

  /** Puts a token in the place of whatever is stored: after a sign-in. @throws TokenStoreError */
  async setToken(token: Token): Promise<void> {
    await this.#token.replace(token, this.#client)
  }

  /** Makes the next request renew the token. @param accessToken - only if it is still this one; default: whichever it is. */
  invalidate(accessToken?: string): void {
    this.#token.reject(accessToken)
  }

  /** Resolves when no renewal runs. Closing a Session ends the renewals that travel on it, and a refresh token may be lost with one: wait before. */
  async settled(): Promise<void> {
    await this.#token.settled()
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    if (!this.#isForToken(request, context)) {
      yield request
      return
    }
    const renewal: Renewal = { ...this.#renewal, send: this.#sender(context) }
    const signal = context.signal
    const { url, body } = request
    const sign = async (token: Token): Promise<void> => {
      request.url = url
      if (request.body !== body) request.body = body
      await this.#sign(request, context, token)
    }

    let token = await this.#token.get(renewal, { signal })
    await sign(token)
    let response = yield request
    if (this.#wantsNonce(request, response, token)) {
      await sign(token)
      response = yield request
    }
    if (!this.#retriesOn401 || !isTokenRefused(response, context) || !request.isReplayable) return
    const { clock } = this.#client.options
    if (clock.monotonic() < (this.#refusals.get(request.origin) ?? 0)) return
    token = await this.#token.get(renewal, { signal, rejected: token.accessToken })
    await sign(token)
    response = yield request
    if (this.#wantsNonce(request, response, token)) {
      await sign(token)
      response = yield request
    }
    if (isTokenRefused(response, context)) this.#refusals.set(request.origin, clock.monotonic() + REFUSAL_PAUSE_MS)
  }

  /** @throws InsecureTransportError for the very origin that the token is for: without a word it would always be refused there. */
  #isForToken(request: PreparedRequest, context: AuthContext): boolean {
    if (context.recipient === 'origin') this.#firstOrigin ??= request.origin
    const refusal = this.#origins.refusal(request, context)
    if (refusal === null) return true
    if (request.origin === this.#firstOrigin) throw new InsecureTransportError(refusal, { request })
    return false
  }

  /** The client's own Session, where it has one; else token requests travel as the request does: same proxy, TLS settings and connections. */
  #sender(context: AuthContext): Renewal['send'] {
    if (this.#client.options.session !== undefined) return undefined
    return (request, options) => context.send(request, options)
  }

  /** Learns from the answer to a proof. @returns whether the API asks for its nonce, and can be sent it. */
  #wantsNonce(request: PreparedRequest, response: Response, token: Token): boolean {
    if (token.tokenType.toLowerCase() !== 'dpop') return false
    const { server } = this.#client
    server.serverClock.observe(request.origin, response.headers)
    const nonce = response.headers.get('dpop-nonce')
    if (nonce === null) return false
    server.nonces.set(request.origin, nonce)
    return asksForNonce(response) && request.isReplayable
  }

  async #sign(request: PreparedRequest, context: AuthContext, token: Token): Promise<void> {
    const { profile } = this.#client.options
    const type = token.tokenType.toLowerCase()
    if (profile.protectedRequest !== undefined) return profile.protectedRequest(request, token)
    if (type === 'dpop' && context.recipient === 'origin') return this.#prove(request, context, token)
    if (type === 'bearer') {
      const placement: TokenPlacement = context.recipient === 'proxy' ? { in: 'header' } : this.#placement
      return placeToken(request, context, token.accessToken, placement)
    }
    throw new OAuthError(
      `${request.method} ${request.origin}: no rule for tokens of type ${JSON.stringify(token.tokenType.slice(0, 40))}. Give a \`profile\` with protectedRequest()`,
    )
  }

  async #prove(request: PreparedRequest, context: AuthContext, token: Token): Promise<void> {
    const { server } = this.#client
    const key = this.#client.keyOf(token)
    if (key === undefined) {
      throw new OAuthError(
        'The DPoP token is bound to a key that is not there: give the client the `dpop` key it was made with',
      )
    }
    const { method, url, origin } = request
    const now = server.serverClock.now(origin)
    const nonce = server.nonces.get(origin)
    context.authorize(request, `DPoP ${token.accessToken}`)
    request.headers.set('DPoP', await key.proof({ method, url, now, nonce, accessToken: token.accessToken }))
  }
}

/**
 * Whether the token is what a 401 is about.
 *
 * RFC 6750 section 3.1 names `invalid_token`; many APIs name nothing. Another error, such as `insufficient_scope`, is not healed by a new token.
 */
function isTokenRefused(response: Response, context: AuthContext): boolean {
  if (response.statusCode !== (context.recipient === 'proxy' ? 407 : 401)) return false
  const errors = context
    .challenges(response)
    .filter(({ scheme }) => /^(?:bearer|dpop)$/i.test(scheme))
    .map(({ params }) => params.get('error'))
  return errors.length === 0 || errors.some((error) => error === undefined || error === 'invalid_token')
}

/** Two tokens that differ in any of it must not meet in a store. */
function storeKey(client: OAuth2Client, user: string): string {
  const { metadata, clientId, options } = client
  const scope = [...(scopeList(options.scope, options.scopeSeparator) ?? [])].sort()
  const resource = typeof options.resource === 'string' ? [options.resource] : [...(options.resource ?? [])].sort()
  return JSON.stringify([metadata.issuer ?? metadata.token_endpoint ?? '', clientId, user, scope, resource])
}
