import { randomUUID } from 'node:crypto'
import type { Headers } from '@entreat/core'
import { UsageError } from '@entreat/core'
import { isSigner, type JwsSigner, type KeyLike, keySigner, secretSigner, signJwt } from './jws.ts'
import type { ServerMetadata } from './server-metadata.ts'
import { basicCredentials } from './simple-oauth2.ts'

/** A secret, or a function that gives the current one. */
export type Secret = string | (() => string | Promise<string>)

/** A request to an endpoint, before the client has said who it is. */
export interface ClientAuthRequest {
  /** Absolute. */
  readonly endpoint: string
  /** The form; may be added to. */
  readonly params: URLSearchParams
  /** The headers; may be added to. */
  readonly headers: Headers
  readonly metadata: Partial<ServerMetadata>
  readonly clientId: string
  /** Milliseconds since the epoch, as the server sees it. */
  now(): number
}

/** How a client proves who it is (RFC 6749 section 2.3). Make one by {@link clientAuth}, or write your own. */
export interface ClientAuth {
  /** By its name in `token_endpoint_auth_method`. */
  readonly method: string
  /** Whether it asks at the endpoints for client certificates, where the server has such. Default `false`. */
  readonly usesMutualTls?: boolean
  /** Adds what the server wants to see. Called for each attempt. */
  authenticate(request: ClientAuthRequest): void | Promise<void>
}

/** Options of signed assertions (RFC 7523). */
export interface AssertionOptions {
  /** Default: `HS256` for a secret, else the usual one of the key. */
  readonly alg?: string
  /** Goes into the header as `kid`. */
  readonly keyId?: string
  /** Default: the issuer, or the token endpoint if no issuer is known. */
  readonly audience?: string
  /** Milliseconds from the moment it is made to its end. Default 60,000. */
  readonly lifetimeMs?: number
}

/** The ways to authenticate a client. None is tried out: a failed try can burn an authorization code. */
export const clientAuth: {
  /** Id and secret in a Basic header. `loose` is for servers that do not form-decode them. */
  basic(secret: Secret, options?: { readonly loose?: boolean }): ClientAuth
  /** Id and secret in the form. */
  post(secret: Secret): ClientAuth
  /** A public client: the id alone. */
  none(): ClientAuth
  /** A JWT signed with the secret (`client_secret_jwt`). */
  secretJwt(secret: Secret, options?: AssertionOptions): ClientAuth
  /** A JWT signed with a private key, here or elsewhere (`private_key_jwt`). */
  privateKeyJwt(key: KeyLike | JwsSigner, options?: AssertionOptions): ClientAuth
  /** The client certificate of the Session (RFC 8705): `tls_client_auth` and `self_signed_tls_client_auth`. */
  tls(): ClientAuth
} = {
  basic: (secret, options = {}) => ({
    method: 'client_secret_basic',
    async authenticate({ headers, clientId }) {
      const credentials = basicCredentials(clientId, await read(secret), options.loose === true ? 'loose' : 'strict')
      headers.set('Authorization', `Basic ${credentials}`)
    },
  }),
  post: (secret) => ({
    method: 'client_secret_post',
    async authenticate({ params, clientId }) {
      params.set('client_id', clientId)
      params.set('client_secret', await read(secret))
    },
  }),
  none: () => ({ method: 'none', authenticate: ({ params, clientId }) => params.set('client_id', clientId) }),
  secretJwt: (secret, options = {}) => ({
    method: 'client_secret_jwt',
    authenticate: async (request) =>
      assertClient(request, secretSigner(await read(secret), options.alg ?? 'HS256'), options),
  }),
  privateKeyJwt: (key, options = {}) => {
    const signer = isSigner(key) ? key : keySigner(key, options.alg, options.keyId)
    return { method: 'private_key_jwt', authenticate: (request) => assertClient(request, signer, options) }
  },
  tls: () => ({
    method: 'tls_client_auth',
    usesMutualTls: true,
    authenticate: ({ params, clientId }) => params.set('client_id', clientId),
  }),
}

async function read(secret: Secret): Promise<string> {
  const value: unknown = typeof secret === 'function' ? await secret() : secret
  if (typeof value !== 'string' || value === '')
    throw new UsageError('The client secret must be text that is not empty')
  return value
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Adds an assertion that can be used once (RFC 7523 section 3). */
async function assertClient(request: ClientAuthRequest, signer: JwsSigner, options: AssertionOptions): Promise<void> {
  const { clientId, metadata, endpoint, params } = request
  const issuedAt = Math.floor(request.now() / 1000)
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: options.audience ?? metadata.issuer ?? metadata.token_endpoint ?? endpoint,
    jti: randomUUID(),
    iat: issuedAt,
    exp: issuedAt + Math.ceil((options.lifetimeMs ?? 60_000) / 1000),
  }
  params.set('client_id', clientId)
  params.set('client_assertion_type', JWT_BEARER)
  params.set('client_assertion', await signJwt(signer, { typ: 'JWT' }, claims))
}
