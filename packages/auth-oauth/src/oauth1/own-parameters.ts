import { OAuth1SignatureError } from '../errors.ts'
import { showUrl } from '../redaction.ts'
import { encodedPairs, type SignedParts } from './signature-primitives.ts'

/** Parameters that only the signature may set (RFC 5849 section 3.1, and the body hash extension). */
const OURS: ReadonlySet<string> = new Set([
  'oauth_body_hash',
  'oauth_consumer_key',
  'oauth_nonce',
  'oauth_signature',
  'oauth_signature_method',
  'oauth_timestamp',
  'oauth_token',
  'oauth_version',
])

/**
 * The URL without a signature of this client that is in its query: what a redirect to the same place with a slash added brings back.
 *
 * @param clientKey - as it is sent; another client's parameters stay.
 */
export function withoutOwnSignature(url: string, clientKey: string): string {
  const [, before = '', query = '', after = ''] = /^([^?#]*)\?([^#]*)(.*)$/s.exec(url) ?? []
  if (!query.includes('oauth_signature=')) return url
  const pieces = query.split('&')
  const isOurs = (piece: string): boolean => {
    const name = encodedPairs(Buffer.from(piece))[0]?.[0] ?? ''
    return OURS.has(name) || name === 'oauth_callback' || name === 'oauth_verifier'
  }
  const key = pieces.filter((piece) => piece.startsWith('oauth_consumer_key='))
  if (key.length !== 1 || key[0] !== `oauth_consumer_key=${clientKey}`) return url
  const kept = pieces.filter((piece) => !isOurs(piece))
  return kept.length === 0 ? before + after : `${before}?${kept.join('&')}${after}`
}

/**
 * Refuses a request that brings parameters of the signature along: a server that reads the URL's `oauth_nonce` would check another signature than ours.
 *
 * @param added - names that the signature adds.
 * @throws OAuth1SignatureError naming the parameter.
 */
export function refuseDuplicates({ method, url, form }: SignedParts, added: readonly string[]): void {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? ''
  const places = [
    ['the query', Buffer.from(query)],
    ['the form', form ?? null],
  ] as const
  for (const [place, text] of places) {
    for (const [name] of encodedPairs(text)) {
      if (!OURS.has(name) && !added.includes(name)) continue
      throw new OAuth1SignatureError(
        `${method} ${showUrl(url)}: ${place} has ${name} already, which the signature sets. Remove it, or allow it with allowDuplicateParameters`,
      )
    }
  }
}
