import type { Token } from '../token.ts'
import { answerWithout, type AuthorizationServer, type CallOptions } from './authorization-server.ts'
import { toSearchParams } from './simple-oauth2.ts'

/** Which kind of token a text is (RFC 7009 section 2.1). */
export type TokenHint = 'access_token' | 'refresh_token'

/** What a server says about a token (RFC 7662 section 2.2). */
export interface Introspection {
  readonly active: boolean
  readonly [name: string]: unknown
}

/** Options of `client.introspect()`. */
export interface IntrospectOptions extends CallOptions {
  readonly hint?: TokenHint | undefined
}

/** Asks the introspection endpoint. @throws TokenRequestError */
export async function introspectToken(
  server: AuthorizationServer,
  token: Token | string,
  options: IntrospectOptions,
): Promise<Introspection> {
  const params = toSearchParams({
    token: typeof token === 'string' ? token : token.accessToken,
    token_type_hint: options.hint,
  })
  const body = await server.post('introspection_endpoint', params, options)
  const active = body?.['active']
  if (typeof active !== 'boolean') throw answerWithout('active', 'introspection endpoint')
  return { ...body, active }
}
