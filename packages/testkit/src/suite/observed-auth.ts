import { AuthBase, type AuthContext, type PreparedRequest, type Response } from '@entreat/core'

/** A scheme that does what another does, and tells how its flows came to an end. */
export class ObservedAuth extends AuthBase {
  override readonly connectionBound: boolean
  override readonly choosesByOrigin: boolean
  override readonly poolKey: unknown
  /** Flows that have begun. */
  begun = 0
  /** Origins that flows have begun for. */
  readonly origins: string[] = []
  /** Flows that have ended: returned, thrown, or were told to return. */
  ended = 0
  /** Failures that were thrown into flows. */
  thrownInto = 0
  readonly #scheme: AuthBase

  constructor(scheme: AuthBase) {
    super()
    this.#scheme = scheme
    this.connectionBound = scheme.connectionBound
    this.choosesByOrigin = scheme.choosesByOrigin
    this.poolKey = scheme.poolKey
  }

  override authFlow(request: PreparedRequest, context: AuthContext): AsyncGenerator<PreparedRequest, void, Response> {
    const flow = this.#scheme.authFlow(request, context)
    this.begun++
    this.origins.push(request.origin)
    let isOver = false
    const follow = async (
      step: Promise<IteratorResult<PreparedRequest, void>>,
    ): Promise<IteratorResult<PreparedRequest, void>> => {
      let isDone = true
      try {
        const result = await step
        isDone = result.done === true
        return result
      } finally {
        if (isDone && !isOver) this.ended++
        isOver ||= isDone
      }
    }
    const observed: AsyncGenerator<PreparedRequest, void, Response> = {
      next: (response: Response) => follow(flow.next(response)),
      throw: (error: unknown) => {
        this.thrownInto++
        return follow(flow.throw(error))
      },
      return: () => follow(flow.return()),
      [Symbol.asyncIterator]: () => observed,
      [Symbol.asyncDispose]: async () => void (await observed.return()),
    }
    return observed
  }
}
