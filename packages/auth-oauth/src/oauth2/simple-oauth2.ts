// The one file that knows simple-oauth2. Its grant classes are reached behind the public ones, because those cannot be given a transport; why, and what is
// healed here, stands in decision 0020.
import AuthorizationCode from 'simple-oauth2/lib/authorization-code-grant-type.js'
import { CredentialsEncoding } from 'simple-oauth2/lib/client/credentials-encoding.js'
import ClientCredentials from 'simple-oauth2/lib/client-credentials-grant-type.js'
import ResourceOwnerPassword from 'simple-oauth2/lib/resource-owner-password-grant-type.js'

/** Parameters by their names on the wire; `undefined`, `null` and empty lists are not sent, lists repeat the name. */
export type GrantParams = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>

/** A server's answer, as an object without prototype. */
export type AnswerBody = Record<string, unknown>

/** Endpoints by their names in the metadata. */
type GrantEndpoint = 'token_endpoint' | 'revocation_endpoint'

/** Posts a form to an endpoint and gives the answer of a success. */
type PostForm<Call> = (endpoint: GrantEndpoint, params: URLSearchParams, call: Call) => Promise<AnswerBody>

/** What the grants are made of. */
export interface GrantsInit<Call> {
  readonly clientId: string
  /** Between two scopes. */
  readonly scopeSeparator: string
  readonly post: PostForm<Call>
}

/** What one call knows, with room for the answer, which simple-oauth2 would reshape. */
interface Carried<Call> {
  readonly call: Call
  body?: AnswerBody
}

/** Assembles the authorization URL and the parameters of every grant, by the classes of simple-oauth2. */
export class Grants<Call> {
  readonly #code: AuthorizationCode<Carried<Call>>
  readonly #clientCredentials: ClientCredentials<Carried<Call>>
  readonly #password: ResourceOwnerPassword<Carried<Call>>
  readonly #init: GrantsInit<Call>

  constructor(init: GrantsInit<Call>) {
    this.#init = init
    const transport = {
      async request(path: string, params: Record<string, unknown>, carried: Carried<Call>): Promise<AnswerBody> {
        carried.body = await init.post(path as GrantEndpoint, toSearchParams(params as GrantParams), carried.call)
        // A copy: refresh() writes an undefined refresh_token into what it gets.
        return { ...carried.body }
      },
    }
    const config = grantConfig(init, 'https://invalid.invalid/')
    this.#code = new AuthorizationCode(config, transport)
    this.#clientCredentials = new ClientCredentials(config, transport)
    this.#password = new ResourceOwnerPassword(config, transport)
  }

  /**
   * The URL to send the user to.
   *
   * @param endpoint - the authorization endpoint; a query that it has is kept.
   */
  authorizationUrl(endpoint: string, params: GrantParams): string {
    const config = grantConfig(this.#init, endpoint)
    const present: Record<string, unknown> = {
      ...withoutNothing(params),
      response_type: 'code',
      client_id: this.#init.clientId,
    }
    const repeated = Object.entries(present).filter(([name, value]) => Array.isArray(value) && name !== 'scope')
    for (const [name] of repeated) delete present[name]
    const nowhere = { request: () => Promise.reject(new Error('The authorization URL needs no request')) }
    const url = new URL(new AuthorizationCode(config, nowhere).authorizeURL(present))
    // An own scope that is undefined, so that none is found on a polluted prototype, has become text.
    if (present['scope'] === undefined) url.searchParams.delete('scope')
    // simple-oauth2 would join a list with commas.
    for (const [name, values] of repeated) for (const value of values as string[]) url.searchParams.append(name, value)
    return url.href
  }

  /** Asks for a token by any grant. Of the parameters, `scope` may be a list. */
  async token(grantType: string, params: GrantParams, call: Call): Promise<AnswerBody> {
    const carried: Carried<Call> = { call }
    // Named even where it is the class's own: a parameter must not take its place.
    const present = { ...withoutNothing(params), grant_type: grantType }
    if (grantType === 'client_credentials') await this.#clientCredentials.getToken(present, carried)
    else if (grantType === 'password') await this.#password.getToken(present, carried)
    else await this.#code.getToken(present, carried)
    return carried.body as AnswerBody
  }

  /** Exchanges a refresh token. The answer is the server's own: it holds a refresh token only if there is a new one. */
  async refresh(refreshToken: string, params: GrantParams, call: Call): Promise<AnswerBody> {
    const carried: Carried<Call> = { call }
    const present = { ...withoutNothing(params), grant_type: 'refresh_token' }
    await this.#code.createToken({ refresh_token: refreshToken }).refresh(present, carried)
    return carried.body as AnswerBody
  }

  /** Revokes one token. */
  async revoke(token: string, hint: 'access_token' | 'refresh_token', call: Call): Promise<void> {
    await this.#code.createToken({ [hint]: token }).revoke(hint, { call })
  }
}

/**
 * Client id and secret as the value of a Basic Authorization header, without the scheme.
 *
 * @param mode - `strict` form-encodes both (RFC 6749 section 2.3.1); `loose` is for servers that do not decode them.
 */
export function basicCredentials(clientId: string, secret: string, mode: 'strict' | 'loose'): string {
  return new CredentialsEncoding(mode).getAuthorizationHeaderToken(clientId, secret)
}

function grantConfig<Call>(init: GrantsInit<Call>, authorizationEndpoint: string): SimpleOAuth2Config {
  return {
    client: { id: init.clientId, idParamName: 'client_id' },
    auth: {
      authorizeHost: authorizationEndpoint,
      authorizePath: authorizationEndpoint,
      tokenPath: 'token_endpoint',
      refreshPath: 'token_endpoint',
      revokePath: 'revocation_endpoint',
    },
    options: { scopeSeparator: init.scopeSeparator },
  }
}

function withoutNothing(params: GrantParams): Record<string, unknown> {
  const present: Record<string, unknown> = { scope: undefined }
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || name === '__proto__') continue
    if (Array.isArray(value) && value.length === 0) continue
    present[name] = value
  }
  return present
}

/** Parameters as a form: lists repeat the name. */
export function toSearchParams(params: GrantParams): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) continue
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) form.append(name, String(one))
  }
  return form
}
