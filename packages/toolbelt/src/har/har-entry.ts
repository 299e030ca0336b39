import { isUtf8 } from 'node:buffer'
import type { Headers, PreparedRequest, Redaction, Response, Timings } from '@entreat/core'
import { requestBytes } from '../seeing/request-bytes.ts'
import type { HarContent, HarCookie, HarEntry, HarHeader, HarPostData, HarRequest, HarResponse } from './har.ts'
import { harTimings, totalTime } from './har-timings.ts'

/** How an entry is written. */
export interface EntrySettings {
  readonly redaction: Redaction | null
  /** Bytes kept of one body. */
  readonly maxBodyBytes: number
}

/** Where in its call an exchange stands. */
export interface EntryPlace {
  readonly call: number | undefined
  readonly hop: number | undefined
  readonly attempt: number | undefined
  readonly leg: number
}

/** What came of a request: a response whose body is over, or a failure. */
export type EntryOutcome =
  | { readonly response: Response }
  | { readonly error: unknown; readonly startedAt: number; readonly failedAfterMs: number }

const UNKNOWN_TIMINGS: Timings = {
  startedAt: 0,
  dns: null,
  connect: null,
  tls: null,
  sent: null,
  firstByte: 0,
  end: null,
}

/** Writes one exchange as HAR has it. */
export function harEntry(
  request: PreparedRequest,
  outcome: EntryOutcome,
  place: EntryPlace,
  settings: EntrySettings,
): HarEntry {
  const moments =
    'response' in outcome
      ? outcome.response.timings
      : { ...UNKNOWN_TIMINGS, startedAt: outcome.startedAt, firstByte: outcome.failedAfterMs }
  const timings = harTimings(moments)
  const { call, hop, attempt, leg } = place
  return {
    startedDateTime: new Date(moments.startedAt).toISOString(),
    time: totalTime(timings),
    request: harRequest(request, settings),
    response: 'response' in outcome ? harResponse(outcome.response, settings) : noResponse(outcome.error),
    cache: {},
    timings,
    ...(call === undefined ? {} : { _call: call }),
    ...(hop === undefined ? {} : { _hop: hop }),
    ...(attempt === undefined ? {} : { _attempt: attempt }),
    _leg: leg,
  }
}

function harRequest(request: PreparedRequest, settings: EntrySettings): HarRequest {
  const { method, headers } = request
  const url = (settings.redaction?.url(request.url) ?? request.url).replace(/#.*$/s, '')
  const query = url.split(/\?(.*)/s)[1] ?? ''
  return {
    method,
    url,
    httpVersion: 'HTTP/1.1',
    cookies: requestCookies(headers, settings),
    headers: harHeaders(headers, settings),
    queryString: [...new URLSearchParams(query)].map(([name, value]) => ({ name, value })),
    ...(request.body === null ? {} : { postData: postData(request, settings) }),
    headersSize: headSize(`${method} ${request.pathUrl} HTTP/1.1`, headers),
    bodySize: request.body === null ? 0 : (request.body.length ?? -1),
  }
}

function postData(request: PreparedRequest, { redaction, maxBodyBytes }: EntrySettings): HarPostData {
  const mimeType = request.headers.get('content-type') ?? ''
  const bytes = requestBytes(request)
  if (typeof bytes === 'string') return { mimeType, text: '', comment: bytes }
  if (bytes.byteLength > maxBodyBytes) return { mimeType, text: '', comment: tooLong(bytes.byteLength, maxBodyBytes) }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isUtf8(buffer)) return { mimeType, text: buffer.toString('latin1'), comment: 'Bytes, as Latin-1 text' }
  return { mimeType, text: redaction?.body(buffer.toString(), mimeType) ?? buffer.toString() }
}

function harResponse(response: Response, settings: EntrySettings): HarResponse {
  const { statusCode, reason, headers } = response
  const location = headers.get('location') ?? ''
  const { content, failure } = harContent(response, settings)
  const length = headers.get('content-length')
  const isPlain = !headers.has('content-encoding')
  const bodySize = length !== null && /^\d{1,15}$/.test(length) ? Number(length) : isPlain ? content.size : -1
  return {
    status: statusCode,
    statusText: reason,
    httpVersion: 'HTTP/1.1',
    cookies: responseCookies(headers, settings),
    headers: harHeaders(headers, settings),
    content: bodySize > 0 && content.size >= 0 ? { ...content, compression: content.size - bodySize } : content,
    redirectURL: settings.redaction?.url(location) ?? location,
    headersSize: headSize(`HTTP/1.1 ${statusCode} ${reason}`, headers),
    bodySize: response.request.method === 'HEAD' ? 0 : bodySize,
    ...(failure === null ? {} : { _error: failure }),
  }
}

function harContent(
  response: Response,
  { redaction, maxBodyBytes }: EntrySettings,
): { content: HarContent; failure: string | null } {
  const mimeType = response.headers.get('content-type') ?? ''
  let bytes: Buffer
  try {
    bytes = response.content
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    const isStreamed = code === 'ERR_STREAM_CONSUMED' || code === 'ERR_CONTENT_NOT_READ'
    const content = { size: -1, mimeType, ...(isStreamed ? { comment: 'The body was streamed' } : {}) }
    return { content, failure: isStreamed ? null : message }
  }
  const content = { size: bytes.length, mimeType }
  if (bytes.length > maxBodyBytes) {
    return { content: { ...content, comment: tooLong(bytes.length, maxBodyBytes) }, failure: null }
  }
  if (!isUtf8(bytes))
    return { content: { ...content, text: bytes.toString('base64'), encoding: 'base64' }, failure: null }
  const text = bytes.toString()
  return { content: { ...content, text: redaction?.body(text, mimeType) ?? text }, failure: null }
}

function noResponse(error: unknown): HarResponse {
  const failure = error instanceof Error ? `${error.name}: ${error.message}` : 'The request failed'
  return {
    status: 0,
    statusText: '',
    httpVersion: '',
    cookies: [],
    headers: [],
    content: { size: 0, mimeType: '' },
    redirectURL: '',
    headersSize: -1,
    bodySize: -1,
    _error: failure,
  }
}

function tooLong(bytes: number, maxBytes: number): string {
  return `${bytes} bytes, more than the ${maxBytes} that are kept`
}

function harHeaders(headers: Headers, { redaction }: EntrySettings): HarHeader[] {
  return [...headers.items()].map(([name, value]) => ({ name, value: redaction?.header(name, value) ?? value }))
}

function headSize(firstLine: string, headers: Headers): number {
  let size = firstLine.length + 4
  for (const [name, value] of headers.items()) size += name.length + value.length + 4
  return size
}

function requestCookies(headers: Headers, { redaction }: EntrySettings): HarCookie[] {
  const header = headers.get('cookie')
  if (header === null) return []
  return (redaction?.header('cookie', header) ?? header).split(';').map(nameAndValue)
}

function responseCookies(headers: Headers, { redaction }: EntrySettings): HarCookie[] {
  return headers.getSetCookie().map((line) => {
    const [pair = '', ...attributes] = (redaction?.header('set-cookie', line) ?? line).split(';')
    return { ...nameAndValue(pair), ...Object.assign({}, ...attributes.map(cookieAttribute)) } as HarCookie
  })
}

function nameAndValue(pair: string): { name: string; value: string } {
  const at = pair.indexOf('=')
  return { name: pair.slice(0, Math.max(0, at)).trim(), value: pair.slice(at + 1).trim() }
}

function cookieAttribute(text: string): Partial<HarCookie> {
  const { name, value } = nameAndValue(text.includes('=') ? text : `${text}=`)
  switch (name.toLowerCase()) {
    case 'path':
      return { path: value }
    case 'domain':
      return { domain: value }
    case 'httponly':
      return { httpOnly: true }
    case 'secure':
      return { secure: true }
    case 'expires': {
      const at = new Date(value)
      return Number.isNaN(at.getTime()) ? {} : { expires: at.toISOString() }
    }
    default:
      return {}
  }
}
