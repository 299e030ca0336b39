import { constants } from 'node:http2'
import type { RequestException } from '../errors.ts'

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_HTTP_1_1_REQUIRED } = constants

/** RFC 9113 section 7: error codes by number. */
const NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]

/** The name of an error code of RFC 9113 section 7. */
function http2ErrorName(code: number): string {
  return NAMES[code] ?? `error 0x${code.toString(16)}`
}

/** A stream that the peer has reset, or a connection that it has given up, as Node would tell it. */
function streamError(text: string): Error {
  return Object.assign(new Error(text), { code: 'ERR_HTTP2_STREAM_ERROR' })
}

/** Why a stream ended before its end. @param code - of RST_STREAM, or what stands for it. */
export function resetError(code: number): Error {
  const name = http2ErrorName(code)
  return streamError(
    code === NGHTTP2_NO_ERROR ? 'the stream was closed before its end' : `the stream was reset with ${name}`,
  )
}

/** How a request may go on of which the server has said that it has not been processed (RFC 9113 section 8.7). */
export type Elsewhere = 'http/2' | 'http/1.1'

/** Where a stream that was reset so may go, or `null` if it may have been processed. */
export function elsewhereAfter(code: number): Elsewhere | null {
  if (code === NGHTTP2_REFUSED_STREAM) return 'http/2'
  return code === NGHTTP2_HTTP_1_1_REQUIRED ? 'http/1.1' : null
}

/** A request that was sent and has not been processed: whoever chose the connection may choose another. */
export class NotProcessed extends Error {
  /** What to fail with, if the request goes nowhere else. */
  readonly error: RequestException
  readonly elsewhere: Elsewhere
  /** Whether the connection answered others meanwhile. */
  readonly madeProgress: boolean

  constructor(error: RequestException, elsewhere: Elsewhere, madeProgress: boolean) {
    super('the server has not processed this request')
    this.error = error
    this.elsewhere = elsewhere
    this.madeProgress = madeProgress
  }
}
