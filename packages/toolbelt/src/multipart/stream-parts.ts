import { type Headers, readOptions, type Response, StreamConsumedError, UsageError } from '@entreat/core'
import { collectBytes } from '../body/collect-bytes.ts'
import {
  boundaryOf,
  type MultipartLimits,
  type ResolvedMultipartLimits,
  resolveMultipartLimits,
} from './decoder-options.ts'
import { deeper } from './multipart-decoder.ts'
import { type MultipartEvent, MultipartParser } from './multipart-parser.ts'
import { decodePart, PartHeaders } from './part-headers.ts'

/** Options of {@link streamParts}. */
export interface StreamPartsOptions {
  /** The Content-Type, which names the boundary. Default: that of the response. */
  readonly contentType?: string
  /** Charset of text whose part names none. Default UTF-8. */
  readonly encoding?: string
  readonly limits?: MultipartLimits
}

const OPTIONS: ReadonlySet<string> = new Set<keyof StreamPartsOptions>(['contentType', 'encoding', 'limits'])
/** Bytes after the closing boundary that are read, so that a connection can be used again. */
const MOST_EPILOGUE = 64 * 1024
/** What a part's `read()` takes into memory unless told otherwise. */
const MOST_READ = 16 * 1024 * 1024

/**
 * The parts of a multipart body as they arrive, none of them in memory. Read each before you ask for the next: what you leave is skipped.
 * Leaving the loop early gives up the body, and the connection with it.
 *
 * @param source - a streamed response, or any iterable of bytes.
 * @throws NonMultipartContentTypeError, MultipartError, LimitExceededError.
 */
export async function* streamParts(
  source: Response | AsyncIterable<Uint8Array>,
  options: StreamPartsOptions = {},
): AsyncGenerator<StreamedPart, void, undefined> {
  const { contentType, encoding, limits } = readOptions(options, OPTIONS, 'streamParts')
  const response = 'iterContent' in source ? source : null
  const pieces = response === null ? (source as AsyncIterable<Uint8Array>) : response.iterContent()
  const decoding = { encoding: encoding ?? 'utf-8', limits: resolveMultipartLimits(limits) }
  try {
    yield* decodeStream(pieces, contentType ?? response?.headers.get('content-type') ?? null, decoding)
  } finally {
    response?.close()
  }
}

interface Decoding {
  readonly encoding: string
  readonly limits: ResolvedMultipartLimits
}

async function* decodeStream(
  pieces: AsyncIterable<Uint8Array>,
  contentType: string | null,
  decoding: Decoding,
): AsyncGenerator<StreamedPart, void, undefined> {
  const boundary = boundaryOf(contentType)
  const iterator = pieces[Symbol.asyncIterator]()
  const events = new EventSource(iterator, new MultipartParser(boundary, decoding.limits))
  let isWhole = false
  try {
    for (let event = await events.next(); event !== null; event = await events.next()) {
      if (event.kind !== 'part') continue
      const part = new StreamedPart(event.headers, events, decoding)
      yield part
      await part.skip()
    }
    isWhole = true
    await skipEpilogue(iterator)
  } finally {
    if (!isWhole) await iterator.return?.()
  }
}

/** Reads to the end, within reason: a connection is free once its message is over. */
async function skipEpilogue(iterator: AsyncIterator<Uint8Array>): Promise<void> {
  for (let left = MOST_EPILOGUE; left > 0;) {
    const step = await iterator.next()
    if (step.done === true) return
    left -= step.value.byteLength
  }
  await iterator.return?.()
}

/** The events of a parser, fed as they are asked for. */
class EventSource {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #parser: MultipartParser
  #ready: MultipartEvent[] = []
  #at = 0

  constructor(iterator: AsyncIterator<Uint8Array>, parser: MultipartParser) {
    this.#iterator = iterator
    this.#parser = parser
  }

  /** The next, or `null` after the closing boundary. */
  async next(): Promise<MultipartEvent | null> {
    while (this.#at >= this.#ready.length) {
      if (this.#parser.isOver) return null
      const step = await this.#iterator.next()
      this.#ready = step.done === true ? this.#parser.end() : this.#parser.push(checkedPiece(step.value))
      this.#at = 0
    }
    return this.#ready[this.#at++] as MultipartEvent
  }
}

function checkedPiece(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new UsageError(`streamParts needs an iterable of bytes, not of ${typeof piece}`)
}

/** One part of a streamed body: iterate over its bytes, or `read()` them. */
export class StreamedPart extends PartHeaders implements AsyncIterable<Buffer> {
  readonly #events: EventSource
  readonly #decoding: Decoding
  #state: 'unread' | 'reading' | 'over' | 'skipped' = 'unread'

  /** @internal */
  constructor(headers: Headers, events: EventSource, decoding: Decoding) {
    super(headers)
    this.#events = events
    this.#decoding = decoding
  }

  /**
   * The content as it arrives. Leaving the loop early keeps the rest readable.
   *
   * @throws StreamConsumedError once it has been read, or the next part was asked for.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    if (this.#state === 'over' || this.#state === 'skipped') {
      throw new StreamConsumedError(
        this.#state === 'over'
          ? 'The content of this part was already read'
          : 'The content of this part was skipped: read it before you ask for the next part',
      )
    }
    this.#state = 'reading'
    for (let bytes = await this.#next(); bytes !== null; bytes = await this.#next()) yield bytes
  }

  async #next(): Promise<Buffer | null> {
    if (this.#state !== 'reading') return null
    const event = await this.#events.next()
    if (event?.kind === 'content') return event.bytes
    this.#state = 'over'
    return null
  }

  /**
   * All of the content in memory.
   *
   * @param maxBytes - default 16 MiB.
   * @throws LimitExceededError past it.
   */
  read(maxBytes: number = MOST_READ): Promise<Buffer> {
    return collectBytes(this, maxBytes, `The part ${JSON.stringify(this.name ?? this.filename ?? '')}`)
  }

  /** All of the content as text, in the part's charset or else the decoder's. */
  async text(maxBytes: number = MOST_READ): Promise<string> {
    return decodePart(await this.read(maxBytes), this.charset ?? this.#decoding.encoding)
  }

  /** The parts of a part that is a multipart itself, as they arrive. */
  async *parts(): AsyncGenerator<StreamedPart, void, undefined> {
    yield* decodeStream(this, this.contentType, { ...this.#decoding, limits: deeper(this.#decoding.limits) })
  }

  /** @internal Reads on to the next part. */
  async skip(): Promise<void> {
    if (this.#state === 'over') return
    this.#state = 'reading'
    while ((await this.#next()) !== null);
    this.#state = 'skipped'
  }
}
