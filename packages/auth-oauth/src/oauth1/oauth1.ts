import {
  AuthBase,
  type AuthContext,
  isLoopbackHost,
  LimitExceededError,
  OriginScope,
  parseChallenges,
  type PreparedRequest,
  type Response,
} from '@entreat/core'
import { InsecureTransportError, OAuth1SignatureError } from '../errors.ts'
import { showUrl } from '../redaction.ts'
import { type OAuth1Options, type OAuth1Settings, readOAuth1Options } from './oauth1-options.ts'
import { refuseDuplicates, withoutOwnSignature } from './own-parameters.ts'
import { refusedClock, ServerClocks } from './server-clock.ts'
import { bodyHash } from './signature-method.ts'
import { type ProtocolParameters, SignaturePrimitives, type SignedParts } from './signature-primitives.ts'

const FORM = 'application/x-www-form-urlencoded'
const NO_BODY = new Uint8Array(0)

/**
 * Signs requests with OAuth 1.0a.
 *
 * Every attempt is signed anew, over the bytes that are sent: the URL as it goes on the wire, and form bodies. Other bodies are signed through
 * `oauth_body_hash`, if asked. Requests to other origins than its own go unsigned.
 *
 * @see RFC 5849 section 3
 */
export class OAuth1 extends AuthBase {
  readonly #settings: OAuth1Settings
  readonly #primitives: SignaturePrimitives
  readonly #clocks = new ServerClocks()
  #scope: OriginScope | null

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options: OAuth1Options) {
    super()
    this.#settings = readOAuth1Options(options)
    const { clientKey, clientSecret, method, scope } = this.#settings
    this.#scope = scope
    this.#primitives = new SignaturePrimitives({ clientKey, clientSecret, sign: method.sign })
  }

  /**
   * Signs, sends, and once more if the server says that only the time was wrong.
   *
   * @throws OAuth1SignatureError or InsecureTransportError for a request that cannot be signed; what a signature method of your own throws.
   */
  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    if (context.recipient === 'proxy') {
      throw new OAuth1SignatureError('OAuth 1 signs requests for their origin; a proxy needs another proxyAuth')
    }
    const { origin } = request
    if (this.#refusal(request) !== null) {
      yield request
      return
    }
    const sentMs = context.now() + this.#clocks.offset(origin)
    const answer = yield await this.#sign(request, sentMs)
    if (this.#settings.timestamp !== null || !request.isReplayable) return
    const offset = refusedClock(answer, context.challenges(answer), { sentMs, now: context.now() })
    if (offset === null) return
    const second = yield await this.#sign(request, context.now() + offset)
    // Kept only if it helped: a server with a wrong Date must not spoil what worked.
    if (second.statusCode !== answer.statusCode) this.#clocks.learn(origin, offset)
  }

  /**
   * A signed copy of a request, for whatever sends it: it holds until its nonce is used.
   *
   * @throws OAuth1SignatureError for a request that cannot be signed, or goes to another origin; InsecureTransportError.
   */
  async sign(request: PreparedRequest): Promise<PreparedRequest> {
    const refusal = this.#refusal(request)
    if (refusal !== null) throw new OAuth1SignatureError(`${request.method} ${showUrl(request.url)}: ${refusal}`)
    return this.#sign(request, Date.now() + this.#clocks.offset(request.origin))
  }

  /**
   * The text that a signed request was signed over, to compare with what a server says when it refuses a signature. It holds no secret but the token.
   *
   * @param signed - as {@link OAuth1.sign} gave it, or as it stands in `response.request`.
   * @see RFC 5849 section 3.4.1
   */
  async baseString(signed: PreparedRequest): Promise<string> {
    const protocol = Object.create(null) as Record<string, string>
    const [header] = parseChallenges(signed.headers.getAll('authorization'))
    if (header?.scheme.toLowerCase() === 'oauth') {
      for (const [name, value] of header.params) if (name !== 'realm') protocol[name] = decoded(value)
    }
    return this.#primitives.baseString(await this.#signedParts(signed.copy()), protocol)
  }

  async #sign(request: PreparedRequest, timeMs: number): Promise<PreparedRequest> {
    const { placement, constant, method, nonce, timestamp, tokenSecret, allowDuplicateParameters } = this.#settings
    this.#refusePlaintext(request)
    const signed = request.copy()
    signed.url = withoutOwnSignature(signed.url, this.#primitives.percentEncode(this.#settings.clientKey))
    const parts = await this.#signedParts(signed)
    const protocol = Object.assign(Object.create(null), constant) as Record<string, string>
    protocol['oauth_nonce'] = nonce()
    protocol['oauth_timestamp'] = String(timestamp === null ? Math.floor(timeMs / 1000) : timestamp())
    const hash = await this.#bodyHash(signed)
    if (hash !== null) protocol['oauth_body_hash'] = hash
    if (!allowDuplicateParameters) refuseDuplicates(parts, Object.keys(protocol))
    const signature: unknown = await this.#primitives.signature(parts, protocol, tokenSecret)
    if (typeof signature !== 'string') {
      throw new OAuth1SignatureError(`The signature method ${method.name} gave ${typeof signature} instead of text`)
    }
    protocol['oauth_signature'] = signature
    this.#place(signed, parts, protocol, placement)
    return signed
  }

  /** Why a request is not signed. Plain http is no reason: the signature shows no secret, and {@link OAuth1.#refusePlaintext} is there for the one that does. */
  #refusal(request: PreparedRequest): string | null {
    this.#scope ??= new OriginScope({ origins: [request.origin] }, 'OAuth1')
    return this.#scope.refusal(request, { recipient: 'origin' })
  }

  #refusePlaintext({ url, method }: PreparedRequest): void {
    if (!this.#settings.method.isPlaintext || this.#settings.allowPlaintextOverHttp) return
    if (url.startsWith('https:') || (URL.canParse(url) && isLoopbackHost(new URL(url).hostname))) return
    throw new InsecureTransportError(
      `${method} ${showUrl(url)}: PLAINTEXT would show the secrets to the network. Use https or an HMAC method, or allow it with allowPlaintextOverHttp (RFC 5849 section 3.4.4)`,
    )
  }

  /** What is signed; a form body is taken into memory first, so that what is signed is what is sent. */
  async #signedParts(signed: PreparedRequest): Promise<SignedParts> {
    const { method, url } = signed
    const host = signed.headers.get('host')
    return { method, url, host, form: await this.#form(signed) }
  }

  async #form(signed: PreparedRequest): Promise<Uint8Array | null> {
    const { placement, maxBodyBytes } = this.#settings
    if (placement === 'body') this.#refuseOtherBody(signed)
    if (signed.body === null || !hasForm(signed)) return null
    const bytes = await readBody(signed, maxBodyBytes)
    signed.body = bytes
    return bytes
  }

  #refuseOtherBody(signed: PreparedRequest): void {
    const { method, url, headers, body } = signed
    const mayHaveForm = body === null && method !== 'GET' && method !== 'HEAD' && !headers.has('content-type')
    if (mayHaveForm || hasForm(signed)) return
    throw new OAuth1SignatureError(
      `${method} ${showUrl(url)}: with the placement "body" the body must be a form. Use "header" for other requests (RFC 5849 section 3.5.2)`,
    )
  }

  /** draft-eaton-oauth-bodyhash-00: of every body but forms, the empty one included. */
  async #bodyHash(signed: PreparedRequest): Promise<string | null> {
    const { bodyHash: algorithm, maxBodyBytes, placement } = this.#settings
    if (algorithm === null || placement === 'body' || hasForm(signed)) return null
    const { body } = signed
    if (body === null) return bodyHash(algorithm, NO_BODY)
    return bodyHash(algorithm, body.isReplayable ? body.open() : await readBody(signed, maxBodyBytes))
  }

  #place(
    signed: PreparedRequest,
    parts: SignedParts,
    protocol: ProtocolParameters,
    placement: OAuth1Settings['placement'],
  ): void {
    if (placement === 'header') {
      signed.headers.set('Authorization', this.#primitives.header(protocol, this.#settings.realm))
      return
    }
    const added = this.#primitives.formText(protocol)
    if (placement === 'query') {
      const [address = ''] = signed.url.split('#', 1)
      signed.url = `${address}${address.includes('?') ? '&' : '?'}${added}`
      return
    }
    const before = Buffer.from(parts.form ?? NO_BODY).toString('latin1')
    signed.body = Buffer.from(before === '' ? added : `${before}&${added}`, 'latin1')
    if (!signed.headers.has('content-type')) signed.headers.set('Content-Type', FORM)
  }
}

/** By its media type; RFC 9110 section 8.3.1: without regard to case, parameters aside. */
function hasForm({ headers }: PreparedRequest): boolean {
  return headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() === FORM
}

/** Text that somebody else encoded may be encoded wrongly. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function readBody(request: PreparedRequest, maxBytes: number): Promise<Uint8Array> {
  try {
    return (await request.body?.bytes(maxBytes)) ?? NO_BODY
  } catch (error) {
    if (!(error instanceof LimitExceededError)) throw error
    throw new OAuth1SignatureError(
      `${request.method} ${showUrl(request.url)}: the body to sign is longer than ${maxBytes} bytes. Raise maxBodyBytes, or send it as something else than a form`,
      { cause: error, request },
    )
  }
}
