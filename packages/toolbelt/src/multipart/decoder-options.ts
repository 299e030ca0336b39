import { readOptions, UsageError } from '@entreat/core'
import { parseParameterized } from '../header/parameters.ts'
import { MultipartError, NonMultipartContentTypeError } from './multipart-error.ts'

/** Limits of decoding: a body that passes one is a LimitExceededError. */
export interface MultipartLimits {
  /** Parts. Default 1,000. */
  readonly parts?: number
  /** Bytes of one part's header lines. Default 16 KiB. */
  readonly headerBytes?: number
  /** Bytes of one part's content. Default: no limit, for content is streamed, or in memory already. */
  readonly partBytes?: number
  /** Multiparts inside multiparts. Default 5. */
  readonly depth?: number
}

/** Every limit. */
export interface ResolvedMultipartLimits {
  readonly parts: number
  readonly headerBytes: number
  readonly partBytes: number
  readonly depth: number
}

const DEFAULTS: ResolvedMultipartLimits = { parts: 1000, headerBytes: 16 * 1024, partBytes: Infinity, depth: 5 }

/** @throws UsageError for an unknown limit, or one that is no number of 0 or more. */
export function resolveMultipartLimits(limits: MultipartLimits | undefined): ResolvedMultipartLimits {
  const own = readOptions(limits, new Set(Object.keys(DEFAULTS)), 'limits of a multipart decoder')
  const resolved = { ...DEFAULTS }
  for (const name of Object.keys(DEFAULTS) as (keyof ResolvedMultipartLimits)[]) {
    const value = own[name]
    if (value === undefined) continue
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new UsageError(`limits.${name} of a multipart decoder must be a number, 0 or more, not ${String(value)}`)
    }
    resolved[name] = value
  }
  return resolved
}

/**
 * The boundary that a Content-Type names.
 *
 * @param contentType - `null` if the header is missing.
 * @throws NonMultipartContentTypeError for another type or none; MultipartError without a boundary, or with one that RFC 2046 does not allow.
 */
export function boundaryOf(contentType: string | null | undefined): string {
  if (contentType === null || contentType === undefined || contentType === '') {
    throw new NonMultipartContentTypeError('There is no Content-Type, and a multipart body needs one with a boundary')
  }
  const { value, params } = parseParameterized(contentType)
  if (!value.startsWith('multipart/')) throw new NonMultipartContentTypeError(`${value.slice(0, 80)} is not multipart`)
  const boundary = params.get('boundary')
  if (boundary === undefined || boundary === '')
    throw new MultipartError(`${value} comes without a boundary (RFC 2046 section 5.1.1)`)
  // Longer ones than 70 are seen in the wild, and do no harm; a line break in one would.
  if (boundary.length > 250 || /[^\x20-\x7e]/.test(boundary))
    throw new MultipartError(`${value} has a boundary that no body can have`)
  return boundary
}
