import type { AuthContext, PreparedRequest, Response } from '@entreat/core'
import { describeRequest, MutualAuthenticationError } from './errors.ts'
import { adviceFor, describeFailure, type KerberosReason, reasonOf } from './gss-failure.ts'
import type { Handshake } from './handshake.ts'
import { OutOfPatience } from './patience.ts'
import type { ServerToken } from './server-token.ts'

/** An answer that is no refusal, and what is asked of it. */
export interface AnswerToCheck {
  /** What the request was signed with; `null` if it was not. */
  readonly handshake: Handshake | null
  readonly response: Response
  readonly answer: ServerToken
  readonly mutual: 'required' | 'optional' | 'off'
  /** Who should have answered: `HTTP@web.example.com`. */
  readonly service: string
  readonly request: PreparedRequest
  readonly recipient: AuthContext['recipient']
  readonly signal: AbortSignal | undefined
}

/**
 * Checks that an answer comes from the server that the token was for: its own token completes the context of this very request. An answer to a request
 * without a token proves nothing: whoever stands between could give it instead of asking.
 *
 * An error status without a token is let through without its body: error pages often come from something before the server. 401 and 407 keep theirs, which
 * belongs to another party's exchange.
 *
 * @throws MutualAuthenticationError; the signal's reason.
 * @see RFC 4559 section 5
 */
export async function checkMutual(check: AnswerToCheck): Promise<void> {
  const { answer, mutual, response } = check
  if (mutual === 'off') return
  if (answer.kind === 'token') return checkToken(check, answer.bytes)
  if (answer.kind === 'garbage') throw failure(check, 'its token is no base64', 'bad-token')
  if (mutual === 'optional') return
  if (response.statusCode < 400) throw failure(check, withoutToken(check), 'bad-token')
  if (response.statusCode !== 401 && response.statusCode !== 407) response.close()
}

function withoutToken({ handshake }: AnswerToCheck): string {
  return handshake === null ? 'it let the request in without asking' : 'it sent no token'
}

async function checkToken(check: AnswerToCheck, token: Uint8Array): Promise<void> {
  const { handshake, signal, mutual } = check
  if (handshake === null || handshake.complete)
    throw failure(check, 'it sent a token that nothing was left to say with', 'bad-token')
  try {
    await handshake.continue(token)
  } catch (error) {
    if (signal?.aborted === true && error === signal.reason) throw error
    const isLate = error instanceof OutOfPatience
    const text = isLate ? 'its token was not checked in time' : `its token is wrong: ${describeFailure(error)}`
    const told = reasonOf(text)
    throw failure(check, text, isLate ? 'timeout' : told === 'other' ? 'bad-token' : told, error)
  }
  if (!handshake.complete) throw failure(check, 'its token does not complete the context', 'bad-token')
  if (mutual === 'required' && handshake.flags?.mutual === false) {
    throw failure(check, 'the library did not grant mutual authentication', 'bad-token')
  }
}

function failure(
  check: AnswerToCheck,
  why: string,
  reason: KerberosReason,
  cause?: unknown,
): MutualAuthenticationError {
  const { request, response, service, recipient } = check
  const who = recipient === 'proxy' ? 'proxy' : 'server'
  const advice =
    reason === 'bad-token'
      ? `Something may stand between, or the ${who} does not answer with tokens: then \`mutual: 'optional'\` takes its answers unproven.`
      : adviceFor(reason, service)
  return new MutualAuthenticationError(
    `${describeRequest(request)}: the ${who} did not prove that it is ${service}: ${why}. ${advice}`,
    { request, response, service, reason, cause },
  )
}
