import { randomUUID } from 'node:crypto'
import { isSigner, type JwsSigner, type KeyLike, keySigner, signJwt } from './jws.ts'

/** Claims of an authorization grant in the form of a JWT (RFC 7523 section 3). */
export interface AssertionClaims {
  /** Who says it. */
  readonly issuer: string
  /** Whom it is about. Default: the issuer. */
  readonly subject?: string
  /** The token endpoint or issuer that it is for. */
  readonly audience: string | readonly string[]
  /** Milliseconds from now to its end. Default 60,000. */
  readonly lifetimeMs?: number
  /** Default: this machine's clock, in milliseconds since the epoch. */
  readonly now?: number
  /** Default: the usual one of the key. */
  readonly alg?: string
  readonly keyId?: string
  /** Further claims, such as Google's `scope`. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * Signs a JWT for `client.jwtBearer()`. It can be used once.
 *
 * @throws UsageError for a key that does not fit.
 */
export async function signAssertion(key: KeyLike | JwsSigner, options: AssertionClaims): Promise<string> {
  const signer = isSigner(key) ? key : keySigner(key, options.alg, options.keyId)
  const issuedAt = Math.floor((options.now ?? Date.now()) / 1000)
  const claims = {
    ...options.claims,
    iss: options.issuer,
    sub: options.subject ?? options.issuer,
    aud: options.audience,
    jti: randomUUID(),
    iat: issuedAt,
    exp: issuedAt + Math.ceil((options.lifetimeMs ?? 60_000) / 1000),
  }
  return signJwt(signer, { typ: 'JWT' }, claims)
}
