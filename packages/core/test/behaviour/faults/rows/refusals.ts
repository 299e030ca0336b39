import {
  ChunkedEncodingError,
  ConnectionError,
  ContentDecodingError,
  InvalidHeader,
  LimitExceededError,
  ReadTimeout,
  TotalTimeout,
} from '@entreat/core'
import type { Refused } from './fault.ts'

/** The head does not come, or is no HTTP/1. */
export function noHead(cause: RegExp): Refused {
  return { error: ConnectionError, code: 'ERR_CONNECTION', phase: 'head', cause }
}

/** undici's parser says why. */
export function malformedHead(why: string): Refused {
  return noHead(new RegExp(`HTTPParserError.*${why}`))
}

/** Lengths that contradict each other. */
export const contradictingLengths: Refused = {
  error: InvalidHeader,
  code: 'ERR_INVALID_HEADER',
  phase: 'head',
  cause: /HTTPParserError.*(?:Duplicate Content-Length|can't be present with)/,
}

/** The body ends too early, or its framing is broken. */
export function brokenBody(cause: RegExp, after?: number): Refused {
  const refused: Refused = { error: ChunkedEncodingError, code: 'ERR_BODY_TRUNCATED', phase: 'body', cause }
  return after === undefined ? refused : { ...refused, after }
}

/** undici's parser says why. */
export function malformedChunks(why: string, after: number): Refused {
  return brokenBody(new RegExp(`HTTPParserError.*${why}`), after)
}

/** The body is not what Content-Encoding says. */
export function badCoding(cause: RegExp): Refused {
  return { error: ContentDecodingError, code: 'ERR_CONTENT_DECODING', phase: 'body', cause }
}

export function silence(phase: 'head' | 'body', after?: number): Refused {
  const refused: Refused = { error: ReadTimeout, code: 'ERR_READ_TIMEOUT', phase, cause: null }
  return after === undefined ? refused : { ...refused, after }
}

/** Only `timeout.total` ends what goes on for ever. */
export const tooSlow: Refused = { error: TotalTimeout, code: 'ERR_TOTAL_TIMEOUT', phase: 'body', cause: null }

/** One of `limits`. */
export function tooMuch(phase: 'head' | 'body', cause: RegExp | null = null): Refused {
  return { error: LimitExceededError, code: 'ERR_LIMIT_EXCEEDED', phase, cause }
}
