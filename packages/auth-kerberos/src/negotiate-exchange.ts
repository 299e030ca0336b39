import {
  type AuthContext,
  type Connection,
  isLoopbackHost,
  type PreparedRequest,
  type Response,
  serverEndPoint,
  UsageError,
} from '@entreat/core'
import { KerberosError } from './errors.ts'
import { meansNoKerberos } from './gss-failure.ts'
import type { Handshake } from './handshake.ts'
import type { Initiator } from './initiator.ts'
import { checkMutual } from './mutual-authentication.ts'
import { serverToken } from './server-token.ts'

/** The steps of a flow, and the response that it ends with. */
export type Legs<Result = Response> = AsyncGenerator<PreparedRequest, Result, Response>

/** More tokens than any mechanism needs: Kerberos takes one, or two if the server prefers another mechanism first. */
const MOST_TOKENS = 5

/** How one handshake ended. */
interface Attempt {
  readonly response: Response
  /** Whether the server asks to start anew. */
  readonly isAskedAgain: boolean
}

/**
 * One request signed in by SPNEGO.
 *
 * The token goes with the request if the server is known to ask for one, else after it has asked. A token that is refused with a fresh challenge is
 * followed by another one, once; no token is ever sent twice.
 *
 * @see RFC 4559 section 4
 */
export class NegotiateExchange {
  readonly #initiator: Initiator
  readonly #request: PreparedRequest
  readonly #context: AuthContext

  constructor(initiator: Initiator, request: PreparedRequest, context: AuthContext) {
    this.#initiator = initiator
    this.#request = request
    this.#context = context
  }

  /**
   * @returns the last response.
   * @throws KerberosError, MutualAuthenticationError, UsageError.
   */
  async *run(): Legs {
    this.#refuseOpenDelegation()
    const connection = await this.#bindEarly()
    if (!this.#signsFirst(connection)) {
      const response = yield* this.#ask()
      if (!this.#isAskedBy(response)) return this.#checkAnswer(null, response)
      const { response: last } = yield* this.#signIn()
      return last
    }
    let attempt: Attempt
    try {
      attempt = yield* this.#signIn()
    } catch (error) {
      if (!(error instanceof KerberosError) || this.#mustSignFirst() || !this.#isUnsent(error)) throw error
      return yield* this.#sendUnsigned(error)
    }
    if (!attempt.isAskedAgain) return attempt.response
    const again = yield* this.#signIn()
    return again.response
  }

  /** Whether an answer refuses the request and asks for Negotiate. */
  #isAskedBy(response: Response): boolean {
    const { asking } = this.#initiator
    if (!this.#isRefusal(response)) return false
    if (serverToken(response, this.#context).kind === 'none') return false
    asking.set(this.#context, true)
    return true
  }

  #isRefusal({ statusCode }: Response): boolean {
    return statusCode === (this.#context.recipient === 'proxy' ? 407 : 401)
  }

  /** Reserves the connection, but for a CONNECT: its proxy may close after the 407, and nothing of ours is on that socket yet. */
  async #bindEarly(): Promise<Connection | null> {
    const isRequired = this.#initiator.options.channelBindings === 'require'
    if (this.#request.method === 'CONNECT' && !isRequired) return null
    const connection = await this.#context.bind()
    if (isRequired) this.#channelBindings(connection)
    return connection
  }

  /**
   * Whether the token goes with the first leg: to a server that asks, and beside a body, which would travel in vain or twice otherwise. On a connection that
   * has carried a token before it always does: the server may have signed in the connection, and would not ask.
   */
  #signsFirst(connection: Connection | null): boolean {
    const { options, signedIn } = this.#initiator
    const { preemptive } = options
    if (connection !== null && signedIn.has(connection)) return true
    if (preemptive !== 'learned') return preemptive
    return this.#request.body !== null || this.#initiator.asking.get(this.#context) === true
  }

  /** Whether a request without a token is out of the question: the server is known to refuse it, or its answer could not be taken. */
  #mustSignFirst(): boolean {
    const { preemptive } = this.#initiator.options
    if (preemptive === true || this.#initiator.asking.get(this.#context) === true) return true
    return this.#initiator.mutualFor(this.#context) === 'required'
  }

  #isUnsent({ reason, response }: KerberosError): boolean {
    return response === undefined && meansNoKerberos(reason)
  }

  /** Sends the request as it is, to hear whether the server asks. The body stays here until it does, or need not prove who it is. */
  async *#ask(): Legs {
    const request = this.#request
    if (request.body === null) return yield request
    const response = yield request.withoutBody()
    const isRequired = this.#initiator.mutualFor(this.#context) === 'required'
    return isRequired || this.#isRefusal(response) ? response : yield request
  }

  /** There is no token, and it is not known that one is needed. */
  async *#sendUnsigned(reason: KerberosError): Legs {
    const response = yield this.#request
    if (!this.#isAskedBy(response)) return this.#checkAnswer(null, response)
    reason.response = response
    throw reason
  }

  /** One security context from its first token to the server's last answer. */
  async *#signIn(): Legs<Attempt> {
    const connection = await this.#context.bind()
    const handshake = await this.#prepare(connection)
    try {
      let token = await this.#begin(handshake)
      for (let sent = 1; ; sent++) {
        this.#initiator.signedIn.add(connection)
        this.#context.authorize(this.#request, `Negotiate ${Buffer.from(token).toString('base64')}`)
        const response: Response = yield this.#request
        if (!this.#isRefusal(response)) {
          return { response: await this.#checkAnswer(handshake, response), isAskedAgain: false }
        }
        const next = sent < MOST_TOKENS ? await this.#continue(handshake, response) : 'refused'
        if (next === 'again' || next === 'refused') return { response, isAskedAgain: next === 'again' }
        token = next
      }
    } finally {
      handshake.dispose()
    }
  }

  async #prepare(connection: Connection): Promise<Handshake> {
    return this.#explained(() => this.#initiator.prepare(this.#context, this.#channelBindings(connection)))
  }

  async #begin(handshake: Handshake): Promise<Uint8Array> {
    const token = await this.#explained(() => handshake.begin(() => this.#context.now()))
    if (token === null) throw this.#failure('the library gave none', 'other')
    if (this.#delegates() && handshake.flags !== null && !handshake.flags.delegated) {
      throw this.#failure('the ticket cannot be handed on', 'not-delegated')
    }
    return token
  }

  /** What to send after a refusal: the next token; nothing, since it is one; or another first token. */
  async #continue(handshake: Handshake, response: Response): Promise<Uint8Array | 'refused' | 'again'> {
    const answer = serverToken(response, this.#context)
    if (answer.kind !== 'none') this.#initiator.asking.set(this.#context, true)
    if (answer.kind === 'bare') return 'again'
    if (answer.kind === 'none') return 'refused'
    if (answer.kind === 'garbage') throw this.#failure("the server's token is no base64", 'bad-token', response)
    if (handshake.complete) return 'refused'
    const next = await this.#explained(() => handshake.continue(answer.bytes), response)
    return next ?? 'refused'
  }

  async #checkAnswer(handshake: Handshake | null, response: Response): Promise<Response> {
    const { recipient, signal } = this.#context
    await checkMutual({
      handshake,
      response,
      answer: serverToken(response, this.#context),
      mutual: this.#initiator.mutualFor(this.#context),
      service: this.#initiator.serviceOf(this.#context),
      request: this.#request,
      recipient,
      signal,
    })
    // Who took a token once wants it the next time too.
    if (handshake !== null && response.ok) this.#initiator.asking.set(this.#context, true)
    return response
  }

  /** What ties the token to the connection, if it is to be. */
  #channelBindings(connection: Connection): Uint8Array | null {
    const { channelBindings } = this.#initiator.options
    if (channelBindings === 'off') return null
    // Behind an https proxy the connection shows the proxy's certificate, which says nothing of an http origin.
    const certificate = this.#context.recipientOrigin.startsWith('https:') ? connection.peerCertificate : undefined
    const bindings = certificate === undefined ? null : serverEndPoint(certificate)
    if (bindings !== null || channelBindings === 'auto') return bindings
    const why =
      certificate === undefined
        ? 'channel bindings are required and the connection has no certificate of the server'
        : "channel bindings are required and cannot be made of the certificate's signature"
    throw this.#failure(why, 'no-channel-bindings')
  }

  #delegates(): boolean {
    return this.#initiator.options.delegate && this.#context.recipient === 'origin'
  }

  /** A ticket that is handed on can be read by whoever has the session key; but the request that it is for can be changed by anybody on the way. */
  #refuseOpenDelegation(): void {
    const { protocol, hostname } = new URL(this.#context.recipientOrigin)
    if (!this.#delegates() || protocol === 'https:' || isLoopbackHost(hostname)) return
    throw new UsageError(
      `Kerberos does not delegate to ${this.#context.recipientOrigin} in plain text. Use https, or leave \`delegate\` off`,
    )
  }

  #failure(text: string, reason: KerberosError['reason'], response?: Response): KerberosError {
    return this.#initiator.failure(text, reason, { request: this.#request, context: this.#context, response })
  }

  async #explained<T>(step: () => Promise<T>, response?: Response): Promise<T> {
    try {
      return await step()
    } catch (error) {
      throw this.#initiator.explain(error, this.#request, this.#context, response)
    }
  }
}
