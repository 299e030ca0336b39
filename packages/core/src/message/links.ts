import { readQuotedString } from './quoted-string.ts'

/** One link of a Link header: its target, and its parameters by lower-case name with quotes removed. */
export interface Link {
  /** The target as it was sent: it may be relative to the response's URL. */
  url: string
  /** The relation types as they were sent, separated by blanks. */
  rel?: string
  [param: string]: string | undefined
}

/**
 * Parses a Link header.
 *
 * `title*` is decoded and, where it can be, stands in for `title` too; other names that end in `*` are decoded in place; what cannot be decoded is left out.
 * A parameter without a value is empty. What is no link is skipped. Never throws, and takes time in proportion to the text.
 *
 * @param headerValue - the header's value; several lines joined by commas.
 * @returns the links in order, as objects without a prototype. Of a parameter that a link repeats, the first counts; a parameter `url` does not count.
 * @see RFC 8288 section 3 and appendix B.2
 */
export function parseLinks(headerValue: string): Link[] {
  const links: Link[] = []
  for (let open = headerValue.indexOf('<'); open !== -1;) {
    const close = headerValue.indexOf('>', open)
    if (close === -1) break
    const params = new Map<string, string>()
    const end = readParams(headerValue, close + 1, params)
    links.push(linkOf(headerValue.slice(open + 1, close).trim(), params))
    open = headerValue.indexOf('<', end)
  }
  return links
}

/**
 * Arranges links as Requests' `response.links` does: by relation type.
 *
 * @returns a record without a prototype; a link with several types stands under each, in lower case; one without stands under its URL. The later link wins.
 */
export function indexLinks(links: Link[]): Record<string, Link> {
  const index = Object.create(null) as Record<string, Link>
  for (const link of links) {
    const relations = (link.rel ?? '').toLowerCase().split(/\s/).filter(Boolean)
    for (const key of relations.length === 0 ? [link.url] : relations) index[key] = link
  }
  return index
}

function linkOf(url: string, params: ReadonlyMap<string, string>): Link {
  const link = Object.assign(Object.create(null) as Link, { url })
  for (const [name, value] of params) {
    const decoded = name.endsWith('*') ? decodeExtended(value) : value
    if (decoded !== null && name !== 'url') link[name] = decoded
  }
  if (link['title*'] !== undefined) link['title'] = link['title*']
  return link
}

/** Reads `*( ";" name [ "=" value ] )`. Returns where it ends: at a comma, or at the end. */
function readParams(text: string, from: number, params: Map<string, string>): number {
  let at = from
  while (at < text.length && text[at] !== ',') {
    // Whatever stands between a target or a quoted value and the next `;` is debris.
    if (text[at] !== ';') {
      at++
      continue
    }
    const nameEnd = endOf(text, at + 1, ENDS_NAME)
    const name = text
      .slice(at + 1, nameEnd)
      .trim()
      .toLowerCase()
    at = nameEnd
    let value = ''
    if (text[at] === '=') [value, at] = readValue(text, skipBlanks(text, at + 1))
    if (name !== '' && !params.has(name)) params.set(name, value)
  }
  return at
}

const ENDS_NAME = /[=;,]/g
const ENDS_VALUE = /[;,]/g

function readValue(text: string, from: number): [value: string, end: number] {
  if (text[from] === '"') return readQuotedString(text, from + 1)
  const end = endOf(text, from, ENDS_VALUE)
  const value = text.slice(from, end).trim()
  // Requests takes single quotes for quotes.
  const singleQuoted = value.length > 1 && value.startsWith("'") && value.endsWith("'")
  return [singleQuoted ? value.slice(1, -1) : value, end]
}

function endOf(text: string, from: number, delimiter: RegExp): number {
  delimiter.lastIndex = from
  return delimiter.exec(text)?.index ?? text.length
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t') at++
  return at
}

/**
 * Decodes `charset'language'escaped`. Returns `null` if it is none, or not in UTF-8 or ISO-8859-1.
 *
 * @see RFC 8187 section 3.2
 */
function decodeExtended(value: string): string | null {
  const first = value.indexOf("'")
  const second = value.indexOf("'", first + 1)
  if (first === -1 || second === -1) return null
  const bytes = unescape(value.slice(second + 1))
  const charset = value.slice(0, first).toLowerCase()
  if (bytes === null) return null
  if (charset === 'iso-8859-1') return bytes.toString('latin1')
  if (charset !== 'utf-8') return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function unescape(text: string): Buffer | null {
  const bytes = Buffer.alloc(Buffer.byteLength(text))
  let length = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '%') {
      const hex = text.slice(at + 1, at + 3)
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return null
      bytes[length++] = Number.parseInt(hex, 16)
      at += 2
    } else {
      const code = text.charCodeAt(at)
      if (code > 0x7e) return null
      bytes[length++] = code
    }
  }
  return bytes.subarray(0, length)
}
