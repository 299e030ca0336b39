import { randomBytes } from 'node:crypto'
import { OriginScope, UsageError } from '@entreat/core'
import { readOptions } from '../options.ts'
import {
  type BodyHashAlgorithm,
  type ResolvedMethod,
  resolveMethod,
  type RSAPrivateKey,
  type SignatureMethod,
} from './signature-method.ts'

/** Where the protocol parameters travel (RFC 5849 section 3.5). */
export type ParameterPlacement = 'header' | 'query' | 'body'

/** Options of `new OAuth1()`. */
export interface OAuth1Options {
  /** The client identifier, or consumer key. */
  readonly clientKey: string
  /** The client's shared secret. Default: empty, as with RSA methods. */
  readonly clientSecret?: string | undefined
  /** The access token, or temporary credentials. Default: not sent. */
  readonly token?: string | undefined
  /** The token's secret. Default: empty. */
  readonly tokenSecret?: string | undefined
  /** Default `HMAC-SHA1`, the one that every server knows. */
  readonly signatureMethod?: SignatureMethod | undefined
  /** For the RSA methods: PEM or a KeyObject. */
  readonly privateKey?: RSAPrivateKey | undefined
  /** Default `header`. `body` needs a form body, or none and a method that may have one. */
  readonly placement?: ParameterPlacement | undefined
  /** Sent first in the header; never signed. Default: not sent. Only for the placement `header`. */
  readonly realm?: string | undefined
  /** `oauth_callback`: where the user comes back to, or `oob`. */
  readonly callback?: string | undefined
  /** `oauth_verifier`. */
  readonly verifier?: string | undefined
  /** Adds `oauth_body_hash` for bodies that are no forms. `true`: with the hash of the signature method. Default `false`. */
  readonly bodyHash?: boolean | BodyHashAlgorithm | undefined
  /** `oauth_version`; `null` leaves it out. Default `'1.0'`. */
  readonly version?: '1.0' | null | undefined
  /** The origins to sign for, such as `https://api.example.com` or `https://*.example.com`. Default: the first one that is asked for, and no other. */
  readonly origins?: readonly string[] | undefined
  /** Most bytes of a form, or of a body that can be read once and is hashed, to hold in memory. Default 10 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** Leave `oauth_…` parameters of ours that the URL or form has already, and sign them too. Default `false`: they are refused. */
  readonly allowDuplicateParameters?: boolean | undefined
  /** Send PLAINTEXT over http to other machines. Default `false`: only to loopback. */
  readonly allowPlaintextOverHttp?: boolean | undefined
  /** Gives a nonce for each request. Default: 28 random hex digits. */
  readonly nonce?: (() => string) | undefined
  /** Gives seconds since the epoch for each request. Default: this machine's clock, corrected by what servers say. */
  readonly timestamp?: (() => number) | undefined
}

/** What belongs to one token or one leg, and not to how a client signs. */
export type TokenOptionName = 'token' | 'tokenSecret' | 'realm' | 'callback' | 'verifier'

/** The names of options that say how a client signs. */
export const SIGNING_OPTIONS: Readonly<Record<Exclude<keyof OAuth1Options, TokenOptionName>, true>> = {
  clientKey: true,
  clientSecret: true,
  signatureMethod: true,
  privateKey: true,
  placement: true,
  bodyHash: true,
  version: true,
  origins: true,
  maxBodyBytes: true,
  allowDuplicateParameters: true,
  allowPlaintextOverHttp: true,
  nonce: true,
  timestamp: true,
}

const OAUTH1_OPTIONS: Readonly<Record<keyof OAuth1Options, true>> = {
  ...SIGNING_OPTIONS,
  token: true,
  tokenSecret: true,
  realm: true,
  callback: true,
  verifier: true,
}

/** {@link OAuth1Options}, checked, defaults filled in. */
export interface OAuth1Settings {
  readonly clientKey: string
  readonly clientSecret: string
  readonly tokenSecret: string
  readonly method: ResolvedMethod
  readonly placement: ParameterPlacement
  readonly realm: string | null
  readonly bodyHash: BodyHashAlgorithm | null
  /** `null`: the first origin that is asked for. */
  readonly scope: OriginScope | null
  readonly maxBodyBytes: number
  readonly allowDuplicateParameters: boolean
  readonly allowPlaintextOverHttp: boolean
  /** Protocol parameters that are the same for every request. */
  readonly constant: Readonly<Record<string, string>>
  readonly nonce: () => string
  readonly timestamp: (() => number) | null
}

const DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024

/**
 * Reads and checks the options of OAuth1.
 *
 * @throws UsageError for an unknown option, or a value that cannot be meant.
 */
export function readOAuth1Options(options: OAuth1Options): OAuth1Settings {
  const own = readOptions(options, OAUTH1_OPTIONS, 'OAuth1')
  const method = resolveMethod(own.signatureMethod ?? 'HMAC-SHA1', own.privateKey)
  const placement = own.placement ?? 'header'
  if (!['header', 'query', 'body'].includes(placement)) {
    throw new UsageError('OAuth1: placement must be "header", "query" or "body"')
  }
  if (own.realm !== undefined && placement !== 'header') {
    throw new UsageError(`OAuth1: a realm is sent in the header only, not with placement ${JSON.stringify(placement)}`)
  }
  return {
    clientKey: text(own.clientKey, 'clientKey'),
    clientSecret: text(own.clientSecret ?? '', 'clientSecret'),
    tokenSecret: text(own.tokenSecret ?? '', 'tokenSecret'),
    method,
    placement,
    realm: own.realm === undefined ? null : headerText(own.realm),
    bodyHash: readBodyHash(own.bodyHash ?? false, method),
    scope: own.origins === undefined ? null : new OriginScope({ origins: own.origins }, 'OAuth1'),
    maxBodyBytes: byteCount(own.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES),
    allowDuplicateParameters: own.allowDuplicateParameters === true,
    allowPlaintextOverHttp: own.allowPlaintextOverHttp === true,
    constant: constantParameters(own, method),
    nonce: own.nonce ?? randomNonce,
    timestamp: own.timestamp ?? null,
  }
}

// Servers limit nonces: 20 to 30 letters and digits are taken by all that are known.
function randomNonce(): string {
  return randomBytes(14).toString('hex')
}

function constantParameters(own: OAuth1Options, method: ResolvedMethod): Readonly<Record<string, string>> {
  const constant = Object.create(null) as Record<string, string>
  constant['oauth_consumer_key'] = text(own.clientKey, 'clientKey')
  constant['oauth_signature_method'] = method.name
  if (own.token !== undefined) constant['oauth_token'] = text(own.token, 'token')
  if (own.version !== null) constant['oauth_version'] = text(own.version ?? '1.0', 'version')
  if (own.callback !== undefined) constant['oauth_callback'] = text(own.callback, 'callback')
  if (own.verifier !== undefined) constant['oauth_verifier'] = text(own.verifier, 'verifier')
  return constant
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw new UsageError(`OAuth1: ${name} must be text, not ${value === null ? 'null' : typeof value}`)
}

function headerText(realm: unknown): string {
  const checked = text(realm, 'realm')
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(checked)) return checked
  throw new UsageError('OAuth1: realm has characters that no header can carry')
}

function byteCount(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new UsageError('OAuth1: maxBodyBytes must be a number of bytes')
}

function readBodyHash(value: boolean | BodyHashAlgorithm, method: ResolvedMethod): BodyHashAlgorithm | null {
  if (value === false) return null
  if (value === true) return method.hash
  if (['sha1', 'sha256', 'sha512'].includes(value)) return value
  throw new UsageError('OAuth1: bodyHash must be true, false, "sha1", "sha256" or "sha512"')
}
