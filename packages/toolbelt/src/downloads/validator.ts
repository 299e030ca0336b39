import type { Response } from '@entreat/core'

/** What tells one version of a resource from another, byte for byte: a strong entity tag, or a date. */
export interface Version {
  /** For If-Range; `null` if the server gave nothing strong enough to go on with later. */
  readonly validator: string | null
  /** The whole length, or `null` if unknown. */
  readonly total: number | null
}

/** A date this much older than the response is strong: the resource cannot have changed twice within its resolution, clocks being what they are. */
const SETTLED_MS = 60_000

/**
 * What If-Range may carry: a strong entity tag, else a Last-Modified that is old enough.
 *
 * @see RFC 9110 sections 8.8.1, 8.8.2.2 and 13.1.5
 */
export function strongValidator({ headers }: Response): string | null {
  const etag = headers.get('etag')
  if (etag !== null) return /^"[^"]*"$/.test(etag) ? etag : null
  const modified = headers.get('last-modified')
  const age = Date.parse(headers.get('date') ?? '') - Date.parse(modified ?? '')
  return age >= SETTLED_MS ? modified : null
}

/** The version that a whole response (200) is. A coded one cannot be gone on with: its bytes on the wire are not those of the file. */
export function versionOf(response: Response): Version {
  const { headers } = response
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') return { validator: null, total: null }
  const length = headers.get('content-length')
  return {
    validator: strongValidator(response),
    total: length !== null && /^\d{1,15}$/.test(length) ? Number(length) : null,
  }
}
