import { readQuotedString } from '../message/quoted-string.ts'

/** One challenge of a WWW-Authenticate or Proxy-Authenticate header. */
export interface Challenge {
  /** The scheme's name as it was sent; compare it without regard to case. */
  readonly scheme: string
  /** The single value of a scheme that has no parameters, such as a Negotiate token; `null` if there is none. */
  readonly token68: string | null
  /** Parameters by lower-case name, values unquoted. */
  readonly params: ReadonlyMap<string, string>
}

/** A challenge in the making. */
interface OpenChallenge {
  scheme: string
  token68: string | null
  /** {@link NO_PARAMS} until there is one. */
  params: Map<string, string>
}

/** Shared by challenges without parameters; never written to. */
const NO_PARAMS: Map<string, string> = new Map()

/** Where reading is, in one header value. */
interface Cursor {
  readonly text: string
  at: number
}

/**
 * Parses the challenges of a 401 or 407.
 *
 * Lenient: separators may be missing or doubled, values may lack quotes (then they may hold spaces and any other character but a comma), quotes may lack
 * their end, parameters may lack a value (it is empty). What is no challenge is skipped. Never throws, and takes time in proportion to the text.
 *
 * @param headerValues - the value of each header line, in order; several lines read as one list.
 * @returns in order of appearance. Of a parameter that a challenge repeats, the first counts.
 * @see RFC 9110 sections 11.3, 11.4 and 11.6.1
 */
export function parseChallenges(headerValues: readonly string[]): Challenge[] {
  const challenges: OpenChallenge[] = []
  for (const text of headerValues) readChallenges({ text, at: 0 }, challenges)
  return challenges.map((challenge) => (challenge.token68 === null ? challenge : settleToken(challenge)))
}

/**
 * Parses a list of `name=value`, as in Authentication-Info, or what follows the scheme in Authorization. As lenient as {@link parseChallenges}.
 *
 * @returns values by lower-case name; of a repeated name the first.
 * @see RFC 9110 sections 11.2 and 11.6.3
 */
export function parseAuthParams(value: string): Map<string, string> {
  const params = new Map<string, string>()
  const cursor = { text: value, at: 0 }
  while (cursor.at < cursor.text.length) {
    const word = readWord(cursor)
    if (word !== '' && skipEquals(cursor)) addParam(params, word, readValue(cursor))
    else if (word === '') cursor.at++
  }
  return params
}

function readChallenges(cursor: Cursor, challenges: OpenChallenge[]): void {
  // Only a comma makes room for a new scheme: any other bare word is the debris of a badly quoted value.
  let schemeMayFollow = true
  while (cursor.at < cursor.text.length) {
    const word = readWord(cursor)
    if (word === '') {
      if (cursor.text[cursor.at] === ',') schemeMayFollow = true
      cursor.at++
    } else if (skipEquals(cursor)) {
      const value = readValue(cursor)
      const current = challenges.at(-1)
      if (current?.params === NO_PARAMS) current.params = new Map()
      if (current !== undefined) addParam(current.params, word, value)
      schemeMayFollow = false
    } else if (schemeMayFollow) {
      challenges.push({ scheme: word, token68: readToken68(cursor), params: NO_PARAMS })
      schemeMayFollow = false
    }
  }
}

function addParam(params: Map<string, string>, name: string, value: string): void {
  const key = name.toLowerCase()
  if (!params.has(key)) params.set(key, value)
}

/**
 * `realm=` may be base64 with padding or a parameter without value. It is the latter if its length is not that of padded base64, or if parameters follow.
 */
function settleToken(challenge: OpenChallenge): Challenge {
  const token = challenge.token68 ?? ''
  const name = /^[^=]+=$/.test(token) ? token.slice(0, -1).toLowerCase() : null
  if (name === null || (token.length % 4 === 0 && challenge.params.size === 0)) return challenge
  const params = new Map([[name, ''], ...challenge.params])
  return { scheme: challenge.scheme, token68: null, params }
}

/** Reads `1*token68char *"="`, if that is all up to the next comma; moves only then. */
function readToken68(cursor: Cursor): string | null {
  const { text } = cursor
  const start = skipBlanks(text, cursor.at)
  let end = start
  while (end < text.length && isToken68(text.charCodeAt(end))) end++
  if (end === start) return null
  while (text[end] === '=') end++
  const next = skipBlanks(text, end)
  if (next < text.length && text[next] !== ',') return null
  cursor.at = next
  return text.slice(start, end)
}

/** Skips blanks, then reads up to what ends a name: blank, comma, semicolon, `=` or a quote. May be empty. */
function readWord(cursor: Cursor): string {
  const start = skipBlanks(cursor.text, cursor.at)
  cursor.at = endOfWord(cursor.text, start)
  return cursor.text.slice(start, cursor.at)
}

function skipEquals(cursor: Cursor): boolean {
  const next = skipBlanks(cursor.text, cursor.at)
  if (cursor.text[next] !== '=') return false
  cursor.at = skipBlanks(cursor.text, next + 1)
  return true
}

function readValue(cursor: Cursor): string {
  if (cursor.text[cursor.at] !== '"') return readUnquoted(cursor)
  const [value, end] = readQuotedString(cursor.text, cursor.at + 1)
  cursor.at = end
  return value
}

/** Reads up to a comma, or up to blanks before something that reads `name =`: the comma before it was forgotten. */
function readUnquoted(cursor: Cursor): string {
  const { text } = cursor
  const start = cursor.at
  let end = endOfRun(text, start)
  for (;;) {
    const next = skipBlanks(text, end)
    if (next >= text.length || text[next] === ',' || text[next] === ';') break
    const wordEnd = endOfWord(text, next)
    if (wordEnd > next && text[skipBlanks(text, wordEnd)] === '=') break
    end = endOfRun(text, wordEnd)
  }
  cursor.at = end
  return text.slice(start, end)
}

function endOfRun(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== ',' && !isBlank(text.charCodeAt(at))) at++
  return at
}

function endOfWord(text: string, from: number): number {
  let at = from
  while (at < text.length && !endsWord(text.charCodeAt(at))) at++
  return at
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && isBlank(text.charCodeAt(at))) at++
  return at
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a
}

function endsWord(code: number): boolean {
  return isBlank(code) || code === 0x22 || code === 0x2c || code === 0x3b || code === 0x3d
}

/** ALPHA, DIGIT and `-._~+/` (RFC 9110 section 11.2). */
function isToken68(code: number): boolean {
  const lower = code | 0x20
  if ((lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39)) return true
  return code === 0x2d || code === 0x2e || code === 0x5f || code === 0x7e || code === 0x2b || code === 0x2f
}
