import type { Token } from '../token.ts'
import { readAnswerBody, textMember } from './answer-body.ts'
import {
  answerWithout,
  type AuthorizationServer,
  type CallOptions,
  type EndpointRequest,
} from './authorization-server.ts'
import type { DPoPKey } from './dpop.ts'
import type { Claims } from './id-token.ts'

/** Asks the userinfo endpoint. @param dpopKey - for a token that is bound to one. @throws TokenRequestError */
export async function fetchUserinfo(
  server: AuthorizationServer,
  { accessToken, tokenType }: Token,
  { dpopKey, call }: { readonly dpopKey: DPoPKey | undefined; readonly call: CallOptions },
): Promise<Claims> {
  const isBound = tokenType.toLowerCase() === 'dpop'
  const request: EndpointRequest = {
    method: 'GET',
    url: server.endpoint('userinfo_endpoint'),
    headers: { Authorization: `${isBound ? 'DPoP' : 'Bearer'} ${accessToken}` },
    ...(isBound ? { dpopKey, accessToken } : {}),
  }
  const answer = await server.send(request, call)
  const body = readAnswerBody(answer.response)
  if (answer.response.statusCode !== 200) throw server.refusal(request, answer, body)
  const sub = textMember(body, 'sub')
  if (sub === undefined) throw answerWithout('sub', 'userinfo endpoint')
  return { ...body, sub }
}
