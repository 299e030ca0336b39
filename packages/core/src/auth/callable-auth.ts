import type { PreparedRequest } from '../message/prepared-request.ts'
import { AuthBase } from './auth-base.ts'

/** A function that signs a request, in place or by returning another. */
export type AuthFunction = (request: PreparedRequest) => PreparedRequest | void | Promise<PreparedRequest | void>

/** A scheme made of one function. A request it returns replaces what was signed, field by field. */
export class CallableAuth extends AuthBase {
  readonly #sign: AuthFunction
  override readonly poolKey: unknown

  constructor(sign: AuthFunction) {
    super()
    this.#sign = sign
    this.poolKey = sign
  }

  override async apply(request: PreparedRequest): Promise<void> {
    const signed = await this.#sign(request)
    if (!signed || signed === request) return
    request.method = signed.method
    request.url = signed.url
    request.headers = signed.headers
    if (signed.body !== request.body) request.body = signed.body
  }
}
