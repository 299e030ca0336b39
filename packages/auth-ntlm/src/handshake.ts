import { randomBytes, timingSafeEqual } from 'node:crypto'
import { AuthenticationError } from '@entreat/core'
import { MessageSigner, type SessionKeys } from './crypto/message-signer.ts'
import { answerChallenge, type NtlmIdentity } from './message/answer-challenge.ts'
import { parseChallenge } from './message/challenge.ts'
import { Flag, hasFlag, OFFERED_FLAGS } from './message/flags.ts'
import { isNtlmMessage } from './message/layout.ts'
import { encodeNegotiate } from './message/negotiate.ts'
import {
  encodeInitialToken,
  encodeResponseToken,
  MECHANISM_LIST,
  type NegotiationReply,
  parseReply,
} from './spnego/tokens.ts'
import type { TokenForm } from './token-forms.ts'

/** What one handshake is made with. */
export interface HandshakeParts {
  readonly identity: NtlmIdentity
  readonly form: TokenForm
  /** The service that is meant, such as `HTTP/intranet.example.com`. */
  readonly targetName: string
  /** 16 bytes that name the TLS channel, or `null`. */
  readonly channelBindings: Uint8Array | null
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  /** Where challenge and session key come from. Default: `randomBytes` of node:crypto. */
  readonly random?: (size: number) => Uint8Array
}

/** One login: the header values that a client sends, made from those that it gets. Used once. */
export class Handshake {
  readonly #parts: HandshakeParts
  readonly #negotiate = encodeNegotiate(OFFERED_FLAGS)
  #session: SessionKeys | null = null

  constructor(parts: HandshakeParts) {
    this.#parts = parts
  }

  /** The first value to send. */
  open(): string {
    const { isWrapped } = this.#parts.form
    return this.#value(isWrapped ? encodeInitialToken(this.#negotiate) : this.#negotiate)
  }

  /**
   * The second value to send.
   *
   * @param token - what the server sent, base64.
   * @returns `null` if the server turns NTLM down instead of challenging.
   * @throws AuthenticationError for a token that is malformed.
   */
  answer(token: string): string | null {
    const bytes = decodeToken(token)
    // Some answer a wrapped message with a bare one, and the other way round: they get what they speak.
    if (isNtlmMessage(bytes) || this.#parts.form.scheme === 'NTLM') return this.#value(this.#answer(bytes))
    const reply = parseReply(bytes)
    if (isRefusal(reply)) return null
    if (reply.token === null) throw new AuthenticationError("the server's SPNEGO token holds no NTLM challenge")
    const message = this.#answer(reply.token)
    return this.#value(encodeResponseToken(message, this.#sign('client')))
  }

  /**
   * Looks at what the server sends along with its consent.
   *
   * @param token - base64, or `null` if it sends nothing.
   * @throws AuthenticationError if the token is malformed, or signs another list of mechanisms than was offered.
   * @see RFC 4178 section 5
   */
  finish(token: string | null): void {
    if (token === null || !this.#parts.form.isWrapped) return
    const bytes = decodeToken(token)
    if (isNtlmMessage(bytes)) return
    const { mechListMic } = parseReply(bytes)
    const expected = mechListMic === null ? null : this.#sign('server')
    if (mechListMic === null || expected === null) return
    if (mechListMic.length !== expected.length || !timingSafeEqual(mechListMic, expected)) {
      throw new AuthenticationError(
        "the server's signature of the SPNEGO negotiation is wrong: somebody may have changed it on the way",
      )
    }
  }

  #answer(challenge: Uint8Array): Buffer {
    const { identity, targetName, channelBindings, nowMs, random = randomBytes } = this.#parts
    const { message, session } = answerChallenge({
      identity,
      targetName,
      channelBindings,
      nowMs,
      negotiate: this.#negotiate,
      challenge: parseChallenge(challenge),
      clientChallenge: random(8),
      sessionKey: random(16),
    })
    this.#session = session
    return message
  }

  /** A signature of the mechanisms offered, if they were offered and the session signs. */
  #sign(side: 'client' | 'server'): Buffer | null {
    const session = this.#session
    const signs = Flag.SIGN + Flag.EXTENDED_SESSION_SECURITY
    if (session === null || !this.#parts.form.isWrapped || !hasFlag(session.flags, signs)) return null
    return new MessageSigner(session, side).sign(MECHANISM_LIST)
  }

  #value(token: Uint8Array): string {
    return `${this.#parts.form.scheme} ${Buffer.from(token).toString('base64')}`
  }
}

function isRefusal({ state, choosesNtlm }: NegotiationReply): boolean {
  return state === 'reject' || choosesNtlm === false
}

function decodeToken(token: string): Buffer {
  // Padding may be missing.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(token)) {
    throw new AuthenticationError('the token in the challenge is not base64')
  }
  return Buffer.from(token, 'base64')
}
