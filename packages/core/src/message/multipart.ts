import { randomBytes } from 'node:crypto'
import { UsageError } from '../errors.ts'
import { type Body, type Content, createBody, OpenableBody } from './body.ts'
import type { HeadersInit } from './headers.ts'
import { Headers } from './headers.ts'
import { type Fields, flatFields, type Scalar } from './query.ts'

/** A file of a form: its content, or `[filename, content, type?, headers?]`. A `null` filename sends none. */
export type FileValue =
  | Content
  | null
  | readonly [filename: string | null, content: Content | null, type?: string | null, headers?: HeadersInit]
/** Files by field name, or pairs, so that a name can repeat. */
export type Files = { readonly [field: string]: FileValue } | readonly (readonly [field: string, file: FileValue])[]

interface Part {
  readonly head: Uint8Array
  readonly body: Body
}

/** An encoded form and the Content-Type that goes with it. */
export interface Multipart {
  readonly body: Body
  readonly contentType: string
}

/**
 * Encodes fields and files as `multipart/form-data`, fields first. The length is known when every part's is.
 *
 * @param boundary - default: 32 hexadecimal digits from the system's randomness.
 * @throws UsageError for text as `fields` or a file of the wrong shape.
 * @see RFC 7578; names are written as the WHATWG form encoding does
 */
export function encodeMultipart(
  fields: URLSearchParams | Fields | null,
  files: Files | FormData,
  boundary: string = randomBytes(16).toString('hex'),
): Multipart {
  const parts: Part[] = []
  if (fields !== null) {
    for (const [name, value] of flatFields(fields, 'data')) parts.push(fieldPart(fieldName(name), value))
  }
  if (files instanceof FormData) {
    for (const [name, value] of files) parts.push(formDataPart(name, value))
  } else {
    for (const [name, file] of filesOf(files)) {
      const part = filePart(name, file)
      if (part !== null) parts.push(part)
    }
  }
  return { body: joinParts(parts, boundary), contentType: `multipart/form-data; boundary=${boundary}` }
}

function fieldName(name: Scalar): string {
  return name instanceof Uint8Array ? Buffer.from(name).toString('utf8') : String(name)
}

function* filesOf(files: Files): Iterable<readonly [string, FileValue]> {
  const pairs = Array.isArray(files) ? (files as readonly unknown[]) : Object.entries(files as object)
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new UsageError('files given as a list must be [field, file] pairs')
    yield pair as unknown as readonly [string, FileValue]
  }
}

function fieldPart(name: string, value: string | Uint8Array): Part {
  return { head: partHead(name, null, null), body: createBody(value) }
}

function formDataPart(name: string, value: string | Blob): Part {
  if (typeof value === 'string') return fieldPart(name, value)
  const filename = 'name' in value && typeof value.name === 'string' ? value.name : 'blob'
  return { head: partHead(name, filename, value.type || 'application/octet-stream'), body: createBody(value) }
}

function filePart(name: string, file: FileValue): Part | null {
  if (!Array.isArray(file)) {
    const content = file as Content | null
    if (content === null || content === undefined) return null
    return { head: partHead(name, guessFilename(content) ?? name, typeOf(content)), body: createBody(content) }
  }
  const [filename, content, type, headers] = file as unknown as readonly [
    string | null,
    Content | null,
    string?,
    HeadersInit?,
  ]
  if (file.length < 2 || file.length > 4) {
    throw new UsageError(`files.${name} must be content or [filename, content, type?, headers?]`)
  }
  if (content === null) return null
  return { head: partHead(name, filename, type ?? typeOf(content), headers), body: createBody(content) }
}

function typeOf(content: Content): string | null {
  return content instanceof Blob && content.type !== '' ? content.type : null
}

/** The base name of what the content was opened from: a File's name, a file stream's path. */
function guessFilename(content: Content): string | null {
  if (typeof content !== 'object') return null
  const { name, path } = content as { name?: unknown; path?: unknown }
  const given = typeof name === 'string' ? name : path
  if (typeof given !== 'string' || given === '') return null
  return given.slice(Math.max(given.lastIndexOf('/'), given.lastIndexOf('\\')) + 1)
}

function partHead(name: string, filename: string | null, type: string | null, extra?: HeadersInit): Uint8Array {
  let head = `Content-Disposition: form-data; name="${quoteName(name)}"`
  if (filename !== null) head += `; filename="${quoteName(filename)}"`
  const headers = new Headers()
  if (type !== null) headers.set('Content-Type', type)
  if (extra !== undefined) headers.merge(extra)
  headers.delete('Content-Disposition')
  // RFC 7578 section 4.8: of the other Content- headers none belongs here; Requests leaves out this one.
  headers.delete('Content-Location')
  for (const [key, value] of headers.items()) head += `\r\n${key}: ${value}`
  return Buffer.from(`${head}\r\n\r\n`)
}

/** WHATWG HTML, "multipart/form-data encoding algorithm": UTF-8, with only the quote and line breaks escaped. */
function quoteName(name: string | Uint8Array): string {
  return (typeof name === 'string' ? name : Buffer.from(name).toString('utf8'))
    .replaceAll('"', '%22')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A')
}

function joinParts(parts: readonly Part[], boundary: string): Body {
  const delimiter = Buffer.from(`--${boundary}\r\n`)
  const lineBreak = Buffer.from('\r\n')
  const close = Buffer.from(`--${boundary}--\r\n`)
  let length: number | null = close.length
  for (const { head, body } of parts) {
    if (body.length === null) length = null
    else if (length !== null) length += delimiter.length + head.length + body.length + lineBreak.length
  }
  async function* open(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { head, body } of parts) {
      yield Buffer.concat([delimiter, head])
      const opened = body.open()
      if (opened instanceof Uint8Array) yield opened
      else yield* opened
      yield lineBreak
    }
    yield close
  }
  return parts.every(({ body }) => body.isReplayable && body.open() instanceof Uint8Array)
    ? createBody(
        Buffer.concat([
          ...parts.flatMap(({ head, body }) => [delimiter, head, body.open() as Uint8Array, lineBreak]),
          close,
        ]),
      )
    : new OpenableBody(
        open,
        length,
        parts.every(({ body }) => body.isReplayable),
      )
}
