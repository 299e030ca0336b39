import { timingSafeEqual } from 'node:crypto'
import { type Fields, post, type RequestOptions, type Response, type Session, UsageError } from '@entreat/core'
import { AuthorizationResponseError, OAuth1TokenError, StateMismatchError } from '../errors.ts'
import { MOST_ANSWER_BYTES } from '../oauth2/answer-body.ts'
import { requireSecure } from '../oauth2/insecure-transport.ts'
import { showServerText, showUrl } from '../redaction.ts'
import { readOptions } from '../options.ts'
import { OAuth1 } from './oauth1.ts'
import { type OAuth1Options, readOAuth1Options, SIGNING_OPTIONS, type TokenOptionName } from './oauth1-options.ts'
import { OAuth1Token } from './oauth1-token.ts'

/** What {@link OAuth1Options} says of a client, and not of one token. */
type SigningOptions = Omit<OAuth1Options, TokenOptionName>

/** Options of `new OAuth1Flow()`: how to sign, and where. */
export interface OAuth1FlowOptions extends SigningOptions {
  /** Where temporary credentials are had (RFC 5849 section 2.1). */
  readonly requestTokenUrl: string | URL
  /** Where the user says yes (section 2.2). */
  readonly authorizeUrl: string | URL
  /** Where they become an access token (section 2.3). */
  readonly accessTokenUrl: string | URL
  /** Where the user comes back to. Default `oob`: the server shows a code to type in. */
  readonly callback?: string | URL | undefined
  /** Sends the token requests, with its proxy, TLS and pool. Default: connections of their own. */
  readonly session?: Session | undefined
  /** The whole of one token request, in milliseconds. Default 30000. */
  readonly timeout?: number | undefined
  /** Allow endpoints over http on other machines: whoever listens there gets the tokens. Default `false`: only on loopback. */
  readonly allowInsecure?: boolean | undefined
  /** Take servers of OAuth 1.0 that do not confirm the callback: an attacker can send their own code to a user. Default `false`. */
  readonly allowUnconfirmedCallback?: boolean | undefined
}

/** Options of {@link OAuth1Flow.requestToken}. */
export interface RequestTokenOptions {
  /** Sent as the header's realm, joined by spaces. */
  readonly realm?: readonly string[]
  /** Form fields to send and sign along, such as `x_auth_access_type`. */
  readonly data?: Fields
  readonly signal?: AbortSignal
}

/** What the user brought back: the URL they were sent to, or the code that the server showed. */
export type AuthorizedCallback = string | URL | { readonly verifier: string }

/**
 * The three legs of OAuth 1: ask for temporary credentials, send the user to the server, trade what they bring back for an access token.
 *
 * It keeps nothing between the legs, so they may happen in different processes: `token.toData()` carries what is needed.
 *
 * @see RFC 5849 section 2
 */
export class OAuth1Flow {
  readonly #signing: OAuth1Options
  readonly #endpoints: { readonly request: URL; readonly authorize: URL; readonly access: URL }
  readonly #callback: string
  readonly #session: Session | null
  readonly #timeout: number
  readonly #allowUnconfirmedCallback: boolean

  /** @throws UsageError for an unknown option or a value that cannot be meant; InsecureTransportError for an endpoint over plain http. */
  constructor(options: OAuth1FlowOptions) {
    const own = readOptions(options, OAUTH1_FLOW_OPTIONS, 'OAuth1Flow')
    const { requestTokenUrl, authorizeUrl, accessTokenUrl, callback, session, timeout = 30_000, ...rest } = own
    const { allowInsecure, allowUnconfirmedCallback, ...signing } = rest
    if (!(timeout > 0)) throw new UsageError('OAuth1Flow: timeout must be a positive number of milliseconds')
    const read = (url: string | URL, name: string): URL => {
      if (!URL.canParse(String(url))) throw new UsageError(`OAuth1Flow: ${name} must be an absolute URL`)
      return requireSecure(String(url), name, allowInsecure === true)
    }
    this.#endpoints = {
      request: read(requestTokenUrl, 'requestTokenUrl'),
      authorize: read(authorizeUrl, 'authorizeUrl'),
      access: read(accessTokenUrl, 'accessTokenUrl'),
    }
    this.#callback = String(callback ?? 'oob')
    this.#session = session ?? null
    this.#timeout = timeout
    this.#allowUnconfirmedCallback = allowUnconfirmedCallback === true
    this.#signing = signing
    // Says what is wrong with the options now, not at the first request.
    readOAuth1Options(this.#signing)
  }

  /**
   * First leg: asks for temporary credentials.
   *
   * @throws OAuth1TokenError if the server refuses, gives no token, or does not confirm the callback.
   */
  async requestToken(options?: RequestTokenOptions): Promise<OAuth1Token> {
    const { realm, data, signal } = readOptions(options, REQUEST_TOKEN_OPTIONS, 'requestToken()')
    const auth = this.#sign(this.#endpoints.request, {
      callback: this.#callback,
      ...(realm === undefined ? {} : { realm: realm.join(' ') }),
    })
    const { token, fields, response } = await this.#fetch(this.#endpoints.request, auth, { data, signal })
    if (fields.get('oauth_callback_confirmed') !== 'true' && !this.#allowUnconfirmedCallback) {
      throw new OAuth1TokenError(
        `POST ${showUrl(this.#endpoints.request)}: the server does not confirm the callback, as OAuth 1.0a asks for (RFC 5849 section 2.1). If it only knows OAuth 1.0, there is allowUnconfirmedCallback`,
        { response },
      )
    }
    return token
  }

  /**
   * Second leg: where to send the user.
   *
   * @param token - of {@link requestToken}.
   * @param extra - more parameters for the query, such as `force_login`.
   */
  authorizationUrl(token: OAuth1Token, extra: Readonly<Record<string, string>> = {}): string {
    const url = new URL(this.#endpoints.authorize)
    url.searchParams.set('oauth_token', token.token)
    for (const name of Object.keys(extra)) url.searchParams.append(name, extra[name] as string)
    return url.href
  }

  /**
   * Third leg: trades what the user brought back for an access token.
   *
   * @param callback - the URL the user came back to, or its query; or the code they were shown.
   * @param token - the one of {@link requestToken} that the user was sent away with.
   * @throws StateMismatchError for the callback of another request; AuthorizationResponseError if the user refused or the verifier is missing;
   * OAuth1TokenError if the server refuses.
   */
  async accessToken(
    callback: AuthorizedCallback,
    token: OAuth1Token,
    options?: { readonly signal?: AbortSignal },
  ): Promise<OAuth1Token> {
    const { signal } = readOptions(options, { signal: true }, 'accessToken()')
    const verifier = readVerifier(callback, token)
    const { access } = this.#endpoints
    const auth = this.#sign(access, { token: token.token, tokenSecret: token.tokenSecret, verifier })
    return (await this.#fetch(access, auth, { signal })).token
  }

  /** What signs requests with an access token. */
  auth(token: OAuth1Token): OAuth1 {
    return new OAuth1({ ...this.#signing, token: token.token, tokenSecret: token.tokenSecret })
  }

  #sign(endpoint: URL, more: Partial<OAuth1Options>): OAuth1 {
    return new OAuth1({ ...this.#signing, ...more, origins: [endpoint.origin] })
  }

  async #fetch(
    url: URL,
    auth: OAuth1,
    { data, signal }: { readonly data?: Fields | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<{ token: OAuth1Token; fields: URLSearchParams; response: Response }> {
    const options: RequestOptions = {
      auth,
      // A redirect could take the credentials elsewhere, and a repeated request could use up what it asks for.
      allowRedirects: false,
      retry: null,
      timeout: { total: this.#timeout },
      limits: { decodedBytes: MOST_ANSWER_BYTES },
      stream: false,
      ...(data === undefined ? {} : { data }),
      ...(signal === undefined ? {} : { signal }),
    }
    const response = await (this.#session?.post(url, options) ?? post(url, options))
    const fields = new URLSearchParams(response.text)
    const [token, tokenSecret] = [fields.get('oauth_token'), fields.get('oauth_token_secret')]
    if (!response.ok || response.isRedirect || !token || tokenSecret === null) throw refusal(url, response, fields)
    return { token: new OAuth1Token({ token, tokenSecret, extra: extraFields(fields) }), fields, response }
  }
}

const REQUEST_TOKEN_OPTIONS: Readonly<Record<keyof RequestTokenOptions, true>> = {
  realm: true,
  data: true,
  signal: true,
}

/** The names that `new OAuth1Flow()` knows. */
const OAUTH1_FLOW_OPTIONS: Readonly<Record<keyof OAuth1FlowOptions, true>> = {
  ...SIGNING_OPTIONS,
  requestTokenUrl: true,
  authorizeUrl: true,
  accessTokenUrl: true,
  callback: true,
  session: true,
  timeout: true,
  allowInsecure: true,
  allowUnconfirmedCallback: true,
}

function readVerifier(callback: AuthorizedCallback, token: OAuth1Token): string {
  if (typeof callback === 'object' && 'verifier' in callback) return callback.verifier
  const text = String(callback)
  const query = new URLSearchParams(/^[^?#]*\?([^#]*)/.exec(text)?.[1] ?? '')
  const problem = query.get('oauth_problem')
  if (problem !== null || query.has('denied')) {
    const error = problem === null ? 'access_denied' : showServerText(problem).slice(0, 60)
    throw new AuthorizationResponseError(`The user did not grant access: the server says ${error}`, { error })
  }
  if (!isSame(query.get('oauth_token') ?? '', token.token)) {
    throw new StateMismatchError(
      'The callback is not that of this request token: its oauth_token is another. Start again, and keep the token of each user apart',
      { error: 'invalid_response' },
    )
  }
  const verifier = query.get('oauth_verifier')
  if (verifier) return verifier
  throw new AuthorizationResponseError('The callback has no oauth_verifier (RFC 5849 section 2.2)', {
    error: 'invalid_response',
  })
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function extraFields(fields: URLSearchParams): Record<string, string> {
  const extra = Object.create(null) as Record<string, string>
  for (const [name, value] of fields) if (!name.startsWith('oauth_')) extra[name] ??= value
  return extra
}

function refusal(url: URL, response: Response, fields: URLSearchParams): OAuth1TokenError {
  const problem = problemOf(response, fields)
  const { statusCode } = response
  let why = 'its answer holds no oauth_token and oauth_token_secret'
  if (response.isRedirect) why = 'it redirects, and credentials do not follow'
  else if (!response.ok) why = `it refuses${problem === null ? '' : `: ${problem}`}`
  return new OAuth1TokenError(`POST ${showUrl(url)} (${statusCode}): ${why}`, { response })
}

/** The OAuth problem reporting extension, in the body or the header. */
function problemOf(response: Response, fields: URLSearchParams): string | null {
  const header = /oauth_problem="?([a-z_]{1,60})/i.exec(response.headers.get('www-authenticate') ?? '')?.[1]
  const problem = fields.get('oauth_problem') ?? header ?? null
  return problem === null ? null : showServerText(problem).slice(0, 60)
}
