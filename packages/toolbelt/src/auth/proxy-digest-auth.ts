import { type AuthContext, AuthenticationError, DigestAuth, type PreparedRequest, type Response } from '@entreat/core'

/**
 * Digest for a proxy, tunnels (CONNECT) included. `DigestAuth` does the same as `proxyAuth`; this one never answers an origin, and says so when the proxy
 * refuses the credentials, instead of handing back its 407.
 *
 * @see RFC 7616, RFC 9110 section 11.7
 */
export class ProxyDigestAuth extends DigestAuth {
  /** @throws AuthenticationError if the proxy refuses user or password. */
  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    if (context.recipient !== 'proxy') {
      yield request
      return
    }
    const flow = super.authFlow(request, context)
    try {
      let step = await flow.next()
      let answers = 0
      for (let response: Response | null = null; step.done !== true;) {
        const isSigned = step.value.headers.has('proxy-authorization')
        response = yield step.value
        if (isSigned) answers++
        step = await flow.next(response)
        if (step.done === true && answers > 0 && response.statusCode === 407) throw refused(request, context)
      }
    } finally {
      await flow.return()
    }
  }
}

function refused(request: PreparedRequest, { recipientOrigin }: AuthContext): AuthenticationError {
  return new AuthenticationError(`The proxy ${recipientOrigin} refused user or password of ProxyDigestAuth`, {
    request,
  })
}
