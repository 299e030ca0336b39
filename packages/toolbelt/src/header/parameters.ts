/** A header value of the shape `value; name=value; name="value"`. */
export interface ParameterizedValue {
  /** What stands before the first semicolon, in lower case. */
  readonly value: string
  /** By lower-case name. Of a repeated name the first counts. */
  readonly params: ReadonlyMap<string, string>
}

/**
 * Parses Content-Type and Content-Disposition values. Lenient, never throws, and takes time in proportion to the text.
 *
 * In a quoted string a backslash escapes a quote, unless that quote ends the parameter: browsers write `filename="C:\dir\"` as it stands, others
 * `filename="say \"hi\""`. Any other backslash is kept.
 *
 * @param text - a header value, as Latin-1 text.
 * @see RFC 9110 section 5.6.6, RFC 6266 section 4.1
 */
export function parseParameterized(text: string): ParameterizedValue {
  const semicolon = text.indexOf(';')
  const value = (semicolon === -1 ? text : text.slice(0, semicolon)).trim().toLowerCase()
  const params = new Map<string, string>()
  let at = semicolon === -1 ? text.length : semicolon + 1
  while (at < text.length) {
    const nameEnd = endOfName(text, at)
    const name = text.slice(at, nameEnd).trim().toLowerCase()
    if (text[nameEnd] !== '=') {
      at = nameEnd + 1
      continue
    }
    const [read, end] = readValue(text, skipBlanks(text, nameEnd + 1))
    if (name !== '' && !params.has(name)) params.set(name, read)
    const next = text.indexOf(';', end)
    at = next === -1 ? text.length : next + 1
  }
  return { value, params }
}

function endOfName(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== '=' && text[at] !== ';') at++
  return at
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t') at++
  return at
}

function readValue(text: string, from: number): [value: string, end: number] {
  if (text[from] !== '"') {
    const end = text.indexOf(';', from)
    const until = end === -1 ? text.length : end
    return [text.slice(from, until).trim(), until]
  }
  let value = ''
  let copied = from + 1
  for (let at = copied; at < text.length; at++) {
    if (text[at] !== '"') continue
    if (text[at - 1] !== '\\' || at - 1 < copied || endsParameter(text, at + 1)) {
      return [value + text.slice(copied, at), at + 1]
    }
    value += text.slice(copied, at - 1)
    copied = at
  }
  return [value + text.slice(copied), text.length]
}

function endsParameter(text: string, from: number): boolean {
  const at = skipBlanks(text, from)
  return at >= text.length || text[at] === ';'
}

/**
 * Reads an extended parameter value: `charset'language'percent-encoded`, of UTF-8 or ISO-8859-1.
 *
 * @returns `null` for anything else.
 * @see RFC 8187 section 3.2
 */
export function decodeExtended(value: string): string | null {
  const [, charset, encoded] = /^([A-Za-z0-9-]+)'[^']*'([^']*)$/.exec(value) ?? []
  if (charset === undefined || encoded === undefined) return null
  const label = charset.toLowerCase()
  if (label !== 'utf-8' && label !== 'iso-8859-1') return null
  if (/%(?![0-9a-f]{2})/i.test(encoded)) return null
  const bytes = Buffer.from(
    encoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
  if (label === 'iso-8859-1') return bytes.toString('latin1')
  return decodeUtf8(bytes)
}

/** Text of bytes that are UTF-8, else `null`. */
function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Header text that was received as Latin-1 and is meant as UTF-8, if it is that. */
export function asUtf8(latin1: string): string {
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : (decodeUtf8(Buffer.from(latin1, 'latin1')) ?? latin1)
}

/** RFC 9110 section 5.6.2 and 5.6.4: a value as a token if it is one, else quoted. */
export function quoteIfNeeded(value: string): string {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}
