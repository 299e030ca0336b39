import { DeviceFlowError, TokenRequestError } from '../errors.ts'
import { inspectAs, showUrl } from '../redaction.ts'
import type { Token } from '../token.ts'
import { textMember } from './answer-body.ts'
import { answerWithout } from './authorization-server.ts'
import type { Clock } from './clock.ts'
import type { AnswerBody } from './simple-oauth2.ts'

/** RFC 8628 section 3.5: what to wait if the server does not say, and what to add when it says `slow_down`. */
const USUAL_INTERVAL_MS = 5_000
const SLOWER_MS = 5_000
/** RFC 8628 section 3.2 requires a lifetime; this holds for servers that send none. */
const USUAL_LIFETIME_MS = 600_000
const LONGEST_BACKOFF_MS = 60_000

/** How to wait for the user. */
export interface PollOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after each answer that says "not yet". @param nextPollMs - milliseconds until it is asked again. */
  readonly onPending?: ((nextPollMs: number) => void) | undefined
}

/** What a device authorization is made of. */
export interface DeviceAuthorizationInit {
  readonly body: AnswerBody
  readonly requestedAt: number
  readonly clock: Clock
  /** Asks once. */
  readonly ask: (deviceCode: string, signal: AbortSignal | undefined) => Promise<Token>
}

/**
 * A sign-in that the user completes on another device (RFC 8628): show `userCode` and `verificationUri`, then {@link DeviceAuthorization.poll}.
 */
export class DeviceAuthorization {
  static {
    inspectAs(this.prototype, (device) => `DeviceAuthorization { ${showUrl(device.verificationUri)} }`)
  }

  /** What the user types in. */
  readonly userCode: string
  /** Where. */
  readonly verificationUri: string
  /** The same with the code in it, for a QR code or a browser on this machine. */
  readonly verificationUriComplete: string | undefined
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly #deviceCode: string
  readonly #init: DeviceAuthorizationInit
  readonly #deadline: number
  #intervalMs: number

  /** @throws TokenRequestError `invalid_response` for an answer that lacks a code. */
  constructor(init: DeviceAuthorizationInit) {
    const { body, requestedAt, clock } = init
    this.#init = init
    this.#deviceCode = required(body, 'device_code')
    this.userCode = required(body, 'user_code')
    // Google's first version of the flow says verification_url.
    this.verificationUri = textMember(body, 'verification_uri') ?? required(body, 'verification_url')
    this.verificationUriComplete = textMember(body, 'verification_uri_complete')
    const lifetime = milliseconds(body['expires_in']) ?? USUAL_LIFETIME_MS
    this.expiresAt = requestedAt + lifetime
    this.#deadline = clock.monotonic() + lifetime
    this.#intervalMs = milliseconds(body['interval']) ?? USUAL_INTERVAL_MS
  }

  /** The code is no secret once it is shown, but whoever logs this object does not mean to show it. */
  toJSON(): { verificationUri: string; expiresAt: number } {
    return { verificationUri: showUrl(this.verificationUri), expiresAt: this.expiresAt }
  }

  /**
   * Asks until the user has decided: no sooner than the server allows, slower when it says so, and slower while it cannot be reached.
   *
   * @throws DeviceFlowError `access_denied` or `expired_token`; TokenRequestError for any other refusal; the signal's reason.
   */
  async poll(options: PollOptions = {}): Promise<Token> {
    const { clock, ask } = this.#init
    const { signal, onPending } = options
    let backoffMs = 0
    while (clock.monotonic() < this.#deadline) {
      const waitMs = Math.max(this.#intervalMs, backoffMs)
      if (clock.monotonic() + waitMs >= this.#deadline) break
      await clock.sleep(waitMs, signal)
      signal?.throwIfAborted()
      try {
        return await ask(this.#deviceCode, signal)
      } catch (error) {
        backoffMs = this.#nextBackoff(error, backoffMs)
        onPending?.(Math.max(this.#intervalMs, backoffMs))
      }
    }
    throw ended('expired_token', undefined)
  }

  /** @throws what is no reason to ask again. */
  #nextBackoff(error: unknown, backoffMs: number): number {
    if (!(error instanceof TokenRequestError)) throw error
    if (error.error === 'authorization_pending') return 0
    if (error.error === 'slow_down') {
      this.#intervalMs += SLOWER_MS
      return 0
    }
    if (error.error === 'access_denied' || error.error === 'expired_token') throw ended(error.error, error)
    // RFC 8628 section 3.5: back off exponentially when the connection fails. A busy server is no other case.
    const isPassing = error.error === 'transport_error' || error.status === 429 || (error.status ?? 0) >= 500
    if (!isPassing) throw error
    const doubled = Math.min(Math.max(backoffMs, this.#intervalMs) * 2, LONGEST_BACKOFF_MS)
    return Math.max(doubled, error.retryAfterMs ?? 0)
  }
}

function ended(error: string, cause: unknown): DeviceFlowError {
  const why = error === 'access_denied' ? 'The user refused the sign-in' : 'The code expired before the user signed in'
  return new DeviceFlowError(`${why}. Start the device flow anew`, { error, cause })
}

function required(body: AnswerBody, name: string): string {
  const value = textMember(body, name)
  if (value !== undefined) return value
  throw answerWithout(name, 'device authorization endpoint')
}

function milliseconds(seconds: unknown): number | undefined {
  const number = typeof seconds === 'string' ? Number(seconds) : seconds
  return typeof number === 'number' && number > 0 && Number.isFinite(number) ? number * 1000 : undefined
}
