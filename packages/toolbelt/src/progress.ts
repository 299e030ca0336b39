import { type Body, type Content, createBody, type Response } from '@entreat/core'
import { StreamBody } from './body/stream-body.ts'
import { tappedBytes } from './body/tapped-bytes.ts'

/** How far a transfer is. */
export interface Progress {
  /** Bytes so far, of this attempt. */
  readonly transferred: number
  /** Bytes in all, or `null` if unknown. */
  readonly total: number | null
  /** Whether this was the last call. */
  readonly isDone: boolean
  /** 1 the first time; 2 and more where the body is sent again, after a redirect, a challenge or a retry, or a download goes on. */
  readonly attempt: number
}

/** Is told of progress after each piece. What it throws ends the transfer, and is what the caller sees. */
export type OnProgress = (progress: Progress) => void

/**
 * A body that tells how much of it has been sent. A piece counts once the connection has taken it.
 *
 * @param content - whatever `data` takes as content: a MultipartEncoder, a file, a stream, bytes.
 */
export function trackUpload(content: Content | Body, onProgress: OnProgress): Body {
  return new TrackedBody(createBody(content), onProgress)
}

class TrackedBody extends StreamBody {
  readonly length: number | null
  readonly contentType: string | undefined
  readonly #inner: Body
  readonly #onProgress: OnProgress
  #attempt = 0

  constructor(inner: Body, onProgress: OnProgress) {
    super()
    this.length = inner.length
    this.contentType = inner.contentType
    this.#inner = inner
    this.#onProgress = onProgress
  }

  protected get canReopen(): boolean {
    return this.#inner.isReplayable
  }

  protected stream(): AsyncIterable<Uint8Array> {
    const attempt = ++this.#attempt
    let given = 0
    let told = 0
    const tell = (isDone: boolean): void =>
      this.#onProgress({ transferred: given, total: this.length, isDone, attempt })
    return tappedBytes(this.#inner.open(), {
      onPiece: (bytes) => (given += bytes),
      onTaken: () => {
        if (given > told) tell(false)
        told = given
      },
      onEnd: () => tell(true),
    })
  }
}

/**
 * The decoded content of a streamed response, with word of how much has arrived.
 *
 * The total is that of Content-Length; unknown if the body is coded, for then it is not the length of the content.
 *
 * @param chunkSize - as for `response.iterContent`.
 */
export async function* trackDownload(
  response: Response,
  onProgress: OnProgress,
  chunkSize: number | null = null,
): AsyncGenerator<Buffer, void, undefined> {
  const total = contentLength(response)
  let transferred = 0
  for await (const piece of response.iterContent(chunkSize)) {
    transferred += piece.length
    onProgress({ transferred, total, isDone: false, attempt: 1 })
    yield piece
  }
  onProgress({ transferred, total, isDone: true, attempt: 1 })
}

/** Bytes of decoded content that a response announces, or `null`. */
function contentLength({ headers }: Response): number | null {
  const length = headers.get('content-length')
  return length !== null && /^\d{1,15}$/.test(length) && !headers.has('content-encoding') ? Number(length) : null
}
