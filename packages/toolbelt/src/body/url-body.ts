import { get, type Body, type RequestOptions, type Response, redactUrl, readOptions, type Session } from '@entreat/core'
import { BodyLengthError } from './body-length-error.ts'
import { exactBytes } from './exact-bytes.ts'
import { StreamBody } from './stream-body.ts'

/** Options of {@link urlBody}. */
export interface UrlBodyOptions {
  /** Who fetches it. Default: a Session of its own for each time it is read. */
  readonly session?: Session
  /** Headers of the GET. `Accept-Encoding: identity` is added: what is announced is the length of the bytes that travel. */
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

const OPTIONS: ReadonlySet<string> = new Set<keyof UrlBodyOptions>(['session', 'headers', 'signal'])

/** A body that is downloaded while it is uploaded. */
export interface UrlBody extends Body {
  readonly length: number
  /** Gives up the download that {@link urlBody} began, if the body was never sent. */
  close(): void
}

/**
 * What a URL answers with, as a body: downloaded while it is uploaded, nothing kept. What Requests' users know as `FileFromURLWrapper`, except that an
 * answer of 4xx or 5xx is an error and that it can be sent again, by asking again.
 *
 * @throws HTTPError for a 4xx or 5xx; {@link BodyLengthError} without a Content-Length, or with a content coding; what the GET throws.
 */
export async function urlBody(url: string | URL, options: UrlBodyOptions = {}): Promise<UrlBody> {
  const own = readOptions(options, OPTIONS, 'urlBody')
  const fetch = (): Promise<Response> => {
    const request: RequestOptions = {
      stream: true,
      headers: { ...own.headers, 'Accept-Encoding': 'identity' },
      ...(own.signal === undefined ? {} : { signal: own.signal }),
    }
    return own.session === undefined ? get(url, request) : own.session.get(url, request)
  }
  const first = await fetch()
  try {
    const length = announcedLength(first)
    return new DownloadedBody(String(url), length, first, fetch)
  } catch (error) {
    first.close()
    throw error
  }
}

/** @throws HTTPError, BodyLengthError. */
function announcedLength(response: Response): number {
  response.raiseForStatus()
  const { headers } = response
  const where = `GET ${redactUrl(response.url)}`
  const length = headers.get('content-length')
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') {
    throw new BodyLengthError(`${where}: the answer is coded (${coding}), so its length is not that of its content`, {
      response,
    })
  }
  if (length === null)
    throw new BodyLengthError(`${where}: the answer has no Content-Length, so it cannot be announced`, { response })
  if (!/^\d{1,15}$/.test(length))
    throw new BodyLengthError(`${where}: the Content-Length of the answer is no number`, { response })
  return Number(length)
}

class DownloadedBody extends StreamBody implements UrlBody {
  readonly length: number
  readonly contentType: string | undefined
  protected readonly canReopen = true
  readonly #url: string
  readonly #fetch: () => Promise<Response>
  #first: Response | null

  constructor(url: string, length: number, first: Response, fetch: () => Promise<Response>) {
    super()
    this.length = length
    this.contentType = first.headers.get('content-type') ?? undefined
    this.#url = url
    this.#first = first
    this.#fetch = fetch
  }

  protected stream(): AsyncIterable<Uint8Array> {
    const response = this.#first
    this.#first = null
    const source = new Download(response === null ? () => this.#again() : () => Promise.resolve(response))
    return exactBytes(source, this.length, `The answer of ${redactUrl(this.#url)}`)
  }

  async #again(): Promise<Response> {
    const response = await this.#fetch()
    const length = announcedLength(response)
    if (length === this.length) return response
    response.close()
    throw new BodyLengthError(
      `GET ${redactUrl(this.#url)}: the answer has ${length} bytes now, not the ${this.length} that were announced`,
    )
  }

  close(): void {
    this.#first?.close()
    this.#first = null
  }
}

/** The content of a response that is asked for when the first byte is. */
class Download implements AsyncIterableIterator<Uint8Array> {
  readonly #fetch: () => Promise<Response>
  #response: Response | null = null
  #content: AsyncGenerator<Buffer, void, undefined> | null = null
  #isStopped = false

  constructor(fetch: () => Promise<Response>) {
    this.#fetch = fetch
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#content === null) {
      this.#response = await this.#fetch()
      if (this.#isStopped) this.#response.close()
      this.#content = this.#response.iterContent()
    }
    const step = await this.#content.next()
    return step.done === true ? { done: true, value: undefined } : { done: false, value: step.value }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isStopped = true
    this.#response?.close()
    return Promise.resolve({ done: true, value: undefined })
  }
}
