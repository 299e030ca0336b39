import { createHash } from 'node:crypto'

/** What a signature covers. */
export interface SignedParts {
  /** Upper case. */
  readonly method: string
  /** Path and query as they are sent. */
  readonly pathUrl: string
  /** Values by name, one or more each; `host` among them. Names in any case. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** SHA-256 of the body in hexadecimal digits, or a word in its place such as `UNSIGNED-PAYLOAD`. */
  readonly payloadHash: string
  /** S3 names objects by paths as they are; all other services encode the encoded path once more. */
  readonly isS3: boolean
}

/** A request in the one form that both sides hash. */
export interface CanonicalRequest {
  readonly text: string
  /** Names in lower case, sorted, with `;` between them. */
  readonly signedHeaders: string
}

/**
 * The canonical form of a request.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function canonicalRequest({ method, pathUrl, headers, payloadHash, isS3 }: SignedParts): CanonicalRequest {
  const [path, query] = splitAt(pathUrl, '?')
  const lines = [...headers]
    .map(([name, values]) => [name.toLowerCase(), values.map(trimmed).join(',')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const signedHeaders = lines.map(([name]) => name).join(';')
  const text = [
    method,
    encodePath(isS3 ? decode(path) : path),
    canonicalQuery(query),
    ...lines.map(([name, value]) => `${name}:${value}`),
    '',
    signedHeaders,
    payloadHash,
  ].join('\n')
  return { text, signedHeaders }
}

/** Percent-encodes all but the unreserved characters of RFC 3986 section 2.3, in UTF-8. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** SHA-256 in hexadecimal digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = query.split('&').map((pair) => {
    const [name, value] = splitAt(pair, '=')
    return [encodeStrictly(decode(name)), encodeStrictly(decode(value))] as const
  })
  // By code point: what is encoded is ASCII, so code units will do.
  return pairs
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map((pair) => pair.join('='))
    .join('&')
}

/** Slashes stay: in the name of an S3 object, `%2F` is one too. */
function encodePath(path: string): string {
  return path.split('/').map(encodeStrictly).join('/')
}

/** A percent sign that encodes nothing stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function trimmed(value: string): string {
  return value.trim().replace(/ +/g, ' ')
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** What stands before a separator and what after it: nothing, if it is not there. */
function splitAt(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
