import { InsecureTransportError, MetadataError } from '../errors.ts'
import { showUrl } from '../redaction.ts'

const LOOPBACK = /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Whether a URL leads to this machine. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.test(url.hostname)
}

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
  if (parsed.protocol === 'http:' && (allowsInsecure || isLoopback(parsed))) return parsed
  throw new InsecureTransportError(
    `The ${what} ${showUrl(parsed)} is not https: secrets would travel in the clear. Plain http is for loopback, or for \`allowInsecure: true\``,
  )
}
