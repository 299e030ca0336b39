import type { Session } from '@entreat/core'
import { UsageError } from '@entreat/core'
import { readOptions } from '../options.ts'
import type { CallOptions } from './authorization-server.ts'
import { type ClientAuth, clientAuth } from './client-auth.ts'
import { type Clock, systemClock } from './clock.ts'
import type { DPoPOptions } from './dpop.ts'
import type { IntrospectOptions } from './introspection.ts'
import type { ProviderProfile } from './provider-profile.ts'
import type { ServerMetadata } from './server-metadata.ts'
import type { GrantParams } from './simple-oauth2.ts'

/** One or several: text is cut at the separator, a space unless the profile has another. */
export type Scope = string | readonly string[]

/** What `new OAuth2Client()` takes. */
export interface OAuth2ClientOptions {
  /** What is known about the server; `OAuth2Client.discover()` fetches it. */
  readonly metadata: Partial<ServerMetadata>
  readonly clientId: string
  /** How the client proves who it is. Default: `clientAuth.none()`, a public client. */
  readonly auth?: ClientAuth | undefined
  /** Proxy, TLS settings, client certificate and connections for calls. Default: a Session for each call. */
  readonly session?: Session | undefined
  readonly redirectUri?: string | undefined
  /** Asked for unless a call says otherwise. */
  readonly scope?: Scope | undefined
  /** The APIs that tokens are for (RFC 8707). */
  readonly resource?: string | readonly string[] | undefined
  /** Whether tokens are bound to a key (RFC 9449): `true` for a new one, which is stored with the token, or a key of yours. Default `false`. */
  readonly dpop?: boolean | DPoPOptions | undefined
  /** What the provider does otherwise than the RFCs; see `providerProfiles`. */
  readonly profile?: ProviderProfile | undefined
  /** Milliseconds for one call. Default 30,000. */
  readonly timeout?: number | undefined
  /** How far the server's clock may be off in ID tokens, in milliseconds. Default 60,000. */
  readonly clockToleranceMs?: number | undefined
  /** Whether plain http to other machines is allowed. To this machine it always is. Default `false`. */
  readonly allowInsecure?: boolean | undefined
  /** Default: this machine's. */
  readonly clock?: Clock | undefined
}

/** What `OAuth2Client.discover()` takes: everything but the metadata. */
export interface DiscoverOptions extends Omit<OAuth2ClientOptions, 'metadata'> {
  /** Cancels the discovery. */
  readonly signal?: AbortSignal | undefined
}

/** The same, complete. */
export type ResolvedClientOptions = OAuth2ClientOptions & {
  readonly auth: ClientAuth
  readonly profile: ProviderProfile
  readonly timeout: number
  readonly clockToleranceMs: number
  readonly allowInsecure: boolean
  readonly clock: Clock
  readonly scopeSeparator: string
}

/** What every grant takes beside its own arguments. */
export interface GrantOptions extends CallOptions {
  /** Default: the client's. */
  readonly scope?: Scope | undefined
  /** Default: the client's. */
  readonly resource?: string | readonly string[] | undefined
  /** Further parameters, such as `audience`. They do not override those of the grant. */
  readonly extra?: GrantParams | undefined
}

/** What `client.authorizationRequest()` takes. */
export interface AuthorizationOptions extends GrantOptions {
  /** Where the user comes back to. Default: the client's. */
  readonly redirectUri?: string | undefined
  /** `none`, `login`, `consent` or `select_account` (OpenID Connect Core section 3.1.2.1). */
  readonly prompt?: string | undefined
  /** How the code is bound to this client (RFC 7636). Default `S256`; `plain` and `false` are for servers that know no better. */
  readonly pkce?: 'S256' | 'plain' | false | undefined
  /** Whether the request is pushed to the server first (RFC 9126). Default: if the server has an endpoint for it. */
  readonly pushed?: boolean | undefined
}

/** What `client.tokenExchange()` takes (RFC 8693 section 2.1). */
export interface ExchangeOptions extends GrantOptions {
  readonly subjectToken: string
  /** Default `urn:ietf:params:oauth:token-type:access_token`. */
  readonly subjectTokenType?: string | undefined
  readonly actorToken?: string | undefined
  /** Default, with an actor token: `urn:ietf:params:oauth:token-type:access_token`. */
  readonly actorTokenType?: string | undefined
  readonly requestedTokenType?: string | undefined
  readonly audience?: string | readonly string[] | undefined
}

/** Names of options, for {@link readOptions}. */
export const CALL_OPTIONS: Readonly<Record<keyof CallOptions, true>> = { signal: true, timeout: true, send: true }

export const INTROSPECT_OPTIONS: Readonly<Record<keyof IntrospectOptions, true>> = { ...CALL_OPTIONS, hint: true }

export const GRANT_OPTIONS: Readonly<Record<keyof GrantOptions, true>> = {
  ...CALL_OPTIONS,
  scope: true,
  resource: true,
  extra: true,
}

export const AUTHORIZATION_OPTIONS: Readonly<Record<keyof AuthorizationOptions, true>> = {
  ...GRANT_OPTIONS,
  redirectUri: true,
  prompt: true,
  pkce: true,
  pushed: true,
}

export const EXCHANGE_OPTIONS: Readonly<Record<keyof ExchangeOptions, true>> = {
  ...GRANT_OPTIONS,
  subjectToken: true,
  subjectTokenType: true,
  actorToken: true,
  actorTokenType: true,
  requestedTokenType: true,
  audience: true,
}

const CLIENT_OPTIONS: Readonly<Record<keyof OAuth2ClientOptions, true>> = {
  metadata: true,
  clientId: true,
  auth: true,
  session: true,
  redirectUri: true,
  scope: true,
  resource: true,
  dpop: true,
  profile: true,
  timeout: true,
  clockToleranceMs: true,
  allowInsecure: true,
  clock: true,
}

/** @throws UsageError for an unknown option, or a value that cannot be meant. */
export function resolveClientOptions(options: OAuth2ClientOptions): ResolvedClientOptions {
  const own = readOptions(options, CLIENT_OPTIONS, 'OAuth2Client')
  const { clientId, timeout = 30_000, metadata } = own
  if (typeof clientId !== 'string' || clientId === '') throw new UsageError('OAuth2Client needs a clientId')
  if (typeof metadata !== 'object' || metadata === null) {
    throw new UsageError('OAuth2Client needs metadata: `{ token_endpoint: … }`, or OAuth2Client.discover(issuer, …)')
  }
  if (!(timeout > 0)) throw new UsageError('timeout must be a positive number of milliseconds')
  const profile = own.profile ?? {}
  return Object.assign(own, {
    auth: own.auth ?? clientAuth.none(),
    profile,
    timeout,
    clockToleranceMs: own.clockToleranceMs ?? 60_000,
    allowInsecure: own.allowInsecure ?? false,
    clock: own.clock ?? systemClock,
    scopeSeparator: profile.scopeSeparator ?? ' ',
  })
}

/** Scopes as a list without empty ones; `undefined` stays. */
export function scopeList(scope: Scope | undefined, separator: string): readonly string[] | undefined {
  if (scope === undefined) return undefined
  const list = typeof scope === 'string' ? scope.split(separator) : scope
  return list.filter((one) => one !== '')
}
