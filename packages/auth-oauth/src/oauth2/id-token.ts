import { createHash } from 'node:crypto'
import { IDTokenError } from '../errors.ts'
import type { Token } from '../token.ts'

/** Claims of an ID token or of the userinfo endpoint (OpenID Connect Core section 5.1). */
export interface Claims {
  readonly sub: string
  readonly [name: string]: unknown
}

/** What an ID token is checked against. */
export interface IDTokenExpectation {
  readonly issuer: string
  readonly clientId: string
  /** The nonce of the authorization request, where there was one. */
  readonly nonce: string | undefined
  /** Milliseconds since the epoch, as the server sees it. */
  readonly now: number
  /** How far clocks may differ, in milliseconds. */
  readonly toleranceMs: number
}

/** Algorithms that prove something; `none` does not. */
const ALGORITHM = /^(?:RS|PS|ES|HS)(?:256|384|512)$|^EdDSA$|^Ed25519$/
/** Hashes for `at_hash`, by the digits of the algorithm; Ed25519 is made of SHA-512. */
const HASH: Readonly<Record<string, string>> = { 256: 'sha256', 384: 'sha384', 512: 'sha512' }

/**
 * Checks the claims of an ID token that came from the token endpoint.
 *
 * The signature is not checked: the token came over TLS from the server itself, which OpenID Connect Core section 3.1.3.7 (6) accepts instead. An ID token that
 * came any other way must not be checked by this alone.
 *
 * @throws IDTokenError
 */
export function checkIDToken(token: Token, expected: IDTokenExpectation): Claims {
  const [header, claims] = decode(token.idToken ?? '')
  const { alg } = header
  if (typeof alg !== 'string' || !ALGORITHM.test(alg))
    throw new IDTokenError('The ID token has no algorithm that can be trusted')
  if (claims['iss'] !== expected.issuer) throw new IDTokenError('The ID token is of another issuer')
  checkAudience(claims, expected.clientId)
  checkTimes(claims, expected)
  if (expected.nonce !== undefined && claims['nonce'] !== expected.nonce) {
    throw new IDTokenError('The ID token has another nonce than the request: it may be a replay')
  }
  const { sub, at_hash: atHash } = claims
  if (atHash !== undefined && atHash !== leftHalf(token.accessToken, alg)) {
    throw new IDTokenError('The ID token belongs to another access token')
  }
  if (typeof sub !== 'string' || sub === '') throw new IDTokenError('The ID token names no subject')
  return Object.freeze({ ...claims, sub })
}

function checkAudience(claims: Readonly<Record<string, unknown>>, clientId: string): void {
  const { aud, azp } = claims
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.includes(clientId)) throw new IDTokenError('The ID token is for another client')
  const isOurs = azp === clientId || (azp === undefined && audiences.length === 1)
  if (!isOurs) throw new IDTokenError('The ID token was issued to another client')
}

function checkTimes(claims: Readonly<Record<string, unknown>>, { now, toleranceMs }: IDTokenExpectation): void {
  const { exp, iat } = claims
  if (typeof exp !== 'number' || typeof iat !== 'number') throw new IDTokenError('The ID token has no exp or no iat')
  if (exp * 1000 + toleranceMs <= now) throw new IDTokenError('The ID token has expired')
  if (iat * 1000 - toleranceMs > now) throw new IDTokenError('The ID token is from the future: is a clock wrong?')
}

function decode(jwt: string): [header: Record<string, unknown>, claims: Record<string, unknown>] {
  const parts = jwt.split('.')
  if (parts.length !== 3) throw new IDTokenError('The ID token is no signed JWT')
  const [header, claims] = parts.map(decodePart)
  return [header as Record<string, unknown>, claims as Record<string, unknown>]
}

function decodePart(part: string, index: number): Record<string, unknown> {
  if (index === 2) return {}
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    if (typeof value === 'object' && value !== null) return Object.assign(Object.create(null), value) as never
  } catch {
    // The message would quote the token.
  }
  throw new IDTokenError('The ID token cannot be read')
}

/** OpenID Connect Core section 3.1.3.6. */
function leftHalf(accessToken: string, alg: string): string {
  const digest = createHash(HASH[alg.slice(2)] ?? 'sha512')
    .update(accessToken, 'latin1')
    .digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
