import { type Headers, LimitExceededError, readOptions, type Response } from '@entreat/core'
import {
  boundaryOf,
  type MultipartLimits,
  type ResolvedMultipartLimits,
  resolveMultipartLimits,
} from './decoder-options.ts'
import { MultipartParser } from './multipart-parser.ts'
import { decodePart, PartHeaders } from './part-headers.ts'

/** Options of {@link MultipartDecoder}. */
export interface MultipartDecoderOptions {
  /** Charset of text whose part names none. Default UTF-8. */
  readonly encoding?: string
  readonly limits?: MultipartLimits
}

const OPTIONS: ReadonlySet<string> = new Set<keyof MultipartDecoderOptions>(['encoding', 'limits'])

/**
 * A multipart body in memory, taken apart: any `multipart/…`, with its preamble and epilogue left out. For one that need not be in memory see
 * {@link streamParts}.
 */
export class MultipartDecoder {
  readonly parts: readonly BodyPart[]

  /**
   * @param contentType - the body's Content-Type, which names the boundary.
   * @throws NonMultipartContentTypeError, MultipartError, LimitExceededError.
   */
  constructor(content: Uint8Array, contentType: string | null, options: MultipartDecoderOptions = {}) {
    const { encoding, limits } = readOptions(options, OPTIONS, 'MultipartDecoder')
    this.parts = decodeParts(content, contentType, {
      encoding: encoding ?? 'utf-8',
      limits: resolveMultipartLimits(limits),
    })
  }

  /** The parts of a response that has been read. */
  static fromResponse(response: Response, options?: MultipartDecoderOptions): MultipartDecoder {
    return new MultipartDecoder(response.content, response.headers.get('content-type'), options)
  }
}

interface Decoding {
  readonly encoding: string
  readonly limits: ResolvedMultipartLimits
}

function decodeParts(content: Uint8Array, contentType: string | null, decoding: Decoding): BodyPart[] {
  const parser = new MultipartParser(boundaryOf(contentType), decoding.limits)
  const parts: BodyPart[] = []
  let headers: Headers | null = null
  let pieces: Buffer[] = []
  for (const event of [...parser.push(content), ...(parser.isOver ? [] : parser.end())]) {
    if (event.kind === 'part') headers = event.headers
    else if (event.kind === 'content') pieces.push(event.bytes)
    else {
      parts.push(
        new BodyPart(headers as Headers, pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces), decoding),
      )
      pieces = []
    }
  }
  return parts
}

/** One part of a body in memory. */
export class BodyPart extends PartHeaders {
  /** The bytes as they were sent: a Content-Transfer-Encoding is not undone. */
  readonly content: Buffer
  readonly #decoding: Decoding

  /** @internal */
  constructor(headers: Headers, content: Buffer, decoding: Decoding) {
    super(headers)
    this.content = content
    this.#decoding = decoding
  }

  /** The content as text, in the part's charset or else the decoder's. */
  get text(): string {
    return decodePart(this.content, this.charset ?? this.#decoding.encoding)
  }

  /**
   * The parts of a part that is a multipart itself.
   *
   * @throws NonMultipartContentTypeError if it is none; LimitExceededError past `limits.depth`.
   */
  get parts(): readonly BodyPart[] {
    return decodeParts(this.content, this.contentType, { ...this.#decoding, limits: deeper(this.#decoding.limits) })
  }
}

/** @internal Limits one multipart further inside. */
export function deeper(limits: ResolvedMultipartLimits): ResolvedMultipartLimits {
  if (limits.depth < 1)
    throw new LimitExceededError('There are more multiparts inside multiparts than limits.depth allows')
  return { ...limits, depth: limits.depth - 1 }
}
