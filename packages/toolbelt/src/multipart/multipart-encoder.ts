import { type Body, readOptions, UsageError } from '@entreat/core'
import { StreamBody } from '../body/stream-body.ts'
import { quoteIfNeeded } from '../header/parameters.ts'
import { checkedBoundary, randomBoundary } from './boundary.ts'
import { JoinedBodies } from './joined-bodies.ts'
import { type EncodedPart, encodePart, type Part, type PartValue } from './part.ts'

/** Fields of a form: a record, pairs (so that a name can repeat), or a FormData. */
export type MultipartFields =
  | { readonly [name: string]: PartValue }
  | readonly (readonly [name: string, value: PartValue])[]
  | FormData

/** Options of {@link MultipartEncoder}. */
export interface MultipartEncoderOptions {
  /** Default: 32 hexadecimal digits from the system's randomness. Must not occur in the content. */
  readonly boundary?: string
  /** What comes after `multipart/`. Default `form-data`, whose parts have names; any other takes a list of parts. */
  readonly subtype?: string
  /** Further parameters of the Content-Type, such as `start` of `multipart/related`. */
  readonly parameters?: Readonly<Record<string, string>>
}

const OPTIONS: ReadonlySet<string> = new Set<keyof MultipartEncoderOptions>(['boundary', 'subtype', 'parameters'])
/** A body up to this long whose parts are all in memory is sent in one piece. */
const JOINED_BYTES = 64 * 1024
const CRLF = Buffer.from('\r\n')

/**
 * A multipart body: streamed, never held in memory, with its exact length where every part's is known, and sent again as often as its parts can be opened.
 * Give it as `data`; the Content-Type goes with it.
 *
 * `multipart/form-data` takes fields by name. Any other subtype takes a list of parts, and a part may be another MultipartEncoder.
 *
 * @see RFC 7578, RFC 2046 section 5.1, RFC 2387
 */
export class MultipartEncoder extends StreamBody {
  readonly boundary: string
  /** `multipart/form-data; boundary=…` */
  readonly contentType: string
  /** Bytes, or `null` if a part's length is unknown: the body then travels in chunks. */
  readonly length: number | null
  readonly #parts: readonly EncodedPart[]
  readonly #delimiter: Uint8Array
  readonly #end: Uint8Array

  /**
   * @throws UsageError for a value that cannot be sent, naming its field; for a boundary that is none; for names where there can be none.
   */
  constructor(fields: MultipartFields | readonly Part[], options: MultipartEncoderOptions = {}) {
    super()
    const { boundary, subtype = 'form-data', parameters = {} } = readOptions(options, OPTIONS, 'MultipartEncoder')
    if (!/^[A-Za-z0-9!#$&\-^_.+]+$/.test(subtype))
      throw new UsageError(`MultipartEncoder: ${JSON.stringify(subtype)} is no subtype, such as mixed`)
    this.boundary = boundary === undefined ? randomBoundary() : checkedBoundary(boundary)
    this.#parts = subtype.toLowerCase() === 'form-data' ? formParts(fields) : listedParts(fields, subtype)
    this.#delimiter = Buffer.from(`--${this.boundary}\r\n`)
    this.#end = Buffer.from(`--${this.boundary}--\r\n`)
    this.length = this.#measure()
    const all = { boundary: this.boundary, ...rootType(subtype, fields), ...parameters }
    const shown = Object.entries(all).map(([name, value]) => `; ${name}=${quoteIfNeeded(value)}`)
    this.contentType = `multipart/${subtype}${shown.join('')}`
  }

  /** How many parts there are. */
  get partCount(): number {
    return this.#parts.length
  }

  #measure(): number | null {
    let length = this.#end.length
    for (const { head, body } of this.#parts) {
      if (body.length === null) return null
      length += this.#delimiter.length + head.length + body.length + CRLF.length
    }
    return length
  }

  protected get canReopen(): boolean {
    return this.#parts.every(({ body }) => body.isReplayable)
  }

  protected stream(): AsyncIterable<Uint8Array> | Uint8Array {
    const isSmall =
      this.length !== null && this.length <= JOINED_BYTES && this.#parts.every(({ bytes }) => bytes !== null)
    return isSmall ? Buffer.concat([...this.#pieces()] as Uint8Array[]) : new JoinedBodies(this.#pieces())
  }

  *#pieces(): Generator<Uint8Array | Body, void, undefined> {
    for (const { head, body, bytes } of this.#parts) {
      yield Buffer.concat([this.#delimiter, head])
      yield bytes ?? body
      yield CRLF
    }
    yield this.#end
  }
}

function formParts(fields: MultipartFields | readonly Part[]): EncodedPart[] {
  const parts: EncodedPart[] = []
  for (const [name, value] of namedFields(fields)) {
    const part = encodePart(value, { name, where: `field ${JSON.stringify(name)}` })
    if (part !== null) parts.push(part)
  }
  return parts
}

function* namedFields(fields: MultipartFields | readonly Part[]): Iterable<readonly [string, PartValue]> {
  if (fields instanceof FormData) {
    yield* fields
  } else if (Array.isArray(fields)) {
    for (const pair of fields as readonly unknown[]) {
      if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string') {
        throw new UsageError(
          'MultipartEncoder: fields given as a list must be [name, value] pairs. A list of parts without names needs a subtype, such as mixed',
        )
      }
      yield pair as unknown as readonly [string, PartValue]
    }
  } else if (typeof fields === 'object' && fields !== null) {
    for (const name of Object.keys(fields)) yield [name, (fields as Record<string, PartValue>)[name]]
  } else {
    throw new UsageError(`MultipartEncoder: fields must be a record, pairs or a FormData, not ${typeof fields}`)
  }
}

function listedParts(fields: MultipartFields | readonly Part[], subtype: string): EncodedPart[] {
  if (!Array.isArray(fields)) {
    throw new UsageError(
      `MultipartEncoder: parts of multipart/${subtype} have no names: give a list of { content, type, headers }`,
    )
  }
  return (fields as readonly Part[]).flatMap((given, index) => {
    const place = { name: null, where: `part ${index + 1}` }
    if (Array.isArray(given)) {
      throw new UsageError(
        `MultipartEncoder: ${place.where} is a pair, and parts of multipart/${subtype} have no names: give { content, type, headers }`,
      )
    }
    return encodePart(given, place) ?? []
  })
}

/** RFC 2387 section 3.1: `multipart/related` must name the type of its root, by default that of the first part. */
function rootType(subtype: string, fields: MultipartFields | readonly Part[]): { type?: string } {
  const [root] = subtype.toLowerCase() === 'related' ? (fields as readonly Part[]) : []
  const content = root?.content as { contentType?: unknown; type?: unknown } | undefined
  const type = root?.type ?? content?.contentType ?? content?.type
  return typeof type === 'string' && type !== '' ? { type: (type.split(';', 1)[0] as string).trim() } : {}
}
