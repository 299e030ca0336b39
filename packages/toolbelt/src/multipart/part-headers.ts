import type { Headers } from '@entreat/core'
import { asUtf8, decodeExtended, parseParameterized } from '../header/parameters.ts'

/** A `Content-Range` header. */
export interface ContentRange {
  readonly unit: string
  /** The first and last position, both included; `null` if the range was not satisfiable. */
  readonly first: number | null
  readonly last: number | null
  /** The whole length, or `null` if unknown. */
  readonly total: number | null
}

/** What the header lines of a part say. */
export class PartHeaders {
  readonly headers: Headers

  constructor(headers: Headers) {
    this.headers = headers
  }

  /** The field's name, or `null`. */
  get name(): string | null {
    return this.#dispositionParam('name')
  }

  /** The file's name as it was sent, or `null`: `filename*` if there is one that can be read, else `filename`. Not safe to use as a path. */
  get filename(): string | null {
    const extended = this.#disposition()?.get('filename*')
    return (extended === undefined ? null : decodeExtended(extended)) ?? this.#dispositionParam('filename')
  }

  /** Content-Type as it was sent, or `null`. */
  get contentType(): string | null {
    return this.headers.get('content-type')
  }

  /** The charset that Content-Type names, or `null`. */
  get charset(): string | null {
    return this.contentType === null ? null : (parseParameterized(this.contentType).params.get('charset') ?? null)
  }

  get isMultipart(): boolean {
    return /^\s*multipart\//i.test(this.contentType ?? '')
  }

  /** The range of a part of `multipart/byteranges`, or `null` (RFC 9110 section 14.4). */
  get contentRange(): ContentRange | null {
    return parseContentRange(this.headers.get('content-range'))
  }

  #disposition(): ReadonlyMap<string, string> | null {
    const value = this.headers.get('content-disposition')
    return value === null ? null : parseParameterized(value).params
  }

  #dispositionParam(name: string): string | null {
    const value = this.#disposition()?.get(name)
    // What the WHATWG form encoding escapes.
    return value === undefined
      ? null
      : asUtf8(value).replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n')
  }
}

/**
 * Parses `bytes 0-99/200`, with `*` for a total that is unknown or a range that was not satisfiable.
 *
 * @returns `null` for anything else.
 * @see RFC 9110 section 14.4
 */
export function parseContentRange(value: string | null): ContentRange | null {
  const match = /^\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s+(?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)\s*$/.exec(
    value ?? '',
  )
  if (match === null) return null
  const [, unit = '', first, last, total] = match
  if (first !== undefined && Number(first) > Number(last)) return null
  return {
    unit: unit.toLowerCase(),
    first: first === undefined ? null : Number(first),
    last: last === undefined ? null : Number(last),
    total: total === undefined ? null : Number(total),
  }
}

/** Text of bytes in a charset; UTF-8 if it is `null` or unknown. Bad bytes become U+FFFD. */
export function decodePart(bytes: Uint8Array, charset: string | null): string {
  try {
    return new TextDecoder(charset ?? 'utf-8').decode(bytes)
  } catch {
    return new TextDecoder().decode(bytes)
  }
}
