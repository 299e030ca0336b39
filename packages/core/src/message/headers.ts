import { inspect } from 'node:util'
import { InvalidHeader, redactInvalidUrl, redactUrl } from '../errors.ts'
import { SENSITIVE_HEADERS } from './sensitive-headers.ts'
import { inspectAs } from './inspect.ts'

/** A header value as callers may give it. */
export type HeaderValue = string | number | Uint8Array | readonly (string | number | Uint8Array)[]

/** What options take for headers: a Headers (ours or WHATWG's), a record, or pairs. `null` deletes when merged. */
export type HeadersInit =
  | Iterable<readonly [string, HeaderValue | null]>
  | { readonly [name: string]: HeaderValue | null | undefined }

/** RFC 9110 section 5.6.2: the characters of a token, lower- and upper-case. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** RFC 9110 section 5.5: field-vchar, obs-text, SP and HTAB; no leading white space. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?$/
/** Headers whose values are not shown when a Headers is printed. */
const SECRET = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  ...SENSITIVE_HEADERS.map((name) => name.toLowerCase()),
])

/** @internal One line. */
export interface Line {
  /** In the case it was given in. */
  readonly name: string
  /** In lower case. */
  readonly key: string
  readonly value: string
}

/** Headers whose value is a URL, which is shown without its secrets. */
const HOLDS_URL = new Set(['location', 'content-location', 'referer'])

/**
 * A list of header lines: the WHATWG interface, plus `items()` and `getAll()`.
 *
 * Keeps insertion order, the case of each name as last set, and several lines of one name. Names are compared without case.
 * Values are the bytes of the line as Latin-1 text (RFC 9110 section 5.5).
 */
export class Headers implements Iterable<[string, string]> {
  static {
    inspectAs(this.prototype, (value) => value.#show())
  }

  /** Never changed in place, so that copies may share them. */
  #lines: Line[] = []
  #raw: readonly Uint8Array[] | null = null
  /** @internal Counts changes, so that what was derived from these headers can tell that it is stale. */
  version = 0

  /**
   * @param init - headers to start with; `null` values are left out.
   * @throws InvalidHeader for a name that is no token or a value with CR, LF, NUL, other controls, or leading white space.
   */
  constructor(init?: HeadersInit | null) {
    if (init) for (const [name, value] of entriesOf(init)) if (value !== null) this.#add(name, value)
  }

  /** @internal Alternating names and values as they were received. They are parsed when first looked at. */
  static fromRaw(raw: readonly Uint8Array[]): Headers {
    const headers = new Headers()
    headers.#raw = raw
    return headers
  }

  /** @internal Alternating names and values of an HTTP/2 message, whose names are lower-case. */
  static fromFields(fields: readonly string[]): Headers {
    const headers = new Headers()
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const name = fields[index] as string
      headers.#lines.push({ name, key: name, value: fields[index + 1] as string })
    }
    return headers
  }

  #parse(): void {
    const raw = this.#raw
    if (raw === null) return
    this.#raw = null
    for (let index = 0; index + 1 < raw.length; index += 2) {
      const name = latin1(raw[index] as Uint8Array)
      this.#lines.push({ name, key: name.toLowerCase(), value: latin1(raw[index + 1] as Uint8Array) })
    }
  }

  #add(name: string, value: HeaderValue): void {
    if (Array.isArray(value)) {
      for (const one of value as readonly (string | number | Uint8Array)[]) this.append(name, one)
    } else {
      this.append(name, value as string | number | Uint8Array)
    }
  }

  /** How many lines there are. */
  get size(): number {
    this.#parse()
    return this.#lines.length
  }

  /** Adds a line, beside those of the same name. */
  append(name: string, value: string | number | Uint8Array): void {
    this.#parse()
    const text = checkedValue(checkedName(name), value)
    this.#lines.push({ name, key: name.toLowerCase(), value: text })
    this.version++
  }

  /** Replaces every line of this name by one, in the place of the first; adds it if there is none. */
  set(name: string, value: string | number | Uint8Array): void {
    this.#parse()
    const key = name.toLowerCase()
    const at = this.#indexOf(key)
    if (at === -1) {
      this.append(name, value)
      return
    }
    const text = checkedValue(checkedName(name), value)
    if (this.#indexOf(key, at + 1) !== -1) this.#removeAfter(key, at)
    this.#lines[at] = { name, key, value: text }
    this.version++
  }

  #indexOf(key: string, from = 0): number {
    const lines = this.#lines
    for (let index = from; index < lines.length; index++) if ((lines[index] as Line).key === key) return index
    return -1
  }

  #removeAfter(key: string, at: number): void {
    this.#lines = this.#lines.filter((line, index) => index <= at || line.key !== key)
  }

  /** Removes every line of this name. */
  delete(name: string): void {
    this.#parse()
    const key = name.toLowerCase()
    if (this.#indexOf(key) === -1) return
    this.#removeAfter(key, -1)
    this.version++
  }

  /** All values of this name joined by `", "` (RFC 9110 section 5.3), or `null`. */
  get(name: string): string | null {
    const key = name.toLowerCase()
    if (this.#raw !== null) {
      const only = onlyRawLine(this.#raw, key)
      if (only !== SEVERAL) return only === null ? null : latin1(only)
    }
    this.#parse()
    const first = this.#indexOf(key)
    if (first === -1) return null
    if (this.#indexOf(key, first + 1) === -1) return (this.#lines[first] as Line).value
    return this.getAll(name).join(', ')
  }

  /** Each line of this name, in order. */
  getAll(name: string): string[] {
    this.#parse()
    const key = name.toLowerCase()
    return this.#lines.filter((line) => line.key === key).map(({ value }) => value)
  }

  /** Each Set-Cookie line. They must not be joined (RFC 6265 section 3). */
  getSetCookie(): string[] {
    return this.getAll('set-cookie')
  }

  has(name: string): boolean {
    const key = name.toLowerCase()
    return this.#raw === null ? this.#indexOf(key) !== -1 : onlyRawLine(this.#raw, key) !== null
  }

  /** Each line as `[name, value]`, in order and with the names' own case. */
  *items(): IterableIterator<[string, string]> {
    this.#parse()
    for (const { name, value } of this.#lines) yield [name, value]
  }

  /** One `[name, value]` a name, the values of repeated names joined; each Set-Cookie by itself. */
  *entries(): IterableIterator<[string, string]> {
    this.#parse()
    const joined = new Map<string, string[]>()
    for (const { key, value } of this.#lines) {
      const values = joined.get(key)
      if (values === undefined) joined.set(key, [value])
      else values.push(value)
    }
    for (const { name, key, value } of this.#lines) {
      if (key === 'set-cookie') yield [name, value]
      else if (joined.has(key)) yield [name, (joined.get(key) as string[]).join(', ')]
      joined.delete(key)
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this.entries()) callback(value, name, this)
  }

  /** A copy that shares nothing. */
  copy(): Headers {
    const copy = new Headers()
    copy.#raw = this.#raw
    copy.#lines = this.#lines.slice()
    return copy
  }

  /** Lays `init` over these headers: replaces values in place, appends new names, deletes where the value is `null`. */
  merge(init: HeadersInit): this {
    const seen = new Set<string>()
    for (const [name, value] of entriesOf(init)) {
      const key = name.toLowerCase()
      if (value === null) this.delete(name)
      else if (seen.has(key) && Symbol.iterator in init) this.#add(name, value)
      else this.#replace(name, value)
      seen.add(key)
    }
    return this
  }

  #replace(name: string, value: HeaderValue): void {
    if (!Array.isArray(value)) {
      this.set(name, value as string | number | Uint8Array)
      return
    }
    this.delete(name)
    this.#add(name, value)
  }

  /** @internal Every line; the transport's way to read without making pairs. */
  get lines(): readonly Line[] {
    this.#parse()
    return this.#lines
  }

  /** One value a name, for logs: those that are credentials are masked. `Object.fromEntries(headers)` has them all. */
  toJSON(): Record<string, string> {
    return Object.fromEntries([...this.entries()].map(([name, value]) => [name, shown(name, value)]))
  }

  #show(): string {
    return `Headers { ${[...this.items()].map(([name, value]) => `${name}: ${shown(name, value)}`).join(', ')} }`
  }
}

function shown(name: string, value: string): string {
  const key = name.toLowerCase()
  if (SECRET.has(key)) return '***'
  if (!HOLDS_URL.has(key)) return value
  return value.includes('://') ? redactUrl(value) : redactInvalidUrl(value)
}

/** Stands for a name of several lines. */
const SEVERAL = Symbol('several lines')

/** The value of a name's only line among those that are not parsed yet: most answers are asked for two or three names of a dozen. */
function onlyRawLine(raw: readonly Uint8Array[], key: string): Uint8Array | typeof SEVERAL | null {
  let found: Uint8Array | null = null
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (!isName(raw[index] as Uint8Array, key)) continue
    if (found !== null) return SEVERAL
    found = raw[index + 1] as Uint8Array
  }
  return found
}

/** Whether these bytes are the name, whose letters are lower-case. */
function isName(bytes: Uint8Array, key: string): boolean {
  if (bytes.length !== key.length) return false
  for (let at = 0; at < key.length; at++) {
    const byte = bytes[at] as number
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
    if (lower !== key.charCodeAt(at)) return false
  }
  return true
}

function latin1(bytes: Uint8Array): string {
  return Buffer.isBuffer(bytes) ? bytes.toString('latin1') : Buffer.from(bytes).toString('latin1')
}

function* entriesOf(init: HeadersInit): Iterable<[string, HeaderValue | null]> {
  if (typeof init !== 'object') {
    throw new InvalidHeader(`Headers must be a record, [name, value] pairs or a Headers, not ${typeof init}`)
  } else if (typeof (init as Partial<Headers>).items === 'function') {
    yield* (init as Headers).items()
  } else if (Symbol.iterator in init) {
    for (const pair of init as Iterable<readonly [string, HeaderValue | null]>) {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw new InvalidHeader('Headers given as a list must be [name, value] pairs')
      }
      yield [pair[0], pair[1]]
    }
  } else {
    for (const name of Object.keys(init)) yield [name, (init as Record<string, HeaderValue | null>)[name] ?? null]
  }
}

function checkedName(name: string): string {
  if (typeof name === 'string' && TOKEN.test(name)) return name
  throw new InvalidHeader(`Header name ${inspect(name)} is not a token (RFC 9110 section 5.1)`)
}

function checkedValue(name: string, value: string | number | Uint8Array): string {
  if (typeof value === 'string') {
    if (VALUE.test(value)) return value
    throw new InvalidHeader(
      `The value of header ${name} must not start with white space or contain CR, LF, NUL, other controls, or text outside Latin-1`,
    )
  }
  if (typeof value === 'number') return checkedValue(name, String(value))
  if (value instanceof Uint8Array) return checkedValue(name, latin1(value))
  throw new InvalidHeader(`The value of header ${name} must be a string, a number or bytes, not ${typeof value}`)
}
