import { setTimeout as sleep } from 'node:timers/promises'
import {
  ChunkedEncodingError,
  ConnectionError,
  ReadTimeout,
  type RequestOptions,
  type Response,
  type Session,
  SSLError,
} from '@entreat/core'
import { type ContentRange, parseContentRange } from '../multipart/part-headers.ts'
import { strongValidator, type Version } from './validator.ts'

/** What a download asks, and how patient it is. */
export interface SourceOptions {
  readonly session: Session
  readonly url: string | URL
  readonly request: RequestOptions
  readonly signal: AbortSignal | undefined
  /** Times that a broken connection is followed by another request. */
  readonly retries: number
  readonly backoffMs: number
}

/** Where a download comes from. */
export class Source {
  readonly #options: SourceOptions

  constructor(options: SourceOptions) {
    this.#options = options
  }

  get retries(): number {
    return this.#options.retries
  }

  /** The same for a part of a download that can be stopped by itself. */
  within(signal: AbortSignal): Source {
    return new Source({ ...this.#options, signal })
  }

  /**
   * Asks for all of it, or for a range of the version that is known. Content codings are declined: ranges are of the bytes that travel.
   *
   * @see RFC 9110 section 14.2
   */
  ask(
    range: { readonly first: number; readonly last: number | null; readonly validator: string | null } | null,
  ): Promise<Response> {
    const { session, url, request, signal } = this.#options
    const headers: Record<string, string> = { 'Accept-Encoding': 'identity' }
    if (range !== null) headers['Range'] = `bytes=${range.first}-${range.last ?? ''}`
    if (range?.validator) headers['If-Range'] = range.validator
    const given = request.headers === null || request.headers === undefined ? [] : entriesOf(request.headers)
    return session.get(url, {
      ...request,
      stream: true,
      headers: [...given.filter(([name]) => !OWN_HEADERS.has(name.toLowerCase())), ...Object.entries(headers)],
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** Whether to try again after this error: the connection broke, and there are tries left. Waits before it says so. */
  async mayGoOn(error: unknown, failures: number): Promise<boolean> {
    const { retries, backoffMs, signal } = this.#options
    if (!isBroken(error) || failures > retries) return false
    await sleep(backoffMs * 2 ** (failures - 1), undefined, signal === undefined ? {} : { signal }).catch(() => {})
    if (signal?.aborted === true) throw signal.reason
    return true
  }
}

const OWN_HEADERS: ReadonlySet<string> = new Set(['range', 'if-range', 'accept-encoding'])

type Given = NonNullable<RequestOptions['headers']>

function entriesOf(headers: Given): [string, string][] {
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  return pairs as [string, string][]
}

/** The connection failed; asking again may help. */
function isBroken(error: unknown): boolean {
  if (error instanceof SSLError) return false
  return error instanceof ChunkedEncodingError || error instanceof ReadTimeout || error instanceof ConnectionError
}

/**
 * The range that a 206 gives, if it is of the version that was asked for and begins where it should.
 *
 * @returns `null` otherwise: what is there and what would come do not fit together.
 */
export function fittingRange(response: Response, first: number, version: Version): ContentRange | null {
  const range = parseContentRange(response.headers.get('content-range'))
  if (range === null || range.unit !== 'bytes' || range.first !== first) return null
  if (response.headers.has('content-encoding')) return null
  if (version.total !== null && range.total !== null && range.total !== version.total) return null
  const validator =
    response.headers.has('etag') || response.headers.has('last-modified') ? strongValidator(response) : null
  return version.validator !== null && validator !== null && validator !== version.validator ? null : range
}
