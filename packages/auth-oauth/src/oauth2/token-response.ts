import { TokenRequestError } from '../errors.ts'
import { showServerText } from '../redaction.ts'
import { Token, type TokenData } from '../token.ts'
import { textMember } from './answer-body.ts'
import type { DPoPKey } from './dpop.ts'
import type { AnswerBody } from './simple-oauth2.ts'

/** What an answer of the token endpoint is read with. */
export interface TokenResponseContext {
  /** Where it came from, as it may be shown. */
  readonly endpoint: string
  /** When the request was sent, in milliseconds since the epoch: the lifetime is counted from there. */
  readonly requestedAt: number
  readonly scopeSeparator: string
  /** What was asked for: it was granted if the server says nothing (RFC 6749 section 5.1). */
  readonly requestedScope?: readonly string[] | undefined
  /** The token that was refreshed: what the answer does not repeat still holds (RFC 6749 section 6). */
  readonly previous?: Partial<TokenData> | undefined
  /** The key that the token must be bound to. */
  readonly dpopKey?: DPoPKey | undefined
}

/** Lifetimes are cut to ten years: more is a mistake, and dates must stay dates. */
const LONGEST_LIFETIME_MS = 10 * 365 * 24 * 3_600_000

/** Members that have a place of their own in a Token. */
const OWN_PLACES: ReadonlySet<string> = new Set(['access_token', 'refresh_token', 'id_token'])

/**
 * Reads a successful answer of the token endpoint (RFC 6749 section 5.1).
 *
 * @throws TokenRequestError `invalid_response` for what is no token, or no DPoP token although one was asked for.
 */
export function readTokenResponse(body: AnswerBody, context: TokenResponseContext): Token {
  const { requestedAt, dpopKey } = context
  const old = Object.assign(Object.create(null), context.previous) as Partial<TokenData>
  const accessToken = textMember(body, 'access_token')
  if (accessToken === undefined) throw invalid(context, 'has no access_token')
  // RFC 6749 appendix A.12: what a header can carry.
  if (!/^[\x20-\x7e]+$/.test(accessToken))
    throw invalid(context, 'has an access_token with characters that none may have')
  const tokenType = textMember(body, 'token_type')
  if (tokenType === undefined)
    throw invalid(context, 'has no token_type; a `profile` can add what a provider leaves out')
  if (dpopKey !== undefined && tokenType.toLowerCase() !== 'dpop') {
    throw invalid(
      context,
      `is for a token of type ${showServerText(tokenType).slice(0, 40)} although DPoP was asked for`,
    )
  }
  const lifetime = lifetimeMs(body, requestedAt)
  const data: Record<keyof TokenData, unknown> = {
    accessToken,
    tokenType,
    obtainedAt: requestedAt,
    expiresAt: lifetime === undefined ? undefined : requestedAt + lifetime,
    refreshToken: textMember(body, 'refresh_token') ?? old.refreshToken,
    scope: readScope(body['scope'], context.scopeSeparator) ?? old.scope ?? context.requestedScope,
    idToken: textMember(body, 'id_token') ?? old.idToken,
    dpopKey: dpopKey?.stored,
    raw: otherMembers(body, old.raw),
  }
  return Token.fromData(data as unknown as TokenData)
}

function invalid({ endpoint }: TokenResponseContext, why: string): TokenRequestError {
  const message = `The answer of ${endpoint} ${why}`
  return new TokenRequestError(message, { error: 'invalid_response', outcome: 'rejected' })
}

/**
 * How long the token lives from the moment it was asked for.
 *
 * Numbers may be text. A lifetime that is missing, not positive or no number is unknown: the API's 401 decides then.
 */
function lifetimeMs(body: AnswerBody, requestedAt: number): number | undefined {
  const lifetime = positive(numberOf(body['expires_in']), 1000)
  if (lifetime !== undefined || (body['expires_in'] !== undefined && body['expires_in'] !== null)) return lifetime
  const expiresAt = timeOf(body['expires_at'])
  return expiresAt === undefined ? undefined : positive(expiresAt - requestedAt, 1)
}

function positive(value: number | undefined, factor: number): number | undefined {
  return value !== undefined && value > 0 ? Math.min(value * factor, LONGEST_LIFETIME_MS) : undefined
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Seconds since the epoch are smaller than this until the year 5138; milliseconds were greater since 1973. */
const SECONDS_END = 1e11

/** A moment as seconds, milliseconds or ISO 8601 text, in milliseconds. */
function timeOf(value: unknown): number | undefined {
  const number = numberOf(value)
  if (number !== undefined) return number < SECONDS_END ? number * 1000 : number
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(parsed) ? undefined : parsed
}

/** Scopes as a list, from text or a list. */
function readScope(value: unknown, separator: string): readonly string[] | undefined {
  const listed: readonly unknown[] | undefined =
    typeof value === 'string' ? value.split(separator) : Array.isArray(value) ? value : undefined
  return listed?.filter((scope): scope is string => typeof scope === 'string' && scope !== '')
}

function otherMembers(body: AnswerBody, old: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const merged = Object.assign(Object.create(null), old) as Record<string, unknown>
  for (const [name, value] of Object.entries(body)) {
    if (!OWN_PLACES.has(name) && name !== '__proto__') merged[name] = value
  }
  return Object.freeze(merged)
}
