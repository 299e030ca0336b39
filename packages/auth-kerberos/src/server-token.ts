import type { AuthContext, Response } from '@entreat/core'

/** What a response says in a challenge of the scheme Negotiate (RFC 4559 section 4.2). */
export type ServerToken =
  /** No such challenge. */
  | { readonly kind: 'none' }
  /** The scheme's name alone: start anew. */
  | { readonly kind: 'bare' }
  | { readonly kind: 'token'; readonly bytes: Uint8Array }
  /** Something that is no base64, or longer than any token. */
  | { readonly kind: 'garbage' }

/** Tokens with many groups in them are as long as this; a head that holds longer ones is past all limits. */
const MOST_TOKEN_CHARACTERS = 128 * 1024

/** Reads the server's token, of a refusal or beside an answer. */
export function serverToken(response: Response, context: AuthContext): ServerToken {
  const challenges = context.challenges(response).filter(({ scheme }) => scheme.toLowerCase() === 'negotiate')
  if (challenges.length === 0) return { kind: 'none' }
  const challenge = challenges.find(({ token68, params }) => token68 !== null || params.size > 0)
  if (challenge === undefined) return { kind: 'bare' }
  const bytes = decodeBase64(challenge.token68 ?? '')
  return bytes === null ? { kind: 'garbage' } : { kind: 'token', bytes }
}

function decodeBase64(text: string): Uint8Array | null {
  if (text === '' || text.length > MOST_TOKEN_CHARACTERS || text.length % 4 !== 0) return null
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : null
}
