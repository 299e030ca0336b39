import { isLoopbackHost } from '@entreat/core'
import { InsecureTransportError, MetadataError } from '../errors.ts'
import { showUrl } from '../redaction.ts'

/**
 * Lets https through, and plain http only to this machine or where it is allowed.
 *
 * @param what - what the URL is, for errors.
 * @throws MetadataError for text that is no URL; InsecureTransportError.
 */
export function requireSecure(url: string, what: string, allowsInsecure: boolean): URL {
  if (!URL.canParse(url)) throw new MetadataError(`The ${what} is not an absolute URL`)
  const parsed = new URL(url)
  if (parsed.protocol === 'https:') return parsed
  if (parsed.protocol === 'http:' && (allowsInsecure || isLoopbackHost(parsed.hostname))) return parsed
  throw new InsecureTransportError(
    `The ${what} ${showUrl(parsed)} is not https: secrets would travel in the clear. Plain http is for loopback, or for \`allowInsecure: true\``,
  )
}
