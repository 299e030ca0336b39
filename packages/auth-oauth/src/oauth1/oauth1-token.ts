import { TokenStoreError } from '../errors.ts'
import { inspectAs } from '../redaction.ts'

/** An OAuth 1 token as plain JSON, for stores. It is made of secrets: keep it like a password. */
export interface OAuth1TokenData {
  readonly token: string
  readonly tokenSecret: string
  /** What else the server sent with it, such as a user's name, by its names. */
  readonly extra?: Readonly<Record<string, string>>
}

/**
 * Temporary credentials, or an access token, with their secret (RFC 5849 section 2). Shows nothing of them when printed.
 */
export class OAuth1Token {
  static {
    inspectAs(this.prototype, (token) => token.toString())
  }

  readonly #data: OAuth1TokenData

  /**
   * @param data - as {@link OAuth1Token.toData} gave it.
   * @throws TokenStoreError if it cannot be a token.
   */
  constructor(data: OAuth1TokenData) {
    this.#data = readData(data)
  }

  /** A token from what a store holds. @throws TokenStoreError if it cannot be one. */
  static fromData(data: OAuth1TokenData): OAuth1Token {
    return new OAuth1Token(data)
  }

  get token(): string {
    return this.#data.token
  }

  get tokenSecret(): string {
    return this.#data.tokenSecret
  }

  /** What else the server sent with it, such as a user's name, by its names. */
  get extra(): Readonly<Record<string, string>> {
    return this.#data.extra ?? {}
  }

  /** Everything, secrets included, as plain JSON for a store. */
  toData(): OAuth1TokenData {
    return this.#data
  }

  /** Nothing: what it holds are secrets. */
  toJSON(): object {
    return {}
  }

  toString(): string {
    return 'OAuth1Token {}'
  }
}

function readData(data: unknown): OAuth1TokenData {
  const { token, tokenSecret, extra } = ownMembers(data)
  if (typeof token !== 'string' || typeof tokenSecret !== 'string') {
    throw new TokenStoreError('A stored OAuth 1 token must have a token and a tokenSecret')
  }
  const texts = Object.entries(ownMembers(extra)).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  )
  const kept = Object.freeze(Object.assign(Object.create(null), Object.fromEntries(texts)) as Record<string, string>)
  return Object.freeze({ token, tokenSecret, ...(texts.length === 0 ? {} : { extra: kept }) })
}

function ownMembers(value: unknown): Record<string, unknown> {
  const own = Object.create(null) as Record<string, unknown>
  if (typeof value !== 'object' || value === null) return own
  for (const name of Object.keys(value)) own[name] = (value as Record<string, unknown>)[name]
  return own
}
