import { type PreparedRequest, redactUrl, UsageError } from '@entreat/core'

/**
 * A request that a stub or a cassette has no answer for. Nothing retries it.
 *
 * @remedy Change the test, or the code under test; record the cassette anew.
 */
export class UnmatchedRequestError extends UsageError {
  override readonly name: string = 'UnmatchedRequestError'

  /** @param why - goes on from "GET https://…: ". */
  constructor(request: PreparedRequest, why: string) {
    super(`${request.method} ${redactUrl(request.url)}: ${why}`, {
      code: 'ERR_UNMATCHED_REQUEST',
      request,
      cause: new Error(why),
      connectionReused: false,
      requestBytesSent: 0,
      responseStarted: false,
    })
  }
}
