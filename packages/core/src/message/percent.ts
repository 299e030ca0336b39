/**
 * Percent-encoding as Requests does it: what is well-formed stays, what is not allowed is encoded, nothing is encoded twice.
 */

const UNRESERVED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'
const SUB_DELIMS = "!$&'()*+,;="

/** Characters that stand for themselves somewhere. */
export interface CharacterClass {
  readonly members: ReadonlySet<string>
  /** Text in which nothing is to be done: these characters, and escapes as they are written when they have to be. */
  readonly settled: RegExp
}

function classOf(characters: string): CharacterClass {
  const one = `[${characters.replace(/[\\\]^-]/g, '\\$&')}]`
  // Escapes in upper case, and not of unreserved characters.
  const escape = '%(?!2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])[0-9A-F]{2}'
  return { members: new Set(characters), settled: new RegExp(`^${one}*(?:${escape}${one}*)*$`) }
}

/** Characters that stand for themselves in a path (RFC 3986 section 3.3). */
export const PATH_CHARACTERS: CharacterClass = classOf(`${UNRESERVED}${SUB_DELIMS}:@/`)
/** Those of a query or fragment (RFC 3986 section 3.4). */
export const QUERY_CHARACTERS: CharacterClass = classOf(`${UNRESERVED}${SUB_DELIMS}:@/?`)
/** Those that a query given as text may hold: Requests lets brackets pass. */
export const RAW_QUERY_CHARACTERS: CharacterClass = classOf(`${UNRESERVED}${SUB_DELIMS}:@/?[]`)

/** Longer texts are not looked at twice. */
const LONGEST_SETTLED = 2000
const UNRESERVED_BYTES = new Set(Buffer.from(UNRESERVED))
const ESCAPES = /%[0-9a-fA-F]{2}/g

/**
 * Encodes what is not in a class as the escapes of its UTF-8 bytes.
 * If every `%` of the text begins a valid escape, escapes stay (in upper case, those of unreserved characters decoded); otherwise every `%` is text.
 */
export function encodeComponent(text: string, { members, settled }: CharacterClass): string {
  if (text.length <= LONGEST_SETTLED && settled.test(text)) return text
  const escapes = text.match(ESCAPES)?.length ?? 0
  let percents = 0
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at + 1)) percents++
  const keepEscapes = escapes === percents
  let encoded = ''
  for (const character of text) {
    if (character === '%') encoded += keepEscapes ? '%' : '%25'
    else encoded += members.has(character) ? character : escapeBytes(character)
  }
  return keepEscapes ? encoded.replace(ESCAPES, normaliseEscape) : encoded
}

function normaliseEscape(escape: string): string {
  const byte = Number.parseInt(escape.slice(1), 16)
  return UNRESERVED_BYTES.has(byte) ? String.fromCharCode(byte) : escape.toUpperCase()
}

/** The escape of each byte. */
const ESCAPED: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
)

function escapeBytes(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 0x80) return ESCAPED[code] as string
  let escaped = ''
  for (const byte of Buffer.from(character)) escaped += ESCAPED[byte] as string
  return escaped
}

/**
 * Encodes a name or value of a query or form as `application/x-www-form-urlencoded` the way Python's `quote_plus` does: space is `+`, and only letters, digits
 * and `_.-~` stand for themselves.
 */
export function encodeFormText(text: string): string {
  if (/^[A-Za-z0-9_.~-]*$/.test(text)) return text
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}

/** The same for bytes. */
export function encodeFormBytes(bytes: Uint8Array): string {
  let encoded = ''
  for (const byte of bytes) {
    if (UNRESERVED_BYTES.has(byte)) encoded += String.fromCharCode(byte)
    else encoded += byte === 0x20 ? '+' : (ESCAPED[byte] as string)
  }
  return encoded
}

/** Decodes the escapes of userinfo as UTF-8; text with invalid escapes is returned as it is. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
