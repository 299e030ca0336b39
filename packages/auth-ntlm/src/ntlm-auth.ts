import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  type Connection,
  OriginScope,
  type PreparedRequest,
  readOptions,
  redactUrl,
  type Response,
  UnrewindableBodyError,
  UsageError,
} from '@entreat/core'
import { channelBindings } from './channel-bindings.ts'
import { readCredentials } from './credentials.ts'
import { Handshake } from './handshake.ts'
import { LoginStates } from './login-states.ts'
import type { NtlmIdentity } from './message/answer-challenge.ts'
import { challengeOf, offersNtlm, type TokenForm, TokenForms } from './token-forms.ts'

/**
 * Whether a login names the TLS channel that it travels on, so that nobody can pass it on to another one (RFC 5929, "extended protection").
 *
 * - `'auto'`: over https, wherever the server's certificate has bindings.
 * - `'require'`: there is no login without.
 * - `'off'`: never; for servers behind something that ends TLS for them.
 */
export type NTLMChannelBindings = 'auto' | 'require' | 'off'

/** What {@link NTLMAuth} takes. */
export interface NTLMAuthOptions {
  /** `user`, `DOMAIN\user` or `user@domain`; any Unicode. */
  readonly username: string
  /** The password; or `ntHash` instead of it. */
  readonly password?: string | undefined
  /** The NT hash of the password: 16 bytes, or 32 hexadecimal digits. */
  readonly ntHash?: string | Uint8Array | undefined
  /** The user's domain, where `username` does not name it. Default: none; the server then takes its own. */
  readonly domain?: string | undefined
  /** The name of this machine, for servers that let users in from some machines only. Default: none is told. */
  readonly workstation?: string | undefined
  /** Default `'auto'`. */
  readonly channelBindings?: NTLMChannelBindings | undefined
  /**
   * Who may have the credentials: `https://intranet.example.com`, `https://*.example.com`, or `http://intranet` for plain text.
   * Default: the origin of the first request, if it is https or this machine. Proxies are always answered.
   */
  readonly origins?: readonly string[] | undefined
}

const OPTIONS: ReadonlySet<string> = new Set<keyof NTLMAuthOptions>([
  'username',
  'password',
  'ntHash',
  'domain',
  'workstation',
  'channelBindings',
  'origins',
])

/** The exchange at hand, and with whom. */
interface Exchange {
  readonly request: PreparedRequest
  readonly context: AuthContext
  /** Tells origins and proxies apart in what is remembered. */
  readonly recipient: string
}

type Legs = AsyncGenerator<PreparedRequest, void, Response>

/**
 * NTLMv2, for servers (401) and proxies (407), under the names NTLM and Negotiate.
 *
 * NTLM authenticates connections, so every exchange has one to itself, on which only this instance's requests travel: one more request where the
 * connection is new, none where it is logged in. The body is sent with the last leg alone. An answer of 401 to a completed login is the response: the
 * password is wrong, or the user may not.
 *
 * @see MS-NLMP, RFC 4559
 */
export class NTLMAuth extends AuthBase {
  readonly #identity: NtlmIdentity
  readonly #bindings: NTLMChannelBindings
  readonly #scope: OriginScope
  readonly #forms = new TokenForms()
  readonly #states = new LoginStates()

  /**
   * @throws UsageError for an unknown option, both or neither of `password` and `ntHash`, two domains, an origin that is none.
   */
  constructor(options: NTLMAuthOptions) {
    super()
    const own = readOptions(options, OPTIONS, 'NTLMAuth')
    this.#identity = readCredentials(own)
    this.#bindings = readBindings(own.channelBindings)
    this.#scope = new OriginScope(own.origins === undefined ? {} : { origins: own.origins }, 'NTLMAuth')
  }

  /**
   * Logs in where the connection is not logged in yet, and sends the request.
   *
   * @throws AuthenticationError for a challenge that is malformed, an origin that may not have the credentials, channel bindings that are required
   * and cannot be had; UnrewindableBodyError where a server forgets its login while it receives a body that cannot be read again.
   */
  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const refusal = this.#scope.refusal(request, context)
    if (refusal !== null) return yield* sendUnsigned(request, context, refusal)
    const exchange = { request, context, recipient: `${context.recipient} ${context.recipientOrigin}` }
    const connection = await context.bind()
    if (!this.#states.sendsAsIs(connection, exchange.recipient, request)) {
      return yield* this.#logIn(exchange, connection, null)
    }

    const answer = yield request
    if (!isRefused(answer, context)) return this.#states.served(connection, exchange.recipient)
    if (!offersNtlm(context.challenges(answer))) return
    if (!request.isReplayable) throw tooLateToLogIn(request, answer)
    yield* this.#logIn(exchange, connection, answer)
  }

  /** Tries the forms that the server may understand, the likeliest first, until it challenges one of them. */
  async *#logIn(exchange: Exchange, first: Connection, refusal: Response | null): Legs {
    const { request, context, recipient } = exchange
    const forms = this.#forms.candidates(recipient)
    let connection = first
    let refused = refusal
    let hasMoved = false
    for (let form = forms.shift(); form !== undefined; form = forms.shift()) {
      if (refused !== null && challengeOf(context.challenges(refused), form.scheme) === undefined) continue
      if (refused !== null && endsConnection(refused)) connection = await nextConnection(connection, refused, context)
      const handshake = this.#startHandshake(exchange, connection, form)
      const opening = request.body === null ? request.copy() : request.withoutBody()
      context.authorize(opening, handshake.open())
      const answer = yield opening
      if (!isRefused(answer, context)) return yield* this.#goOnUnasked(exchange, connection)
      const value = onBehalfOf(exchange, answer, () => {
        const token = tokenOf(answer, context, form.scheme)
        return token === null ? null : handshake.answer(token)
      })
      refused = answer
      if (value === null) continue
      this.#forms.prefer(recipient, form)
      if (!endsConnection(answer)) return yield* this.#prove(exchange, { connection, handshake, value })
      // The challenge cannot be answered elsewhere. A server that is about to stop does this once, one that cannot do NTLM always.
      if (hasMoved) throw failed(request, endsEachConnection(context), answer)
      hasMoved = true
      forms.unshift(form)
    }
  }

  #startHandshake(exchange: Exchange, connection: Connection, form: TokenForm): Handshake {
    const { context } = exchange
    return new Handshake({
      identity: this.#identity,
      form,
      targetName: `HTTP/${new URL(context.recipientOrigin).hostname}`,
      channelBindings: this.#bindingsOf(connection, exchange),
      nowMs: context.now(),
    })
  }

  /** The second leg, with the body. */
  async *#prove(
    exchange: Exchange,
    { connection, handshake, value }: { connection: Connection; handshake: Handshake; value: string },
  ): Legs {
    const { request, context, recipient } = exchange
    this.#states.forget(connection, recipient)
    context.authorize(request, value)
    const answer = yield request
    if (isRefused(answer, context)) return
    const token = challengeOf(context.challenges(answer), 'Negotiate')?.token68 ?? null
    onBehalfOf(exchange, answer, () => handshake.finish(token))
    this.#states.loggedIn(connection, recipient)
  }

  /** Nobody asked who this is. What was sent lacks its body, though. */
  async *#goOnUnasked({ request, recipient }: Exchange, connection: Connection): Legs {
    this.#states.unasked(connection, recipient)
    if (request.body !== null) yield request
  }

  #bindingsOf(connection: Connection, { request, context }: Exchange): Uint8Array | null {
    if (this.#bindings === 'off') return null
    const { recipientOrigin } = context
    const isSecure = recipientOrigin.startsWith('https:')
    const certificate = isSecure ? connection.peerCertificate : undefined
    const bindings = certificate === undefined ? null : channelBindings(certificate)
    if (bindings !== null || this.#bindings === 'auto') return bindings
    const why = !isSecure
      ? `${recipientOrigin} is not https`
      : certificate === undefined
        ? 'the connection shows no certificate'
        : 'none are defined for the algorithm that signed its certificate'
    throw failed(request, `NTLMAuth requires channel bindings, and ${why}`)
  }
}

/** An origin that may not have the credentials: its answer stands, unless it asks for them. */
async function* sendUnsigned(request: PreparedRequest, context: AuthContext, refusal: string): Legs {
  const answer = yield request
  if (isRefused(answer, context) && offersNtlm(context.challenges(answer))) throw failed(request, refusal, answer)
}

function isRefused(answer: Response, { recipient }: AuthContext): boolean {
  return answer.statusCode === (recipient === 'proxy' ? 407 : 401)
}

/**
 * What a scheme's challenge comes with; `null` if it comes with nothing.
 *
 * @throws AuthenticationError if it comes with what cannot be a token.
 */
function tokenOf(answer: Response, context: AuthContext, scheme: TokenForm['scheme']): string | null {
  const challenge = challengeOf(context.challenges(answer), scheme)
  if (challenge === undefined || challenge.token68 !== null) return challenge?.token68 ?? null
  // The parser of challenges is lenient and drops what is neither token nor parameter.
  const lines = answer.headers.getAll(context.recipient === 'proxy' ? 'proxy-authenticate' : 'www-authenticate')
  const isBare =
    challenge.params.size > 0 || !lines.some((line) => new RegExp(`^\\s*${scheme}\\s+[^\\s,]`, 'i').test(line))
  if (isBare) return null
  throw new AuthenticationError('the token in the challenge is not base64')
}

/** Another connection, where the last answer has ended this one. */
async function nextConnection(connection: Connection, last: Response, context: AuthContext): Promise<Connection> {
  // It goes into the history: read, or else ended here.
  await last.read().catch(() => {})
  connection.destroy()
  return context.bind()
}

/** Whether the connection ends with an answer (RFC 9112 section 9.6). */
function endsConnection({ headers }: Response): boolean {
  return ['connection', 'proxy-connection'].some((name) => /\bclose\b/i.test(headers.get(name) ?? ''))
}

function endsEachConnection({ recipientOrigin }: AuthContext): string {
  return `${recipientOrigin} closes the connection with its NTLM challenge, every time, and the login has to go on where it began. Look for what closes it: a setting of the server, or something between here and there`
}

/** Says on what request an error of the codec happened, and to what answer. */
function onBehalfOf<T>({ request, context }: Exchange, response: Response, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof AuthenticationError)) throw cause
    throw failed(request, `NTLM with ${context.recipientOrigin}: ${cause.message}`, response, cause)
  }
}

function failed(request: PreparedRequest, why: string, response?: Response, cause?: unknown): AuthenticationError {
  return new AuthenticationError(`${request.method} ${redactUrl(request.url)}: ${why}`, {
    request,
    ...(response === undefined ? {} : { response }),
    ...(cause === undefined ? {} : { cause }),
  })
}

function tooLateToLogIn(request: PreparedRequest, response: Response): UnrewindableBodyError {
  return new UnrewindableBodyError(
    `${request.method} ${redactUrl(request.url)}: the server asks for an NTLM login again, after the body was sent, and the body is a stream that cannot be read again. Give a function that returns a fresh stream`,
    { request, response },
  )
}

function readBindings(value: unknown): NTLMChannelBindings {
  if (value === undefined) return 'auto'
  if (value === 'auto' || value === 'require' || value === 'off') return value
  throw new UsageError("NTLMAuth: channelBindings must be 'auto', 'require' or 'off'")
}
