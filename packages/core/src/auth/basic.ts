import { UsageError } from '../errors.ts'
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

  /**
   * @param username - must not contain a colon to be read back; bytes are sent as they are.
   * @throws UsageError for what is neither text nor bytes, such as a variable of the environment that is not set.
   */
  constructor(username: string | Uint8Array, password: string | Uint8Array) {
    super()
    const joined = Buffer.concat([toBytes(username, 'user name'), Buffer.from(':'), toBytes(password, 'password')])
    this.#value = `Basic ${joined.toString('base64')}`
    this.poolKey = this.#value
  }

  override apply(request: PreparedRequest, context: AuthContext): void {
    context.authorize(request, this.#value)
  }
}

function toBytes(given: unknown, what: string): Uint8Array {
  if (given instanceof Uint8Array) return given
  const text = credentialText(given, what)
  return Buffer.from(text, /^[\x00-\xff]*$/.test(text) ? 'latin1' : 'utf8')
}

/**
 * A user name or password as text; numbers are spelled out, as Requests does.
 *
 * @param what - what it is, for the message, which does not repeat it.
 * @throws UsageError for anything else.
 */
export function credentialText(given: unknown, what: string): string {
  if (typeof given === 'string') return given
  if (typeof given === 'number') return String(given)
  throw new UsageError(`The ${what} of credentials must be text, not ${given === null ? 'null' : typeof given}`)
}
