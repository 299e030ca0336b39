import { AuthenticationError, redactUrl, UnrewindableBodyError } from '../errors.ts'
import type { Body } from '../message/body.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import type { AuthBase, AuthContext } from './auth-base.ts'

/** One exchange that a scheme drives. */
export interface FlowExchange {
  readonly auth: AuthBase
  /** The request that the scheme may change. */
  readonly request: PreparedRequest
  readonly context: AuthContext
  /** Sends one leg. */
  readonly send: (request: PreparedRequest) => Promise<Response>
  /** Called with each answer before the scheme sees it. */
  readonly onAnswer?: (response: Response) => void | Promise<void> | undefined
}

/** More legs than any scheme needs: a server that keeps asking is refused. */
const MOST_LEGS = 10

/**
 * Drives a scheme's flow to its end.
 *
 * Answers that are not the last are read within `limits.drainedBytes` and become the last one's `history`. A leg that fails is thrown into the flow.
 *
 * @throws AuthenticationError for a flow that sends nothing or never ends; UnrewindableBodyError instead of sending a one-shot body twice;
 * whatever the flow throws, after giving up the response it was looking at.
 */
export async function driveFlow({ auth, request, context, send, onAnswer }: FlowExchange): Promise<Response> {
  if (auth.connectionBound) await context.bind()
  const flow = auth.authFlow(request, context)
  let legs: readonly Response[] = []
  let sendings = 0
  const sent = new Set<Body>()
  let answer: Response | null = null
  try {
    let step = await flow.next()
    while (step.done !== true) {
      if (answer !== null) {
        await answer.drain()
        legs = [...answer.history, answer]
        answer = null
      }
      if (sendings++ >= MOST_LEGS) throw unfinished(auth, request, `sent ${MOST_LEGS} requests and was still not done`)
      refuseSecondSending(step.value, sent)
      try {
        // A copy, so that a request in history stays as it was sent.
        answer = await send(step.value.copy())
      } catch (error) {
        step = await flow.throw(error)
        if (step.done === true) throw error
        continue
      }
      // Its own history is that of a flow inside this one: a proxy's.
      answer.history = [...legs, ...answer.history]
      await onAnswer?.(answer)
      step = await withinDrainCap(answer, flow)
    }
    if (answer === null) throw unfinished(auth, request, 'ended without sending the request')
    return answer
  } catch (error) {
    answer?.close()
    throw error
  } finally {
    await flow.return()
  }
}

function unfinished(auth: AuthBase, request: PreparedRequest, why: string): AuthenticationError {
  const message = `${request.method} ${redactUrl(request.url)}: ${auth.constructor.name} ${why}`
  return new AuthenticationError(message, { request })
}

/** While a scheme looks at an answer it may read no more of it than is read of answers that are thrown away. */
async function withinDrainCap(
  answer: Response,
  flow: AsyncGenerator<PreparedRequest, void, Response>,
): Promise<IteratorResult<PreparedRequest, void>> {
  const { limits } = answer
  answer.limits = { ...limits, decodedBytes: Math.min(limits.decodedBytes, limits.drainedBytes) }
  try {
    return await flow.next(answer)
  } finally {
    answer.limits = limits
  }
}

function refuseSecondSending(request: PreparedRequest, sent: Set<Body>): void {
  const { body } = request
  if (body === null || body.isReplayable) return
  if (sent.has(body)) {
    throw new UnrewindableBodyError(
      `${request.method} ${redactUrl(request.url)}: the server asks to authenticate after the body was sent, and the body is a stream that cannot be read again. Give a function that returns a fresh stream`,
      { request },
    )
  }
  sent.add(body)
}
