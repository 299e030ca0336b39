import { isUtf8 } from 'node:buffer'
import { type PreparedRequest, readOptions, Redaction, type Response } from '@entreat/core'
import { requestBytes } from './seeing/request-bytes.ts'

/** Options of {@link toCurl}. */
export interface CurlOptions {
  /** What to mask; `null` keeps everything, so that the command works. Default: what usually is a secret. */
  readonly redaction?: Redaction | null
  /** A file for curl to read the body from, for bodies that are streams. Default: its standard input. */
  readonly bodyFile?: string
  /** One argument a line, or all on one line. Default `true`. */
  readonly isMultiline?: boolean
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof CurlOptions>(['redaction', 'bodyFile', 'isMultiline'])
const USUAL_SECRETS = new Redaction()
/** Headers that curl sends of its own accord. */
const CURL_SENDS = ['User-Agent', 'Accept']
/** The longest argument that Linux takes is 128 KiB. */
const LONGEST_ARGUMENT_BYTES = 100_000

/**
 * A request as a command for curl in a POSIX shell: the same method, URL, headers and body, and nothing that curl would add by itself.
 * Redirects are not followed.
 *
 * Bytes that an argument cannot hold, and long bodies, are piped in by `printf`. A body that is a stream is read from `bodyFile`.
 *
 * @param subject - a request, or a response for the request that it answers: then with cookies and credentials, as it was sent.
 * @throws UsageError for an unknown option.
 */
export function toCurl(subject: PreparedRequest | Response, options?: CurlOptions): string {
  const own = readOptions(options, OPTION_KEYS, 'toCurl()')
  const { bodyFile = '-', isMultiline = true } = own
  const redaction = own.redaction === undefined ? USUAL_SECRETS : own.redaction
  const request = 'statusCode' in subject ? subject.request : subject
  const { method, body } = request
  const url = redaction === null ? request.url : redaction.url(request.url)
  const parts = ['curl', ...methodArguments(method, body !== null), quote(url.replace(/#.*$/s, ''))]
  // curl reads [] and {} as patterns, and folds dot segments.
  if (/[[\]{}]/.test(url)) parts.push('--globoff')
  if (/\/\.{1,2}(?:[/?#]|$)/.test(url)) parts.push('--path-as-is')
  parts.push(...headerArguments(request, redaction))
  let source = ''
  if (body !== null) {
    const bytes = requestBytes(request)
    const sent =
      typeof bytes === 'string'
        ? { argument: `--data-binary ${quote(`@${bodyFile}`)}`, source: '' }
        : bodyArgument(masked(bytes, request, redaction))
    parts.push(sent.argument)
    source = sent.source
  }
  return source + parts.join(isMultiline ? ' \\\n  ' : ' ')
}

function methodArguments(method: string, hasBody: boolean): string[] {
  if (method === 'HEAD') return ['--head']
  return method === (hasBody ? 'POST' : 'GET') ? [] : [`--request ${quote(method)}`]
}

function headerArguments(request: PreparedRequest, redaction: Redaction | null): string[] {
  const { headers, body } = request
  const shown = [...headers.items()]
    // curl counts a body itself, but sends none without saying so.
    .filter(([name]) => body === null || name.toLowerCase() !== 'content-length')
    .map(([name, value]) => [name, redaction === null ? value : redaction.header(name, value)] as const)
    // curl takes `Name;` for a header without a value, and `Name:` for one to leave out.
    .map(([name, value]) => quoteBytes(Buffer.from(value === '' ? `${name};` : `${name}: ${value}`, 'latin1')))
  const own = body === null ? CURL_SENDS : [...CURL_SENDS, 'Content-Type', 'Expect']
  const removed = own.filter((name) => !headers.has(name)).map((name) => quote(`${name}:`))
  const decodes = headers.has('accept-encoding') ? ['--compressed'] : []
  return [...[...shown, ...removed].map((line) => `--header ${line}`), ...decodes]
}

function masked(bytes: Uint8Array, request: PreparedRequest, redaction: Redaction | null): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (redaction === null || !isUtf8(buffer)) return buffer
  return Buffer.from(redaction.body(buffer.toString(), request.headers.get('content-type')))
}

function bodyArgument(bytes: Buffer): { argument: string; source: string } {
  const isArgument = bytes.length <= LONGEST_ARGUMENT_BYTES && isUtf8(bytes) && !bytes.includes(0)
  if (isArgument) return { argument: `--data-raw ${quote(bytes.toString())}`, source: '' }
  const text =
    isUtf8(bytes) && !bytes.includes(0) ? `printf %s ${quote(bytes.toString())}` : `printf ${quote(escapes(bytes))}`
  return { argument: '--data-binary @-', source: `${text} | ` }
}

/** What printf reads otherwise: %, \\ and, where options are, a hyphen. */
const SPECIAL: ReadonlySet<number> = new Set(Buffer.from('%\\-'))

/** Plain characters as they are, what a shell cannot hold as octal escapes of printf. */
function escapes(bytes: Buffer): string {
  let text = ''
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && !SPECIAL.has(byte)
    text += isPlain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`
  }
  return text
}

/** One word of a POSIX shell. */
function quote(text: string): string {
  return /^[A-Za-z0-9_./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** One word whose bytes need not be UTF-8. */
function quoteBytes(bytes: Buffer): string {
  return isUtf8(bytes) ? quote(bytes.toString()) : `"$(printf ${quote(escapes(bytes))})"`
}
