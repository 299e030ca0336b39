import { type PreparedRequest, readOptions, Redaction, type Response, UsageError } from '@entreat/core'
import { requestBytes } from './seeing/request-bytes.ts'

/** Options of {@link dumpResponse} and {@link dumpAll}. */
export interface DumpOptions {
  /** Begins each line of a request. Default `< `. */
  readonly requestPrefix?: string
  /** Begins each line of a response's head. Default `> `. */
  readonly responsePrefix?: string
  /** What to mask; `null` shows everything, credentials too. Default: what usually is a secret. */
  readonly redaction?: Redaction | null
  /** Bytes shown of one body. Default 64 KiB. */
  readonly maxBodyBytes?: number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof DumpOptions>([
  'requestPrefix',
  'responsePrefix',
  'redaction',
  'maxBodyBytes',
])
const DEFAULTS = { requestPrefix: '< ', responsePrefix: '> ', maxBodyBytes: 64 * 1024 }
const USUAL_SECRETS = new Redaction()
const LINE_END = '\r\n'

/** An exchange as it is written down. */
interface Dump {
  readonly options: Required<DumpOptions>
  readonly pieces: (string | Uint8Array)[]
}

/**
 * One response and the request it answers, as HTTP/1.1 would have them on the wire; the content decoded. Reads nothing: a body that is a stream, or has not been
 * read, is named instead of shown.
 *
 * @returns bytes: the heads as Latin-1, bodies as they are, those of text masked.
 * @throws UsageError for an unknown option, or for what is no Response.
 */
export function dumpResponse(response: Response, options?: DumpOptions): Buffer {
  const dump = newDump(options)
  writeExchange(dump, response)
  return bytesOf(dump)
}

/** The same for each redirect and refused leg of `response.history`, oldest first, and then for the response. */
export function dumpAll(response: Response, options?: DumpOptions): Buffer {
  const dump = newDump(options)
  for (const each of [...((response as Partial<Response>).history ?? []), response]) writeExchange(dump, each)
  return bytesOf(dump)
}

function newDump(options: DumpOptions | undefined): Dump {
  const own = readOptions(options, OPTION_KEYS, 'dumpResponse()')
  const redaction = own.redaction === undefined ? USUAL_SECRETS : own.redaction
  return { options: { ...DEFAULTS, ...own, redaction }, pieces: [] }
}

function bytesOf({ pieces }: Dump): Buffer {
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)))
}

function writeExchange(dump: Dump, response: Response): void {
  if (!(response instanceof Object) || !('statusCode' in response)) {
    throw new UsageError('dumpResponse() takes a Response of @entreat/core')
  }
  writeRequest(dump, response.request)
  const { responsePrefix: prefix, maxBodyBytes } = dump.options
  const { statusCode, reason, headers } = response
  writeLine(dump, prefix, `HTTP/1.1 ${statusCode}${reason === '' ? '' : ` ${reason}`}`)
  writeHeaders(dump, prefix, headers.items())
  writeLine(dump, prefix, '')
  writeBody(dump, contentOf(response), headers.get('content-type'), maxBodyBytes)
  dump.pieces.push(LINE_END)
}

function writeRequest(dump: Dump, request: PreparedRequest): void {
  const { requestPrefix: prefix, redaction, maxBodyBytes } = dump.options
  const { headers } = request
  const target = redaction === null ? request.pathUrl : redaction.url(request.pathUrl)
  writeLine(dump, prefix, `${request.method} ${target} HTTP/1.1`)
  writeLine(dump, prefix, `Host: ${headers.get('host') ?? request.origin.replace(/^.*?:\/\//, '')}`)
  writeHeaders(
    dump,
    prefix,
    [...headers.items()].filter(([name]) => name.toLowerCase() !== 'host'),
  )
  writeLine(dump, prefix, '')
  if (request.body === null) return
  dump.pieces.push(prefix)
  writeBody(dump, requestBytes(request), headers.get('content-type'), maxBodyBytes)
  dump.pieces.push(LINE_END)
}

function writeLine({ pieces }: Dump, prefix: string, line: string): void {
  pieces.push(prefix + line + LINE_END)
}

function writeHeaders(dump: Dump, prefix: string, lines: Iterable<[string, string]>): void {
  const { redaction } = dump.options
  for (const [name, value] of lines) {
    writeLine(dump, prefix, `${name}: ${redaction === null ? value : redaction.header(name, value)}`)
  }
}

function writeBody(dump: Dump, body: Uint8Array | string, type: string | null, maxBytes: number): void {
  const { redaction } = dump.options
  if (typeof body === 'string') {
    dump.pieces.push(`<< ${body} >>`)
    return
  }
  const bytes = redaction === null ? body : masked(body, redaction, type)
  dump.pieces.push(bytes.subarray(0, maxBytes))
  if (bytes.byteLength > maxBytes) dump.pieces.push(`<< ${bytes.byteLength - maxBytes} bytes more >>`)
}

/** A body that is text, masked; other bytes as they are. */
function masked(body: Uint8Array, redaction: Redaction, type: string | null): Uint8Array {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const text = bytes.toString()
  // Bytes that are no UTF-8 would not survive the way there and back; Latin-1 keeps each of them.
  const isText = Buffer.from(text).equals(bytes)
  return isText
    ? Buffer.from(redaction.body(text, type))
    : Buffer.from(redaction.text(bytes.toString('latin1')), 'latin1')
}

/** The content, or why there is none to show. */
function contentOf(response: Response): Uint8Array | string {
  try {
    return response.content
  } catch (error) {
    return `Response body is not in memory: ${(error as { code?: string }).code ?? 'unreadable'}`
  }
}
