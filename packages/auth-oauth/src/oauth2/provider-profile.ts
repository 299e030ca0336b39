import type { Headers, PreparedRequest } from '@entreat/core'
import type { AnswerBody } from './simple-oauth2.ts'
import type { Token } from '../token.ts'

/** Where an access token travels. */
export interface TokenPlacement {
  readonly in: 'header' | 'query' | 'form'
  /** The parameter's name, for query and form. Default `access_token` (RFC 6750 section 2.3). */
  readonly name?: string
}

/** What a provider does otherwise than the RFCs say. Every member is optional. */
export interface ProviderProfile {
  /** Between two scopes. Default a space. */
  readonly scopeSeparator?: string
  /** Where the access token travels. Default: the Authorization header. */
  readonly placement?: TokenPlacement
  /** May change a request to the token endpoint before it is sent; called after client authentication. */
  tokenRequest?(request: { readonly params: URLSearchParams; readonly headers: Headers }): void
  /** Turns an answer of the token endpoint, a success or an error, into what RFC 6749 section 5 says. The argument is a copy. */
  tokenResponse?(body: AnswerBody): AnswerBody
  /** Signs a request to the API, instead of the placement: for token types that are neither Bearer nor DPoP. */
  protectedRequest?(request: PreparedRequest, token: Token): void | Promise<void>
}
