import { type AuthInit, resolveAuth, userinfoAuth } from '../auth/resolve-auth.ts'
import { CookieJar, type CookiesInit } from '../cookie-jar.ts'
import { InvalidHeader, InvalidJSONError, redactUrl, UsageError } from '../errors.ts'
import { combineHooks, type Hooks } from '../hooks.ts'
import { readOptions, REQUEST_OPTIONS } from '../options.ts'
import type { RequestOptions } from '../settings.ts'
import { type Body, type Content, createBody, isBody, isStream, withLength } from './body.ts'
import { Headers } from './headers.ts'
import { inspectAs } from './inspect.ts'
import { encodeMultipart, type Files } from './multipart.ts'
import { PreparedRequest } from './prepared-request.ts'
import { encodeFields, encodeParams, type Fields, type Params } from './query.ts'
import { parseUrl, withQuery } from './url.ts'

/** What `data` takes: form fields, or content that is sent as it is; also a Body, with its own Content-Type. */
export type Data = Fields | URLSearchParams | FormData | Content | Body

/** Everything that a request is prepared from, defaults merged in. */
export interface RequestParts {
  readonly method: string
  readonly url: string | URL | Uint8Array
  readonly params?: Params | null | undefined
  readonly headers?: Headers | null | undefined
  readonly data?: Data | null | undefined
  readonly json?: unknown
  readonly files?: Files | FormData | null | undefined
  readonly auth?: AuthInit | undefined
  readonly cookies?: CookiesInit | null | undefined
  readonly hooks?: readonly (Hooks | null | undefined)[]
}

const BRAND: unique symbol = Symbol.for('@entreat/core/request') as never

/** Whether a value is a Request, of this copy of the package or another. */
export function isRequest(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true
}

/** A request as it was asked for, before a Session's defaults. */
export class Request {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
    inspectAs(this.prototype, ({ method, url }) => `Request { ${method} ${redactUrl(String(url))} }`)
  }

  readonly method: string
  readonly url: string | URL
  readonly options: RequestOptions

  /** @param url - absolute, unless the Session that prepares it has a `baseUrl`. */
  constructor(method: string, url: string | URL, options: RequestOptions = {}) {
    this.method = method
    this.url = url
    this.options = options
  }

  /** Method and URL: the options may hold secrets. */
  toJSON(): { method: string; url: string } {
    return { method: this.method, url: redactUrl(String(this.url)) }
  }

  /** Prepares it without any Session's defaults: no default headers, cookies or netrc. */
  async prepare(): Promise<PreparedRequest> {
    const own = readOptions(this.options, REQUEST_OPTIONS, 'Request')
    const { params, headers, data, json, files, auth, cookies, hooks } = own
    const parts = { method: this.method, url: this.url, params, data, json, files, auth, cookies, hooks: [hooks] }
    const prepared = prepare({ ...parts, headers: headers ? new Headers().merge(headers) : null })
    const jar = prepared.cookies
    if (jar !== null && !prepared.headers.has('cookie')) {
      const header = await jar.header(prepared.parsedUrl)
      if (header !== '') prepared.headers.set('Cookie', header)
    }
    return prepared
  }
}

/** RFC 9110 section 9.1: a method is a token. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Z]+$/

/** Prepares in the order of Requests: method, URL, headers, cookies, body, auth, hooks. */
export function prepare(parts: RequestParts): PreparedRequest {
  const method = checkedMethod(parts.method)
  const given = parseUrl(parts.url instanceof Uint8Array ? Buffer.from(parts.url).toString('utf8') : String(parts.url))
  const url = parts.params === null || parts.params === undefined ? given : withQuery(given, encodeParams(parts.params))
  const headers = parts.headers ?? new Headers()
  const body = prepareBody(parts, headers)
  const explicit = parts.auth === undefined ? null : resolveAuth(parts.auth)
  const auth = parts.auth === undefined && !headers.has('authorization') ? userinfoAuth(url.userinfo) : explicit
  const hooks = combineHooks(parts.hooks?.[0], parts.hooks?.[1])
  const cookies = parts.cookies ? CookieJar.from(parts.cookies) : null
  cookies?.bind(url.href)
  const request = new PreparedRequest({
    method,
    url,
    headers,
    auth,
    hooks,
    cookies,
    body: withGivenFraming(body, headers),
  })
  const saysEmpty = body === null && headers.has('content-length')
  request.frame()
  if (saysEmpty) headers.set('Content-Length', '0')
  return request
}

function checkedMethod(given: unknown): string {
  const method = typeof given === 'string' ? given.toUpperCase() : ''
  if (METHOD.test(method)) return method
  throw new UsageError(`Method ${JSON.stringify(given)} is not a token (RFC 9110 section 9.1)`)
}

function prepareBody(parts: RequestParts, headers: Headers): Body | null {
  const { data, json, files } = parts
  if (files && !isEmpty(files)) return multipartBody(data ?? null, files, headers)
  if (data instanceof FormData) return multipartBody(null, data, headers)
  if (data !== null && data !== undefined && !isEmpty(data)) return dataBody(data, headers)
  if (json === undefined || json === null) return null
  defaultType(headers, 'application/json')
  return createBody(encodeJson(json))
}

/** Empty text, bytes, lists and records count as no data (rule B1 of Requests). */
function isEmpty(value: unknown): boolean {
  if (isBody(value)) return false
  if (typeof value === 'string') return value === ''
  if (value instanceof Uint8Array) return value.byteLength === 0
  if (Array.isArray(value)) return value.length === 0
  return isRecord(value) && Object.keys(value as object).length === 0
}

function isRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as unknown
  return prototype === Object.prototype || prototype === null
}

function dataBody(data: Exclude<Data, FormData>, headers: Headers): Body {
  if (isBody(data)) {
    if (data.contentType !== undefined) defaultType(headers, data.contentType)
    return data
  }
  if (Array.isArray(data) || data instanceof URLSearchParams || isRecord(data)) {
    defaultType(headers, 'application/x-www-form-urlencoded')
    return createBody(encodeFields(data as Fields | URLSearchParams, 'data'))
  }
  if (data instanceof Blob && data.type !== '') defaultType(headers, data.type)
  return createBody(data as Content)
}

function multipartBody(data: Data | null, files: Files | FormData, headers: Headers): Body {
  if (typeof data === 'string')
    throw new UsageError('Data must not be a string when files are given: use a record or pairs of form fields')
  if (
    data instanceof FormData ||
    data instanceof Blob ||
    data instanceof Uint8Array ||
    typeof data === 'function' ||
    isBody(data) ||
    (isStream(data) && !(data instanceof URLSearchParams))
  ) {
    throw new UsageError(
      'Streamed bodies and files are mutually exclusive: give data as a record or pairs of form fields',
    )
  }
  const given = headers.get('content-type')
  const { body, contentType } = encodeMultipart(data as Fields | URLSearchParams | null, files, givenBoundary(given))
  if (given === null || !BOUNDARY.test(given)) headers.set('Content-Type', contentType)
  return body
}

/** RFC 2046 section 5.1.1: a boundary, quoted or not. */
const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^";,\s]{1,70}))/i

/** The caller's own boundary, for the body to use. @throws InvalidHeader for a type that no multipart form can have. */
function givenBoundary(type: string | null): string | undefined {
  if (type === null) return undefined
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(type)) {
    throw new InvalidHeader(
      `Content-Type: ${type.slice(0, 80)} contradicts files, which are sent as multipart/form-data`,
    )
  }
  const [, quoted, bare] = BOUNDARY.exec(type) ?? []
  return quoted ?? bare
}

function defaultType(headers: Headers, type: string): void {
  if (!headers.has('content-type')) headers.set('Content-Type', type)
}

function encodeJson(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value, refuseLoss)
  } catch (error) {
    if (error instanceof InvalidJSONError) throw error
    throw new InvalidJSONError(`json cannot be encoded: ${(error as Error).message}`, { cause: error })
  }
  if (text === undefined) throw new InvalidJSONError(`json cannot be encoded: a ${typeof value} is no JSON value`)
  return text
}

/** Refuses what JSON.stringify would turn into something else without a word: NaN into null, a Map or bytes into an object. */
function refuseLoss(this: unknown, key: string, value: unknown): unknown {
  const held = (this as Record<string, unknown>)[key]
  if (held instanceof Map || held instanceof Set || ArrayBuffer.isView(held)) {
    throw new InvalidJSONError(
      `json cannot be encoded: a ${held.constructor.name} is no JSON value, turn it into one first`,
    )
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new InvalidJSONError(`json cannot be encoded: ${String(value)} is no JSON number (RFC 8259 section 6)`)
  }
  return value
}

/**
 * What the caller's own Content-Length and Transfer-Encoding mean for the body: a stream's length, or nothing; never two framings at once.
 *
 * @throws InvalidHeader where they contradict the body or each other (RFC 9112 section 6.2).
 */
function withGivenFraming(body: Body | null, headers: Headers): Body | null {
  const length = headers.get('content-length')
  const coding = headers.get('transfer-encoding')
  if (coding !== null) {
    if (coding.toLowerCase() !== 'chunked')
      throw new InvalidHeader(`Transfer-Encoding: ${coding} cannot be sent: only chunked can`)
    if (length !== null)
      throw new InvalidHeader('Content-Length and Transfer-Encoding contradict each other: give one of them')
    if (body === null || body.length !== null)
      throw new InvalidHeader('Transfer-Encoding: chunked contradicts a body of known length')
    return body
  }
  if (length === null) return body
  if (body === null) {
    if (length !== '0')
      throw new InvalidHeader(`Content-Length: ${length.slice(0, 20)} contradicts a request without body`)
    return null
  }
  if (body.length !== null) return body
  if (!/^[0-9]{1,15}$/.test(length))
    throw new InvalidHeader(`Content-Length: ${length.slice(0, 20)} is not a number of bytes`)
  return withLength(body, Number(length))
}
