import { UsageError } from '@entreat/core'
import { TokenRequestError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { inspectAs, showUrl } from '../redaction.ts'
import type { Token, TokenData } from '../token.ts'
import { textMember } from './answer-body.ts'
import {
  AuthorizationRequest,
  type AuthorizationRequestData,
  createPkce,
  randomToken,
} from './authorization-request.ts'
import { readAuthorizationResponse, UsedStates } from './authorization-response.ts'
import { answerWithout, AuthorizationServer, type CallOptions } from './authorization-server.ts'
import { DeviceAuthorization } from './device-authorization.ts'
import { discoverResource, discoverServer, type ProtectedResourceMetadata } from './discovery.ts'
import { DPoPKey } from './dpop.ts'
import { checkIDToken, type Claims } from './id-token.ts'
import { type Introspection, type IntrospectOptions, introspectToken, type TokenHint } from './introspection.ts'
import {
  AUTHORIZATION_OPTIONS,
  type AuthorizationOptions,
  CALL_OPTIONS,
  type DiscoverOptions,
  EXCHANGE_OPTIONS,
  type ExchangeOptions,
  GRANT_OPTIONS,
  type GrantOptions,
  INTROSPECT_OPTIONS,
  type OAuth2ClientOptions,
  resolveClientOptions,
  type ResolvedClientOptions,
  scopeList,
} from './oauth2-client-options.ts'
import type { ServerMetadata } from './server-metadata.ts'
import { type AnswerBody, type GrantParams, Grants, toSearchParams } from './simple-oauth2.ts'
import { readTokenResponse } from './token-response.ts'
import { fetchUserinfo } from './userinfo.ts'

/** One call to the token endpoint: what the transport needs beside the parameters. */
interface GrantCall {
  readonly options: CallOptions
  readonly dpopKey: DPoPKey | undefined
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/** A client of one OAuth 2 authorization server. Holds no tokens; see OAuth2Auth for that. */
export class OAuth2Client {
  static {
    inspectAs(this.prototype, (client) => `OAuth2Client { ${client.clientId.slice(0, 80)} }`)
  }

  readonly clientId: string
  /** @internal */
  readonly server: AuthorizationServer
  /** @internal */
  readonly options: ResolvedClientOptions
  readonly #grants: Grants<GrantCall>
  readonly #dpopKey: DPoPKey | undefined
  /** Keys of tokens from a store: importing one takes longer than signing with it. */
  readonly #storedKeys = new WeakMap<object, DPoPKey>()
  readonly #usedStates = new UsedStates()

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options: OAuth2ClientOptions) {
    const resolved = resolveClientOptions(options)
    const { clientId, metadata, auth, session, profile, timeout, clock, dpop, scopeSeparator } = resolved
    this.clientId = clientId
    this.options = resolved
    const allowsInsecure = resolved.allowInsecure
    this.server = new AuthorizationServer({
      metadata,
      clientId,
      auth,
      session,
      profile,
      timeout,
      allowsInsecure,
      clock,
    })
    this.#grants = new Grants({
      clientId,
      scopeSeparator,
      post: async (endpoint, params, { options: call, dpopKey }) =>
        (await this.server.post(endpoint, params, call, dpopKey)) ?? (Object.create(null) as AnswerBody),
    })
    if (dpop !== undefined && dpop !== false) this.#dpopKey = dpop === true ? DPoPKey.generate() : DPoPKey.from(dpop)
    for (const name of ['server', 'options'] as const) Object.defineProperty(this, name, { enumerable: false })
  }

  /**
   * A client for an issuer, whose metadata is fetched: OpenID Connect Discovery, else RFC 8414.
   *
   * @param issuer - as the server spells it, letter for letter.
   * @throws MetadataError, InsecureTransportError, UsageError.
   */
  static async discover(issuer: string | URL, options: DiscoverOptions): Promise<OAuth2Client> {
    const { signal, ...own } = options
    const asking = new OAuth2Client({ ...own, metadata: {} })
    const allowsInsecure = asking.options.allowInsecure
    const metadata = await discoverServer(issuer, asking.server, { signal, allowsInsecure })
    const client = new OAuth2Client({ ...own, metadata })
    client.server.serverClock.follow(asking.server.serverClock)
    return client
  }

  /** What a protected API says about itself, the issuers it trusts among it (RFC 9728). @throws MetadataError */
  async discoverResource(resource: string | URL, options?: CallOptions): Promise<ProtectedResourceMetadata> {
    const call = readOptions(options, CALL_OPTIONS, 'discoverResource()')
    return discoverResource(resource, this.server, { ...call, allowsInsecure: this.options.allowInsecure })
  }

  /** What is known about the server. */
  get metadata(): Partial<ServerMetadata> {
    return this.server.metadata
  }

  /**
   * Prepares to send the user to the server: state, PKCE, a nonce for `openid`, and PAR where the server has it.
   *
   * @returns where to send the user, and what to keep for {@link OAuth2Client.exchange}.
   */
  async authorizationRequest(options?: AuthorizationOptions): Promise<AuthorizationRequest> {
    const own = readOptions(options, AUTHORIZATION_OPTIONS, 'authorizationRequest()')
    const redirectUri = own.redirectUri ?? this.options.redirectUri
    const scope = this.#scope(own)
    const resource = this.#resource(own)
    const pkce = own.pkce === false ? undefined : createPkce(own.pkce ?? 'S256')
    const state = randomToken()
    const nonce = scope?.includes('openid') === true ? randomToken() : undefined
    const params: GrantParams = {
      ...own.extra,
      redirect_uri: redirectUri,
      scope,
      resource,
      prompt: own.prompt,
      state,
      nonce,
      ...pkce?.params,
      dpop_jkt: this.#dpopKey?.thumbprint,
    }
    const url = await this.#authorizationUrl(params, own)
    const codeVerifier = pkce?.codeVerifier
    return new AuthorizationRequest(withoutUndefined({ url, state, redirectUri, codeVerifier, nonce, scope, resource }))
  }

  async #authorizationUrl(params: GrantParams, own: AuthorizationOptions): Promise<string> {
    const endpoint = this.server.endpoint('authorization_endpoint')
    const { pushed_authorization_request_endpoint: par, require_pushed_authorization_requests: mustPush } =
      this.metadata
    const isPushed = mustPush === true || (own.pushed ?? par !== undefined)
    if (!isPushed) return this.#grants.authorizationUrl(endpoint, params)
    // The same parameters in a form (RFC 9126 section 2.1).
    const form = new URL(this.#grants.authorizationUrl('https://pushed.invalid/', params)).searchParams
    const body = await this.server.post('pushed_authorization_request_endpoint', form, own)
    const requestUri = textMember(body, 'request_uri')
    if (requestUri === undefined) throw answerWithout('request_uri', 'pushed authorization request endpoint')
    const url = new URL(endpoint)
    url.searchParams.set('client_id', this.clientId)
    url.searchParams.set('request_uri', requestUri)
    return url.href
  }

  /**
   * Turns the code of a callback into a token. One request is good for one callback, unless the server could not be reached.
   *
   * @param callback - the URL the user came back to, `request.url` of an http server included, or the parameters of a posted form.
   * @throws StateMismatchError, IssuerMismatchError, AuthorizationResponseError; InvalidGrantError, TokenRequestError, IDTokenError.
   */
  async exchange(
    callback: string | URL | URLSearchParams,
    request: AuthorizationRequest | AuthorizationRequestData,
    options?: GrantOptions,
  ): Promise<Token> {
    const own = readOptions(options, GRANT_OPTIONS, 'exchange()')
    const asked = request instanceof AuthorizationRequest ? request : AuthorizationRequest.fromData(request)
    const code = readAuthorizationResponse(callback, asked, this.metadata)
    this.#usedStates.use(asked.state)
    const { redirectUri, codeVerifier, nonce, scope } = asked.data
    const params: GrantParams = { ...own.extra, code, redirect_uri: redirectUri, code_verifier: codeVerifier }
    const known = { call: own, scope }
    const token = await this.#token('authorization_code', { ...params, resource: this.#resource(own) }, known).catch(
      (error: unknown) => {
        if (error instanceof TokenRequestError && error.outcome === 'not-sent') this.#usedStates.forget(asked.state)
        throw error
      },
    )
    if (token.idToken !== undefined) this.#checkIDToken(token, nonce)
    return token
  }

  #checkIDToken(token: Token, nonce: string | undefined): void {
    const { issuer, token_endpoint: endpoint } = this.metadata
    if (issuer === undefined || endpoint === undefined) return
    const now = this.server.serverClock.now(new URL(endpoint).origin)
    const toleranceMs = this.options.clockToleranceMs
    checkIDToken(token, { issuer, clientId: this.clientId, nonce, now, toleranceMs })
  }

  /** A token for the client itself (RFC 6749 section 4.4). @throws TokenRequestError */
  async clientCredentials(options?: GrantOptions): Promise<Token> {
    const own = readOptions(options, GRANT_OPTIONS, 'clientCredentials()')
    return this.#scoped('client_credentials', {}, own)
  }

  /** A token for a user's password (RFC 6749 section 4.3), for servers that offer nothing better. @throws TokenRequestError */
  async password(username: string, password: string, options?: GrantOptions): Promise<Token> {
    const own = readOptions(options, GRANT_OPTIONS, 'password()')
    return this.#scoped('password', { username, password }, own)
  }

  /** A token for a signed JWT (RFC 7523 section 2.1); `signAssertion()` makes one. @throws TokenRequestError */
  async jwtBearer(assertion: string, options?: GrantOptions): Promise<Token> {
    const own = readOptions(options, GRANT_OPTIONS, 'jwtBearer()')
    return this.#scoped(JWT_BEARER, { assertion }, own)
  }

  /** A token for another token (RFC 8693). What it is stands in `token.raw.issued_token_type`. @throws TokenRequestError */
  async tokenExchange(options: ExchangeOptions): Promise<Token> {
    const own = readOptions(options, EXCHANGE_OPTIONS, 'tokenExchange()')
    const { subjectToken, subjectTokenType = ACCESS_TOKEN_TYPE, actorToken, requestedTokenType, audience } = own
    const actorType = actorToken === undefined ? undefined : (own.actorTokenType ?? ACCESS_TOKEN_TYPE)
    const params: GrantParams = {
      subject_token: subjectToken,
      subject_token_type: subjectTokenType,
      actor_token: actorToken,
      actor_token_type: actorType,
      requested_token_type: requestedTokenType,
      audience,
    }
    return this.#scoped(TOKEN_EXCHANGE, params, own)
  }

  /** A token by any grant. @param type - `grant_type`. @throws TokenRequestError */
  async grant(type: string, params: GrantParams, options?: GrantOptions): Promise<Token> {
    const own = readOptions(options, GRANT_OPTIONS, 'grant()')
    return this.#scoped(type, params, own)
  }

  /**
   * A new token for an old one's refresh token. What the server does not repeat, the refresh token among it, is kept.
   *
   * @throws InvalidGrantError if it is used, expired or revoked; TokenRequestError, whose `outcome` says whether it may have been used up.
   */
  async refresh(token: Token | string, options?: GrantOptions): Promise<Token> {
    const own = readOptions(options, GRANT_OPTIONS, 'refresh()')
    const previous = typeof token === 'string' ? undefined : token
    const refreshToken = typeof token === 'string' ? token : token.refreshToken
    if (refreshToken === undefined || refreshToken === '') throw new UsageError('The token has no refresh token')
    const scope = scopeList(own.scope, this.options.scopeSeparator)
    const dpopKey = this.keyOf(previous)
    const requestedAt = this.options.clock.now()
    const params = { ...own.extra, scope, resource: this.#resource(own) }
    const body = await this.#grants.refresh(refreshToken, params, { options: own, dpopKey })
    return this.#read(body, { requestedAt, scope, dpopKey, previous: previous?.toData() ?? { refreshToken } })
  }

  /** Begins a sign-in on another device (RFC 8628). @throws TokenRequestError, MetadataError. */
  async device(options?: GrantOptions): Promise<DeviceAuthorization> {
    const own = readOptions(options, GRANT_OPTIONS, 'device()')
    const { clock } = this.options
    const requestedAt = clock.now()
    const scope = this.#scope(own)
    const params = { ...own.extra, scope: scope?.join(this.options.scopeSeparator), resource: this.#resource(own) }
    const body = await this.server.post('device_authorization_endpoint', toSearchParams(params), own)
    return new DeviceAuthorization({
      body: body ?? {},
      requestedAt,
      clock,
      ask: (deviceCode, signal) =>
        this.#token(
          DEVICE_CODE,
          { device_code: deviceCode },
          { call: { ...own, signal: signal ?? own.signal }, scope },
        ),
    })
  }

  /**
   * Ends a token at the server (RFC 7009). One that the server does not know counts as ended.
   *
   * @param token - of a Token without a hint, both parts are revoked, the refresh token first.
   * @throws TokenRequestError
   */
  async revoke(token: Token | string, hint?: TokenHint, options?: CallOptions): Promise<void> {
    const call: GrantCall = { options: readOptions(options, CALL_OPTIONS, 'revoke()'), dpopKey: undefined }
    if (typeof token === 'string') return this.#grants.revoke(token, hint ?? 'access_token', call)
    if (hint !== 'access_token' && token.refreshToken !== undefined) {
      await this.#grants.revoke(token.refreshToken, 'refresh_token', call)
    }
    if (hint !== 'refresh_token') await this.#grants.revoke(token.accessToken, 'access_token', call)
  }

  /** Asks what a token is worth (RFC 7662). @throws TokenRequestError */
  async introspect(token: Token | string, options?: IntrospectOptions): Promise<Introspection> {
    return introspectToken(this.server, token, readOptions(options, INTROSPECT_OPTIONS, 'introspect()'))
  }

  /**
   * Who the user is (OpenID Connect Core section 5.3).
   *
   * @throws TokenRequestError if the server refuses the token, or answers with anything but JSON.
   */
  async userinfo(token: Token, options?: CallOptions): Promise<Claims> {
    const call = readOptions(options, CALL_OPTIONS, 'userinfo()')
    return fetchUserinfo(this.server, token, { dpopKey: this.keyOf(token), call })
  }

  /** @internal The key that a token is bound to: its own, else the client's. */
  keyOf(token: Token | undefined): DPoPKey | undefined {
    const stored = token?.dpopKey
    if (stored === undefined) return this.#dpopKey
    const key = this.#storedKeys.get(stored) ?? DPoPKey.fromStored(stored)
    this.#storedKeys.set(stored, key)
    return key
  }

  #scoped(grantType: string, params: GrantParams, own: GrantOptions): Promise<Token> {
    const scope = this.#scope(own)
    return this.#token(
      grantType,
      { ...own.extra, ...params, scope, resource: this.#resource(own) },
      { call: own, scope },
    )
  }

  async #token(
    grantType: string,
    params: GrantParams,
    { call, scope }: { readonly call: CallOptions; readonly scope: readonly string[] | undefined },
  ): Promise<Token> {
    const requestedAt = this.options.clock.now()
    const dpopKey = this.#dpopKey
    const body = await this.#grants.token(grantType, params, { options: call, dpopKey })
    return this.#read(body, { requestedAt, scope, dpopKey, previous: undefined })
  }

  #read(
    body: AnswerBody,
    known: {
      readonly requestedAt: number
      readonly scope: readonly string[] | undefined
      readonly dpopKey: DPoPKey | undefined
      readonly previous: Partial<TokenData> | undefined
    },
  ): Token {
    const { scopeSeparator } = this.options
    const endpoint = showUrl(this.server.endpoint('token_endpoint'))
    const { scope: requestedScope, ...rest } = known
    return readTokenResponse(body, { endpoint, scopeSeparator, requestedScope, ...rest })
  }

  #scope(own: GrantOptions): readonly string[] | undefined {
    return scopeList(own.scope ?? this.options.scope, this.options.scopeSeparator)
  }

  #resource(own: GrantOptions): readonly string[] | undefined {
    const resource = own.resource ?? this.options.resource
    return typeof resource === 'string' ? [resource] : resource
  }
}

/** Optional members that are undefined are left out, as exact types want it. */
function withoutUndefined<T extends object>(value: {
  [Name in keyof T]: T[Name] | undefined
}): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T
}
