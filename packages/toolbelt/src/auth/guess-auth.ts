import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  BasicAuth,
  DigestAuth,
  type PreparedRequest,
  type Response,
} from '@entreat/core'

/** Origins whose scheme is remembered. */
const MOST_ORIGINS = 1000

/**
 * Finds out whether a server wants Digest or Basic, and answers with the stronger that it offers: Digest by its strongest algorithm, before Basic. Nothing is
 * sent before a 401 (or a proxy's 407) asks; what an origin has accepted is then sent at once.
 *
 * An origin that has asked for Digest never gets the password as Basic, whatever it asks for later.
 *
 * @see RFC 9110 section 11.6.1, RFC 7616 section 5.8
 */
export class GuessAuth extends AuthBase {
  readonly #basic: BasicAuth
  readonly #digest: DigestAuth
  readonly #found = new Map<string, 'basic' | 'digest'>()

  constructor(username: string, password: string) {
    super()
    this.#basic = new BasicAuth(username, password)
    this.#digest = new DigestAuth(username, password)
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const key = `${context.recipient} ${context.recipientOrigin}`
    if (this.#found.get(key) !== 'basic') return yield* this.#askFirst(request, context, key)
    this.#basic.apply(request, context)
    const response = yield request
    // It may have changed its mind, to something better.
    if (isRefusal(response, context)) yield* this.#answerDigest(request, context, response, key)
  }

  /** Sends the request as Digest would: as it is, or signed at once where the origin has asked before. */
  async *#askFirst(
    request: PreparedRequest,
    context: AuthContext,
    key: string,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const flow = this.#digest.authFlow(request, context)
    try {
      const first = await flow.next()
      if (first.done === true) return
      const response = yield first.value
      if (!isRefusal(response, context)) return
      if (yield* this.#drive(flow, response, key)) return
      if (!offersBasic(response, context)) return
      if (this.#found.get(key) === 'digest') throw downgraded(request, context)
      this.#basic.apply(request, context)
      if (!isRefusal(yield request, context)) this.#remember(key, 'basic')
    } finally {
      await flow.return()
    }
  }

  async *#answerDigest(
    request: PreparedRequest,
    context: AuthContext,
    refusal: Response,
    key: string,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const flow = this.#digest.authFlow(request, context)
    try {
      // What it would have sent first has been sent, and refused.
      await flow.next()
      yield* this.#drive(flow, refusal, key)
    } finally {
      await flow.return()
    }
  }

  /** Goes on with Digest. @returns whether it had an answer. */
  async *#drive(
    flow: AsyncGenerator<PreparedRequest, void, Response>,
    refusal: Response,
    key: string,
  ): AsyncGenerator<PreparedRequest, boolean, Response> {
    let step = await flow.next(refusal)
    if (step.done === true) return false
    this.#remember(key, 'digest')
    while (step.done !== true) step = await flow.next(yield step.value)
    return true
  }

  #remember(key: string, scheme: 'basic' | 'digest'): void {
    if (this.#found.size >= MOST_ORIGINS) this.#found.clear()
    this.#found.set(key, scheme)
  }
}

/** Only these ask for credentials: a 200 with a challenge does not (RFC 9110 section 11.6.1 lets it, and nobody means it). */
function isRefusal({ statusCode }: Response, { recipient }: AuthContext): boolean {
  return statusCode === (recipient === 'proxy' ? 407 : 401)
}

function offersBasic(response: Response, context: AuthContext): boolean {
  return context.challenges(response).some(({ scheme }) => scheme.toLowerCase() === 'basic')
}

function downgraded(request: PreparedRequest, { recipientOrigin }: AuthContext): AuthenticationError {
  return new AuthenticationError(
    `GuessAuth does not send the password to ${recipientOrigin} as Basic: it asked for Digest before, and somebody between may be asking now. Use BasicAuth if it is meant`,
    { request },
  )
}
