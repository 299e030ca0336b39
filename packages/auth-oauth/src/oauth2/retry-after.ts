import type { Headers } from '@entreat/core'

/**
 * How long a server wants to be left alone (RFC 9110 section 10.2.3).
 *
 * @param now - milliseconds since the epoch, for a date.
 * @returns milliseconds, or `undefined` if it does not say.
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  if (/^\d+$/.test(value)) return Math.min(Number(value), 1e9) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0)
}
