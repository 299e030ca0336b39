import type { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { CookieJar } from '../cookie-jar.ts'
import { HTTPError, InvalidJSONError, JSONDecodeError, redactUrl, UsageError } from '../errors.ts'
import { DEFAULT_LIMITS, type ResolvedLimits } from '../limits.ts'
import { BodyReader } from './body-reader.ts'
import { type ResponseBody, sourceOf } from './byte-source.ts'
import { charsetOf, decodeJsonBytes, decodeText, detectEncoding, linesAreBytes } from './charset.ts'
import { Headers, type HeadersInit } from './headers.ts'
import { LineSplitter } from './lines.ts'
import { describeJsonFault, findJsonFault } from './json-fault.ts'
import { indexLinks, type Link, parseLinks } from './links.ts'
import { textPieces } from './pieces.ts'
import type { PreparedRequest } from './prepared-request.ts'
import { describeIssue, type InferOutput, type StandardSchemaV1 } from './standard-schema.ts'
import { toWebResponse } from './web-response.ts'
import { inspectAs } from './inspect.ts'
import { ownOptions } from '../options.ts'
import { type Marks, NO_MARKS, type Timings, timingsOf } from './timings.ts'

/** What an adapter says of a response; core completes the rest. */
export interface ResponseInit {
  readonly request: PreparedRequest
  /** 100 to 999. */
  readonly statusCode: number
  /** The reason phrase; default empty. */
  readonly reason?: string
  readonly headers?: Headers | HeadersInit
  /** The bytes as received, transfer framing removed, content codings left on. */
  readonly body?: ResponseBody
  /** Default: the request's. */
  readonly url?: string
}

/** Options of `iterContent`. */
export interface IterContentOptions {
  /** Text in the response's encoding (UTF-8 if it has none) instead of bytes. */
  readonly decodeUnicode?: boolean
}

/** Options of `iterLines`. */
export interface IterLinesOptions {
  /** Bytes asked of the stream at a time; makes no difference to the lines. */
  readonly chunkSize?: number | null
  /** What ends a line. Default: LF, CR or CRLF. */
  readonly delimiter?: string | Uint8Array
  /** Lines as text (default) or as bytes. */
  readonly decodeUnicode?: boolean
}

/** RFC 9110 section 15.4: those that send the client elsewhere. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

const BRAND: unique symbol = Symbol.for('@entreat/core/response') as never

/** Whether a value is a Response, of this copy of the package or another. */
export function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true
}

/**
 * One response. Buffered by default: `content`, `text` and `json()` are there at once. With `stream: true` read it by `iterContent`, `iterLines`, `raw`, or
 * `await read()`; an unread one holds its connection until it is closed.
 */
export class Response implements AsyncDisposable {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
    inspectAs(this.prototype, (value) => value.#show())
  }

  readonly request: PreparedRequest
  readonly statusCode: number
  readonly reason: string
  readonly headers: Headers
  /** The URL that answered: after redirects, without userinfo. */
  readonly url: string
  /** Redirects and refused auth legs before this one, oldest first. */
  history: Response[] = []
  /** Milliseconds from handing the request to the adapter to the head of the response. */
  elapsed = 0
  /** The request that a redirect asks for, where it was not followed. */
  next: PreparedRequest | null = null
  /** @internal When it was sent, by `performance.now()`. */
  started = 0
  /** @internal What the adapter noted on the way. */
  marks: Marks = NO_MARKS
  /** @internal */
  limits: ResolvedLimits = DEFAULT_LIMITS
  /** @internal */
  detect: ((bytes: Uint8Array) => string | null) | null = null

  readonly #body: BodyReader
  #encoding: string | null | undefined
  #cookies: CookieJar | null = null

  /** @throws UsageError for a status outside 100 to 999, or a body that cannot be read. */
  constructor(init: ResponseInit) {
    if (!Number.isInteger(init.statusCode) || init.statusCode < 100 || init.statusCode > 999) {
      throw new UsageError(`A response needs a status from 100 to 999, not ${String(init.statusCode)}`)
    }
    this.request = init.request
    this.statusCode = init.statusCode
    this.reason = init.reason ?? ''
    this.headers = init.headers instanceof Headers ? init.headers : new Headers(init.headers)
    this.url = init.url ?? init.request.url
    this.#body = new BodyReader(this, sourceOf(init.body))
  }

  /** When each phase was over. */
  get timings(): Timings {
    return timingsOf(this.started, this.elapsed, this.marks)
  }

  /** Trailer fields (RFC 9110 section 6.5), known once the body has been read to its end; empty if none came. They are not merged into {@link headers}. */
  get trailers(): Headers {
    return this.#body.trailers ?? new Headers()
  }

  /** Whether the status is no 4xx or 5xx. */
  get ok(): boolean {
    return this.statusCode < 400 || this.statusCode >= 600
  }

  /** Cookies that this response sets. */
  get cookies(): CookieJar {
    if (this.#cookies === null) {
      this.#cookies = new CookieJar()
      void this.#cookies.receive(this.headers.getSetCookie(), this.url)
    }
    return this.#cookies
  }

  /** The charset that Content-Type names (`utf-8` for JSON), or `null`. Set it to read `text` otherwise. */
  get encoding(): string | null {
    if (this.#encoding === undefined) this.#encoding = charsetOf(this.headers.get('content-type'))
    return this.#encoding
  }

  set encoding(encoding: string | null) {
    this.#encoding = encoding
  }

  /** The charset that the content itself suggests. */
  get apparentEncoding(): string {
    return this.detect?.(this.content) ?? detectEncoding(this.content)
  }

  /** The Link header by relation, or by URL where there is none (RFC 8288). */
  get links(): Record<string, Link> {
    return indexLinks(parseLinks(this.headers.get('link') ?? ''))
  }

  /** Whether this is a redirect that could be followed. */
  get isRedirect(): boolean {
    return REDIRECTS.has(this.statusCode) && this.headers.has('location')
  }

  get isPermanentRedirect(): boolean {
    return [301, 308].includes(this.statusCode) && this.headers.has('location')
  }

  /**
   * The decoded body.
   *
   * @throws ContentNotReadError before `await response.read()` of a streamed response; StreamConsumedError after it was iterated;
   * ContentDecodingError, LimitExceededError.
   */
  get content(): Buffer {
    return this.#body.content
  }

  /** The content as text. Never throws for bad bytes: without {@link encoding} it is UTF-8 if it decodes, else windows-1252. */
  get text(): string {
    const encoding = this.encoding ?? this.detect?.(this.content) ?? null
    return decodeText(this.content, encoding)
  }

  /**
   * The content parsed as JSON, checked by a Standard Schema if one is given.
   *
   * @throws JSONDecodeError if it is no JSON; InvalidJSONError if the schema refuses it.
   */
  json<T = unknown>(): T
  json<S extends StandardSchemaV1>(schema: S): InferOutput<S>
  json(schema?: StandardSchemaV1): unknown {
    const value = this.#parseJson()
    return schema === undefined ? value : this.#validate(schema, value)
  }

  #parseJson(): unknown {
    const text = this.encoding ? this.text : decodeJsonBytes(this.content)
    try {
      return JSON.parse(text)
    } catch (error) {
      // RFC 8259 section 8.1: the type says UTF-8, some servers send UTF-16, or a byte order mark. As UTF-8 neither is JSON.
      const other = /^utf-?8$/i.test(this.encoding ?? '') ? decodeJsonBytes(this.content) : text
      if (other !== text) {
        try {
          return JSON.parse(other)
        } catch {}
      }
      throw this.#invalidJson(text, error as Error)
    }
  }

  #invalidJson(text: string, error: Error): JSONDecodeError {
    const what = `${text.length} characters of ${this.headers.get('content-type') ?? 'no type'}`
    const fault = findJsonFault(text)
    const where = fault === null ? '' : `: ${describeJsonFault(fault)}`
    // The engine's own message would quote the body.
    const cause = new SyntaxError('Invalid JSON', { cause: error.name })
    return new JSONDecodeError(`${this.#describe()} is not JSON (${what})${where}`, text, { cause, response: this })
  }

  #validate(schema: StandardSchemaV1, value: unknown): unknown {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) throw new UsageError('json(schema) needs a schema that validates synchronously')
    if (result.issues === undefined) return result.value
    const { issues } = result
    const shown = issues.slice(0, 5).map(describeIssue)
    if (issues.length > shown.length) shown.push(`and ${issues.length - shown.length} more`)
    throw new InvalidJSONError(`${this.#describe()} does not fit the schema: ${shown.join('; ')}`, {
      response: this,
      issues,
    })
  }

  /** Reads the whole body, or what is left of it, into {@link content}. */
  read(): Promise<Buffer> {
    return this.#body.read()
  }

  /** @internal Reads the body at once if it has arrived already and is not coded; `false` if {@link read} must be waited for. */
  readArrived(): boolean {
    return this.#body.readArrived()
  }

  /** @internal Reads what is left without decoding it, so that the connection can be reused; past the cap gives both up. */
  drain(): Promise<void> {
    return this.#body.drain(this.limits.drainedBytes)
  }

  /**
   * The decoded body piece by piece. Leaving the loop early keeps the rest readable, and the connection busy.
   *
   * @param chunkSize - bytes a piece; default, and for 0 or less: as they arrive, a buffered body in one. A chunked body's pieces do not span its chunks.
   * @throws StreamConsumedError if it was iterated to its end before.
   */
  iterContent(
    chunkSize?: number | null,
    options?: { readonly decodeUnicode?: false },
  ): AsyncGenerator<Buffer, void, undefined>
  iterContent(
    chunkSize: number | null | undefined,
    options: { readonly decodeUnicode: true },
  ): AsyncGenerator<string, void, undefined>
  iterContent(
    chunkSize: number | null = null,
    options: IterContentOptions = {},
  ): AsyncGenerator<Buffer | string, void, undefined> {
    if (chunkSize !== null && !Number.isInteger(chunkSize)) {
      throw new UsageError(`chunkSize must be a whole number of bytes, or null, not ${inspect(chunkSize)}`)
    }
    const pieces = this.#body.iterate(chunkSize !== null && chunkSize > 0 ? chunkSize : null)
    return ownOptions(options).decodeUnicode === true ? textPieces(pieces, this.encoding) : pieces
  }

  /** The body line by line, cut at the same places however it arrives. */
  iterLines(options?: IterLinesOptions & { readonly decodeUnicode?: true }): AsyncGenerator<string, void, undefined>
  iterLines(options: IterLinesOptions & { readonly decodeUnicode: false }): AsyncGenerator<Buffer, void, undefined>
  async *iterLines(options: IterLinesOptions = {}): AsyncGenerator<string | Buffer, void, undefined> {
    const { delimiter = null, chunkSize = null, decodeUnicode = true } = ownOptions(options)
    const splitter = new LineSplitter(typeof delimiter === 'string' ? Buffer.from(delimiter) : delimiter)
    const decodesFirst = decodeUnicode && !linesAreBytes(this.encoding, typeof delimiter === 'string')
    const show = (line: Buffer): string | Buffer =>
      decodeUnicode ? decodeText(line, decodesFirst ? 'utf-8' : this.encoding) : line
    const pieces = this.iterContent(chunkSize)
    for await (const piece of decodesFirst ? textPieces(pieces, this.encoding) : pieces) {
      for (const line of splitter.push(typeof piece === 'string' ? Buffer.from(piece) : piece)) yield show(line)
    }
    for (const line of splitter.end()) yield show(line)
  }

  /** The bytes as received, content codings still on. Takes the body over: read it here or elsewhere, not both. */
  get raw(): Readable {
    return this.#body.raw
  }

  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    return this.iterContent()
  }

  /** Gives up what has not been read, and its connection. Reading a closed response gives nothing. */
  close(): void {
    this.#body.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** Calls back once the body has been read, has failed, or was closed; at once if it is over already. */
  whenDone(callback: () => void): void {
    this.#body.whenDone(callback)
  }

  /** @internal */
  get isDone(): boolean {
    return this.#body.isDone
  }

  /**
   * @returns this response, unless its status is 4xx or 5xx.
   * @throws HTTPError
   */
  raiseForStatus(): this {
    if (this.ok) return this
    const side = this.statusCode < 500 ? 'Client' : 'Server'
    throw new HTTPError(`${this.statusCode} ${side} Error: ${this.reason} for url: ${redactUrl(this.url)}`, {
      response: this,
    })
  }

  /** This response as a WHATWG one, which takes over a body that has not been read. */
  toWeb(): globalThis.Response {
    return toWebResponse(this)
  }

  #describe(): string {
    return `The body of ${this.request.method} ${redactUrl(this.url)} (${this.statusCode})`
  }

  #show(): string {
    return `Response { ${this.statusCode} ${this.request.method} ${redactUrl(this.url)} }`
  }

  toJSON(): { statusCode: number; method: string; url: string } {
    return { statusCode: this.statusCode, method: this.request.method, url: redactUrl(this.url) }
  }
}
