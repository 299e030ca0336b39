import { type Body, type Content, createBody, Headers, type HeadersInit, readOptions, UsageError } from '@entreat/core'

/** What a part may hold: text, a number, bigint, boolean or Date as text, bytes, a Blob, a stream, a function that opens one, or a body, another MultipartEncoder included. */
export type PartContent = Content | Body | number | bigint | boolean | Date

/** One part with all that can be said of it. */
export interface Part {
  readonly content: PartContent
  /** `null` sends none. Default: the name of a File, of a file stream's path, or of a `fileBody`. */
  readonly filename?: string | null
  /** Content-Type. Default: that of a Blob or body which has one. */
  readonly type?: string | null
  /** Further headers of the part. */
  readonly headers?: HeadersInit
}

/** A field's value: content, `[filename, content, type?, headers?]`, or a {@link Part}. `null` and `undefined` are left out. */
export type PartValue =
  | PartContent
  | Part
  | null
  | undefined
  | readonly [filename: string | null, content: PartContent, type?: string | null, headers?: HeadersInit]

/** A part ready to be sent. */
export interface EncodedPart {
  /** Header lines, and the empty line that ends them. */
  readonly head: Uint8Array
  readonly body: Body
  /** The content, where it is in memory. */
  readonly bytes: Uint8Array | null
}

/** Where a part stands: `null` is outside a form, where parts have no names. */
export interface Place {
  readonly name: string | null
  /** What to call it in errors: `field "a"`. */
  readonly where: string
}

const PART_KEYS: ReadonlySet<string> = new Set<keyof Part>(['content', 'filename', 'type', 'headers'])

/**
 * Encodes one part.
 *
 * @returns `null` for a value that is left out.
 * @throws UsageError that names the field, for a value that is no content; InvalidHeader for a header that must not travel.
 */
export function encodePart(value: PartValue, place: Place): EncodedPart | null {
  if (value === null || value === undefined) return null
  const part = readPart(value, place)
  const body = contentBody(part.content, place)
  const filename = part.filename === undefined ? nameOf(part.content) : part.filename
  const type = part.type === undefined ? (typeOf(part.content) ?? body.contentType ?? null) : part.type
  return {
    head: partHead({ name: place.name, filename, type, extra: part.headers }),
    body,
    bytes: inMemory(part.content, body),
  }
}

function readPart(value: NonNullable<PartValue>, { where }: Place): Part {
  if (Array.isArray(value)) return readTuple(value as readonly unknown[], where)
  if (!isPlain(value)) return { content: value as PartContent }
  const part = readOptions(value as Part, PART_KEYS, `MultipartEncoder: ${where}`)
  if (part.content === undefined) throw new UsageError(`MultipartEncoder: ${where} is an object without content`)
  return part
}

function readTuple(tuple: readonly unknown[], where: string): Part {
  if (tuple.length < 2 || tuple.length > 4) {
    throw new UsageError(
      `MultipartEncoder: ${where} is a list of ${tuple.length}, and should be [filename, content, type?, headers?]. A field that repeats is given by [name, value] pairs`,
    )
  }
  const [filename, content, type, headers] = tuple as [string | null, PartContent, string?, HeadersInit?]
  if (filename !== null && typeof filename !== 'string') {
    throw new UsageError(
      `MultipartEncoder: ${where} is a list that begins with no filename, but with ${kindOf(filename)}`,
    )
  }
  return {
    content,
    filename,
    ...(type === undefined || type === null ? {} : { type }),
    ...(headers === undefined ? {} : { headers }),
  }
}

/** A record that somebody wrote, not an object of a class, nor a body or an iterable made of one. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as unknown
  if (prototype !== Object.prototype && prototype !== null) return false
  return ['open', Symbol.asyncIterator, Symbol.iterator].every((key) => !Object.hasOwn(value, key))
}

function contentBody(content: PartContent, { where }: Place): Body {
  switch (typeof content) {
    case 'number':
    case 'bigint':
    case 'boolean':
      return createBody(String(content))
  }
  if (content instanceof Date) return createBody(content.toISOString())
  try {
    return createBody(content)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(
      `MultipartEncoder: ${where} is ${kindOf(content)}. A part is text, a number, bytes, a Blob, a stream, a function that opens one, or a body`,
      { cause: error },
    )
  }
}

/** Only a body that we have made ourselves may be opened to look: opening somebody else's may count. */
function inMemory(content: PartContent, body: Body): Uint8Array | null {
  const isHeld =
    typeof content !== 'object' ||
    content instanceof Date ||
    ArrayBuffer.isView(content) ||
    content instanceof ArrayBuffer
  const opened = isHeld && typeof content !== 'function' ? body.open() : null
  return opened instanceof Uint8Array ? opened : null
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return `of type ${typeof value}`
  return Array.isArray(value) ? 'a list' : `a ${value.constructor?.name ?? 'record'}`
}

/** The base name of what the content was opened from. */
function nameOf(content: PartContent): string | null {
  if (typeof content !== 'object' || content === null) return null
  const { name, path } = content as { name?: unknown; path?: unknown }
  const given = typeof name === 'string' ? name : path
  if (typeof given !== 'string' || given === '') return null
  return given.slice(Math.max(given.lastIndexOf('/'), given.lastIndexOf('\\')) + 1)
}

function typeOf(content: PartContent): string | null {
  return content instanceof Blob && content.type !== '' ? content.type : null
}

interface Head {
  readonly name: string | null
  readonly filename: string | null
  readonly type: string | null
  readonly extra: HeadersInit | undefined
}

function partHead({ name, filename, type, extra }: Head): Uint8Array {
  const headers = new Headers()
  if (type !== null) headers.set('Content-Type', type)
  if (extra !== undefined) headers.merge(extra)
  // RFC 7578 section 4.2: the name of a field is ours to say. Elsewhere a part may say what it is.
  if (name !== null) headers.delete('Content-Disposition')
  let disposition = name === null ? '' : `Content-Disposition: form-data; name="${quoteName(name)}"`
  if (filename !== null && disposition === '' && !headers.has('content-disposition'))
    disposition = 'Content-Disposition: attachment'
  if (filename !== null && disposition !== '') disposition += `; filename="${quoteName(filename)}"`
  const lines = [...headers.items()].map(([key, value]) => `${key}: ${value}\r\n`).join('')
  return Buffer.concat([
    // Names travel as UTF-8 (RFC 7578 section 5.1); other headers are bytes, which Headers keeps as Latin-1 text.
    Buffer.from(disposition === '' ? '' : `${disposition}\r\n`),
    Buffer.from(`${lines}\r\n`, 'latin1'),
  ])
}

/** WHATWG HTML, "multipart/form-data encoding algorithm": only the quote and line breaks are escaped. */
function quoteName(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
