import { type Body, type Content, createBody, UsageError } from '@entreat/core'
import { exactBytes } from './exact-bytes.ts'
import { StreamBody } from './stream-body.ts'

/**
 * Content whose length you know and the library cannot, so that it travels with a Content-Length instead of in chunks.
 * What Requests' users know as `StreamingIterator`, except that the length is enforced.
 *
 * @param length - bytes, 0 or more.
 * @param content - a stream, an iterable of bytes or text, or a function that opens one anew each time; only the last can be sent again.
 * @throws UsageError for a negative or fractional length, or content that is known to have another one. Sending throws {@link BodyLengthError}
 * as soon as the content turns out longer, or at its end if it is shorter.
 */
export function sizedBody(length: number, content: Content | Body): Body {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new UsageError(`sizedBody: the length must be a whole number of bytes, 0 or more, not ${String(length)}`)
  }
  const inner = createBody(content)
  if (inner.length !== null && inner.length !== length) {
    throw new UsageError(`sizedBody: the content has ${inner.length} bytes, not ${length}`)
  }
  return new SizedBody(length, inner)
}

class SizedBody extends StreamBody {
  readonly length: number
  readonly contentType: string | undefined
  readonly #inner: Body

  constructor(length: number, inner: Body) {
    super()
    this.length = length
    this.contentType = inner.contentType
    this.#inner = inner
  }

  protected get canReopen(): boolean {
    return this.#inner.isReplayable
  }

  protected stream(): AsyncIterable<Uint8Array> {
    return exactBytes(this.#inner.open(), this.length, 'The content')
  }
}
