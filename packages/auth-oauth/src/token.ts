import type { JsonWebKey } from 'node:crypto'
import { TokenStoreError } from './errors.ts'
import { inspectAs } from './redaction.ts'

/** A token as plain JSON, for stores. It is made of secrets: keep it like a password. */
export interface TokenData {
  readonly accessToken: string
  /** As the server wrote it, such as `Bearer`. */
  readonly tokenType: string
  /** When it was asked for, in milliseconds since the epoch. */
  readonly obtainedAt?: number
  /** When it ends, in milliseconds since the epoch. Absent: the server does not say. */
  readonly expiresAt?: number
  readonly refreshToken?: string
  /** What was granted, which may differ from what was asked for. */
  readonly scope?: readonly string[]
  readonly idToken?: string
  /** The private key that a DPoP token is bound to, where this package made it (RFC 9449). */
  readonly dpopKey?: JsonWebKey
  /** What else the server sent with the token, by its names. */
  readonly raw?: Readonly<Record<string, unknown>>
}

/** An access token and what came with it. Shows nothing of it when printed. */
export class Token {
  static {
    inspectAs(this.prototype, (token) => token.toString())
  }

  readonly #data: TokenData

  /**
   * @param data - as {@link Token.toData} gave it; members that are not known are dropped.
   * @throws TokenStoreError if it cannot be a token.
   */
  constructor(data: TokenData) {
    this.#data = readTokenData(data)
  }

  /** A token from what a store holds. @throws TokenStoreError if it cannot be one. */
  static fromData(data: TokenData): Token {
    return new Token(data)
  }

  get accessToken(): string {
    return this.#data.accessToken
  }

  /** As the server wrote it, such as `Bearer`. */
  get tokenType(): string {
    return this.#data.tokenType
  }

  /** When it was asked for, in milliseconds since the epoch. */
  get obtainedAt(): number | undefined {
    return this.#data.obtainedAt
  }

  /** When it ends, in milliseconds since the epoch; `undefined` if the server does not say. */
  get expiresAt(): number | undefined {
    return this.#data.expiresAt
  }

  get refreshToken(): string | undefined {
    return this.#data.refreshToken
  }

  /** What was granted, which may differ from what was asked for; `undefined` if neither side said. */
  get scope(): readonly string[] | undefined {
    return this.#data.scope
  }

  get idToken(): string | undefined {
    return this.#data.idToken
  }

  /** @internal */
  get dpopKey(): JsonWebKey | undefined {
    return this.#data.dpopKey
  }

  /** What else the server sent with the token, by its names. */
  get raw(): Readonly<Record<string, unknown>> {
    return this.#data.raw ?? Object.freeze(Object.create(null) as Record<string, unknown>)
  }

  /**
   * Whether it ends within `leewayMs`. A token without a known end has not expired.
   *
   * @param leewayMs - milliseconds; default 0.
   * @param now - milliseconds since the epoch; default: this machine's clock.
   */
  expired(leewayMs = 0, now: number = Date.now()): boolean {
    const { expiresAt } = this.#data
    return expiresAt !== undefined && expiresAt - leewayMs <= now
  }

  /** Everything, secrets included, as plain JSON for a store. */
  toData(): TokenData {
    return { ...this.#data }
  }

  /** Type, end and scope; no secret. For everything there is {@link Token.toData}. */
  toJSON(): { tokenType: string; expiresAt: number | null; scope: readonly string[] | null } {
    const { tokenType, expiresAt = null, scope = null } = this.#data
    return { tokenType, expiresAt, scope }
  }

  toString(): string {
    const { tokenType, expiresAt } = this.#data
    const end = expiresAt === undefined ? '' : ` until ${showTime(expiresAt)}`
    return `Token { ${tokenType.slice(0, 40)}${end} }`
  }
}

/** Milliseconds that a Date can hold. */
const LAST_DATE = 8.64e15

function showTime(time: number): string {
  return Math.abs(time) <= LAST_DATE ? new Date(time).toISOString() : String(time)
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isTime: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isRecord: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

const MEMBERS: Readonly<Record<keyof TokenData, Check>> = {
  accessToken: (value) => typeof value === 'string' && value !== '',
  tokenType: isText,
  obtainedAt: isTime,
  expiresAt: isTime,
  // Some servers send an empty one back: that is none.
  refreshToken: isText,
  scope: (value) => Array.isArray(value) && value.every(isText),
  idToken: isText,
  dpopKey: isRecord,
  raw: isRecord,
}

function readTokenData(data: unknown): TokenData {
  if (!isRecord(data)) throw new TokenStoreError('A stored token must be an object, as Token.toData() gives it')
  const read = Object.create(null) as Record<string, unknown>
  for (const [name, isValid] of Object.entries(MEMBERS)) {
    const value = Object.hasOwn(data as object, name) ? (data as Record<string, unknown>)[name] : undefined
    if (value === undefined || value === null) continue
    if (!isValid(value)) throw new TokenStoreError(`A stored token has a ${name} that cannot be read`)
    if (name === 'refreshToken' && value === '') continue
    read[name] = value
  }
  if (read['accessToken'] === undefined || read['tokenType'] === undefined) {
    throw new TokenStoreError('A stored token must have an accessToken and a tokenType')
  }
  return Object.freeze(read) as unknown as TokenData
}
