import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { testCertificates } from '@entreat/testkit'
import { jwtVerify } from 'jose'
import { errors, type GrantContext, Provider } from 'oidc-provider'
import { JWT_BEARER, oidcClients, TOKEN_EXCHANGE } from './oidc-clients.ts'

/** How a server of a test differs from the usual one. */
export interface OidcServerOptions {
  /** Seconds that access tokens live. Default 300. */
  readonly accessTokenTtl?: number
  /** Whether refresh tokens are used up. Default `true`. */
  readonly rotates?: boolean
  /** Whether DPoP proofs need the server's nonce. Default `false`. */
  readonly requiresNonce?: boolean
  /** Serve https, and take client certificates. Default `false`. */
  readonly mtls?: boolean
}

/** Keys that the registered clients sign with, made once. */
export const clientKeys: { readonly ec: KeyObject; readonly rsa: KeyObject; readonly ed: KeyObject } = {
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed: generateKeyPairSync('ed25519').privateKey,
}

/** Who may sign in with a password. */
export const userPassword = { username: 'ahab', password: 'ivory & /+%' }

/** A certified OpenID Connect server inside this process, on a free port. */
export class OidcServer {
  readonly issuer: string
  readonly provider: Provider
  /** Grants that succeeded and failed, by grant type. */
  readonly granted: string[] = []
  readonly refused: string[] = []
  /** Why the server itself failed, if it did. */
  readonly failures: unknown[] = []
  /** Requests as they arrived: `METHOD /path`. */
  readonly requests: string[] = []
  readonly #server: Server

  private constructor(server: Server, issuer: string, options: OidcServerOptions) {
    this.#server = server
    this.issuer = issuer
    this.provider = new Provider(issuer, configuration(options))
    this.provider.registerGrantType(TOKEN_EXCHANGE, (context) => this.#exchange(context), [
      'subject_token',
      'subject_token_type',
      'audience',
    ])
    this.provider.registerGrantType('password', (context) => this.#password(context), ['username', 'password', 'scope'])
    this.provider.registerGrantType(JWT_BEARER, (context) => this.#assertion(context), ['assertion', 'scope'])
    this.provider.on('grant.success', ({ oidc }: GrantContext) => this.granted.push(oidc.params['grant_type'] ?? ''))
    this.provider.on('grant.error', ({ oidc }: GrantContext) => this.refused.push(oidc.params['grant_type'] ?? ''))
    this.provider.on('server_error', (_: unknown, error: unknown) => this.failures.push(error))
    const handle = this.provider.callback()
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.requests.push(`${request.method} ${new URL(request.url ?? '/', issuer).pathname}`)
      void handle(request, response)
    })
  }

  static async start(options: OidcServerOptions = {}): Promise<OidcServer> {
    const { ca, server: pair } = testCertificates()
    const server =
      options.mtls === true
        ? createTlsServer({ ...pair, ca, requestCert: true, rejectUnauthorized: false })
        : createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return new OidcServer(
      server,
      options.mtls === true ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
      options,
    )
  }

  /** Refreshes that succeeded. */
  get refreshes(): number {
    return this.granted.filter((grant) => grant === 'refresh_token').length
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** RFC 6749 section 4.3 is not built in: one user, one password. */
  async #password(context: GrantContext): Promise<void> {
    const { username, password, scope } = context.oidc.params
    if (username !== userPassword.username || password !== userPassword.password)
      throw new errors.InvalidGrant('user or password is wrong')
    await this.#issue(context, scope)
  }

  /** RFC 7523 section 2.1 is not built in: whatever the key of `clientKeys.ec` has signed for this server. */
  async #assertion(context: GrantContext): Promise<void> {
    const { assertion = '', scope } = context.oidc.params
    const audience = [this.issuer, `${this.issuer}/token`]
    await jwtVerify(assertion, createPublicKey(clientKeys.ec), { audience }).catch(() => {
      throw new errors.InvalidGrant('the assertion is not good')
    })
    await this.#issue(context, scope)
  }

  async #issue(context: GrantContext, scope = 'api:read'): Promise<void> {
    const token = new this.provider.ClientCredentials({ client: context.oidc.client, scope })
    context.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: 60, scope }
  }

  /** Token exchange is not built in: a token for another audience, if the subject's is good. */
  async #exchange(context: GrantContext): Promise<void> {
    const { params, client } = context.oidc
    const subject = await this.provider.AccessToken.find(params['subject_token'] ?? '')
    if (subject === undefined) throw new errors.InvalidGrant('subject token is not known')
    const token = new this.provider.ClientCredentials({ client, scope: 'api:read' })
    context.body = {
      access_token: await token.save(),
      issued_token_type: params['subject_token_type'],
      token_type: 'Bearer',
      expires_in: 60,
    }
  }
}

function certificateOf(request: IncomingMessage): X509Certificate | undefined {
  const peer = (request.socket as TLSSocket).getPeerCertificate?.()
  return peer?.raw === undefined ? undefined : new X509Certificate(peer.raw)
}

interface KoaContext {
  readonly req: IncomingMessage
  readonly socket: TLSSocket
}

const resources = new Set(['https://api.example/', 'https://other.example/'])

function features(options: OidcServerOptions, ttl: number): Record<string, unknown> {
  return {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    pushedAuthorizationRequests: { enabled: true },
    userinfo: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => options.requiresNonce === true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_: unknown, resource: string) => {
        if (!resources.has(resource)) throw new errors.InvalidTarget()
        return {
          scope: 'api:read api:write',
          audience: resource,
          accessTokenTTL: ttl,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }
      },
    },
    ...(options.mtls === true ? { mTLS: mutualTls() } : {}),
  }
}

function mutualTls(): Record<string, unknown> {
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    tlsClientAuth: true,
    selfSignedTlsClientAuth: true,
    getCertificate: ({ req }: KoaContext) => certificateOf(req),
    certificateAuthorized: ({ req }: KoaContext) => (req.socket as TLSSocket).authorized,
    certificateSubjectMatches: ({ req }: KoaContext, property: string, expected: string) =>
      property === 'tls_client_auth_subject_dn' && certificateOf(req)?.subject === expected,
  }
}

function configuration(options: OidcServerOptions): Record<string, unknown> {
  const ttl = options.accessTokenTtl ?? 300
  const methods = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none']
  return {
    clients: oidcClients(options.mtls === true),
    jwks: { keys: [{ ...clientKeys.rsa.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'server' }] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clockTolerance: 0,
    scopes: ['openid', 'offline_access', 'api:read', 'api:write'],
    claims: { openid: ['sub', 'email'] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com` }),
    }),
    pkce: { required: () => true },
    rotateRefreshToken: () => options.rotates !== false,
    issueRefreshToken: (
      _: unknown,
      client: { grantTypeAllowed(type: string): boolean },
      code: { scopes: Set<string> },
    ) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    ttl: {
      AccessToken: () => ttl,
      ClientCredentials: () => ttl,
      RefreshToken: () => 86_400,
      DeviceCode: () => 60,
      AuthorizationCode: () => 60,
      Grant: () => 86_400,
      IdToken: () => 3600,
      Interaction: () => 600,
      Session: () => 86_400,
    },
    clientAuthMethods: options.mtls === true ? [...methods, 'tls_client_auth', 'self_signed_tls_client_auth'] : methods,
    features: features(options, ttl),
  }
}
