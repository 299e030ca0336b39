import type { Response } from '@entreat/core'
import { parseParameterized } from '../header/parameters.ts'

/** Numbers this large are times (seconds since the epoch), not durations. */
const LEAST_EPOCH = 1_000_000_000

/**
 * How long a server asks to be left alone: Retry-After of a 429 or 503, or a rate limit that says nothing remains.
 *
 * Reads `RateLimit` and `RateLimit-*` (draft-ietf-httpapi-ratelimit-headers, in its several versions) and `X-RateLimit-*`, whose reset may be a duration
 * or a time.
 *
 * @param now - milliseconds since the epoch.
 * @returns milliseconds; 0 if it asks for nothing.
 */
export function serverPauseMs(response: Response, now: number): number {
  const { statusCode, headers } = response
  const refused = statusCode === 429 || statusCode === 503
  const retryAfter = refused ? retryAfterMs(headers.get('retry-after'), now) : 0
  return Math.max(retryAfter, exhaustedMs(response, now))
}

/** RFC 9110 section 10.2.3: seconds or a date. */
function retryAfterMs(value: string | null, now: number): number {
  if (value === null) return 0
  if (/^\s*\d{1,10}\s*$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? 0 : Math.max(0, date - now)
}

function exhaustedMs({ headers }: Response, now: number): number {
  let longest = 0
  for (const item of (headers.get('ratelimit') ?? '').split(',')) longest = Math.max(longest, itemMs(item, now))
  for (const prefix of ['ratelimit', 'x-ratelimit', 'x-rate-limit']) {
    if (headers.get(`${prefix}-remaining`)?.trim() !== '0') continue
    longest = Math.max(longest, resetMs(headers.get(`${prefix}-reset`), now))
  }
  return longest
}

/** `"policy";r=0;t=30`. */
function itemMs(item: string, now: number): number {
  const { params } = parseParameterized(item)
  return params.get('r') === '0' ? resetMs(params.get('t') ?? null, now) : 0
}

function resetMs(value: string | null, now: number): number {
  if (value === null || !/^\s*\d{1,12}(?:\.\d{1,6})?\s*$/.test(value)) return 0
  const seconds = Number(value)
  return seconds >= LEAST_EPOCH ? Math.max(0, seconds * 1000 - now) : seconds * 1000
}
