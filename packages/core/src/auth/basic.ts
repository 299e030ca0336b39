import type { PreparedRequest } from '../message/prepared-request.ts'
import { AuthBase, type AuthContext } from './auth-base.ts'

/**
 * HTTP Basic: user and password in base64.
 *
 * Text within Latin-1 is sent as Latin-1, as Requests does; other text as UTF-8.
 *
 * @see RFC 7617
 */
export class BasicAuth extends AuthBase {
  readonly #value: string
  /** Equal for equal credentials. */
  override readonly poolKey: unknown

  /** @param username - must not contain a colon to be read back; bytes are sent as they are. */
  constructor(username: string | Uint8Array, password: string | Uint8Array) {
    super()
    const joined = Buffer.concat([toBytes(username), Buffer.from(':'), toBytes(password)])
    this.#value = `Basic ${joined.toString('base64')}`
    this.poolKey = this.#value
  }

  override apply(request: PreparedRequest, context: AuthContext): void {
    context.authorize(request, this.#value)
  }
}

function toBytes(text: string | Uint8Array): Uint8Array {
  if (typeof text !== 'string') return text
  return Buffer.from(text, /^[\x00-\xff]*$/.test(text) ? 'latin1' : 'utf8')
}
