import { InvalidSchema, MissingSchema, redactInvalidUrl } from '../errors.ts'
import { type Authority, effectivePort, invalid, parseAuthority, splitAuthority } from './authority.ts'
import { encodeComponent, PATH_CHARACTERS, QUERY_CHARACTERS } from './percent.ts'

/**
 * A URL taken apart once. What policy looks at and what is dialled are the same parts.
 *
 * For schemes that do not begin with `http` the text is left as it came: `path` is everything after the authority.
 */
export interface ParsedUrl extends Authority {
  /** Begins with a slash, normalised, encoded. */
  readonly path: string
  /** Encoded, without the question mark; `null` if absent or empty. */
  readonly query: string | null
  /** Encoded, without the hash; `null` if absent or empty. */
  readonly fragment: string | null
  /** The URL again, without userinfo. */
  readonly href: string
  /** Path and query, as in a request line. */
  readonly pathUrl: string
}

/** RFC 3986 appendix B; the authority also ends at a backslash. */
const URL_PARTS = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^\\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s

const REMEMBERED = 1000
/** Longer ones are parsed each time: servers choose the targets of redirects, and must not choose how much is kept. */
const LONGEST_REMEMBERED = 2000
const remembered = new Map<string, ParsedUrl>()

/**
 * Parses, checks and normalises a URL as Requests does: scheme and host in lower case, host in A-labels, dot segments removed, illegal characters
 * percent-encoded, `/` for an empty path. Parts are remembered by text.
 *
 * @throws MissingSchema without a scheme, InvalidSchema for a host and port in its place; InvalidURL without a host, or with a host or port that cannot be dialled.
 * @see RFC 3986
 */
export function parseUrl(text: string): ParsedUrl {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const parsed = parse(text)
  if (text.length > LONGEST_REMEMBERED) return parsed
  if (remembered.size >= REMEMBERED) remembered.clear()
  remembered.set(text, parsed)
  return parsed
}

function parse(text: string): ParsedUrl {
  const trimmed = text.trimStart()
  const opaque = !/^http/i.test(trimmed) && trimmed.includes(':')
  const match = URL_PARTS.exec(trimmed)
  const [, scheme, authority, path = '', query, fragment] = match ?? []
  if (scheme === undefined) throw opaque && /^[^/?#]*:/.test(trimmed) ? noSuchScheme(trimmed) : missingSchema(trimmed)
  if (opaque) return parseOpaque(trimmed, scheme, authority)
  if (!authority) throw invalid(text, 'no host supplied')
  return assemble(
    parseAuthority(scheme, authority, text),
    normalisePath(path),
    query ? encodeComponent(query, QUERY_CHARACTERS) : null,
    fragment ? encodeComponent(fragment, QUERY_CHARACTERS) : null,
  )
}

/** A URL whose scheme is not ours to know (`mailto:`, `data:`, `ftp:`): kept as it is, but for userinfo. */
function parseOpaque(text: string, scheme: string, authority: string | undefined): ParsedUrl {
  if (authority === undefined) {
    const path = text.slice(scheme.length + 1)
    const lower = scheme.toLowerCase()
    const nowhere = { scheme: lower, host: '', port: '', userinfo: null, origin: `${lower}:`, endpoint: lower }
    return { ...nowhere, path, query: null, fragment: null, pathUrl: path, href: text }
  }
  const path = text.slice(scheme.length + 3 + authority.length)
  const place = authority.slice(authority.lastIndexOf('@') + 1)
  const href = `${scheme}://${place}${path}`
  return { ...splitAuthority(scheme, authority), path, query: null, fragment: null, pathUrl: path, href }
}

function missingSchema(text: string): MissingSchema {
  const shown = redactInvalidUrl(text)
  const hint = /^[/?#.]|^$/.test(text)
    ? 'A relative URL needs a Session with a baseUrl.'
    : `Perhaps you meant https://${shown}?`
  return new MissingSchema(`Invalid URL ${JSON.stringify(shown)}: no scheme supplied. ${hint}`)
}

/** What stands before the first colon is no scheme, but Requests takes it for one, and so finds no adapter. */
function noSuchScheme(text: string): InvalidSchema {
  const shown = redactInvalidUrl(text)
  return new InvalidSchema(`No connection adapters were found for '${shown}'. Perhaps you meant https://${shown}?`)
}

function normalisePath(path: string): string {
  const encoded = encodeComponent(removeDotSegments(path), PATH_CHARACTERS)
  return encoded.startsWith('/') ? encoded : `/${encoded}`
}

/** RFC 3986 section 5.2.4, on whole segments. */
function removeDotSegments(path: string): string {
  if (!path.includes('/.') && !path.startsWith('.')) return path
  const kept: string[] = []
  const segments = path.split('/')
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  if (path.startsWith('/') && kept[0] !== '') kept.unshift('')
  if (/\/\.\.?$/.test(path)) kept.push('')
  return kept.join('/')
}

function assemble(
  { scheme, host, port, userinfo, origin, endpoint }: Authority,
  path: string,
  query: string | null,
  fragment: string | null,
): ParsedUrl {
  const pathUrl = query === null ? path : `${path}?${query}`
  const href = fragment === null ? origin + pathUrl : `${origin}${pathUrl}#${fragment}`
  return { scheme, host, port, userinfo, origin, endpoint, path, query, fragment, pathUrl, href }
}

/** The same URL with `encoded` appended to its query. Opaque URLs have none and stay. */
export function withQuery(url: ParsedUrl, encoded: string): ParsedUrl {
  if (encoded === '' || !url.scheme.startsWith('http')) return url
  return assemble(url, url.path, url.query === null ? encoded : `${url.query}&${encoded}`, url.fragment)
}

/** The same URL with another fragment. */
export function withFragment(url: ParsedUrl, fragment: string | null): ParsedUrl {
  return fragment === url.fragment ? url : assemble(url, url.path, url.query, fragment)
}

/**
 * Resolves a reference, such as a Location, against the URL it came from, and checks the result as any other URL.
 * A reference without a host, `http:///x` included, stays on the base's host.
 *
 * @see RFC 3986 section 5.2
 */
export function resolveUrl(reference: string, base: ParsedUrl): ParsedUrl {
  const match = URL_PARTS.exec(reference)
  const [, scheme, authority, path = '', query, fragment] = match ?? []
  if (scheme !== undefined && (authority || !/^https?$/i.test(scheme))) return parseUrl(reference)
  if (authority) return parseUrl(`${base.scheme}:${reference}`)
  const hash = fragment === undefined ? '' : `#${fragment}`
  if (path === '' && query === undefined) return parseUrl(base.origin + base.pathUrl + hash)
  if (path === '') return parseUrl(`${base.origin}${base.path}?${query}${hash}`)
  const directory = base.path.slice(0, base.path.lastIndexOf('/') + 1)
  const target = path.startsWith('/') ? path : directory + path
  return parseUrl(`${base.origin}${target}${query === undefined ? '' : `?${query}`}${hash}`)
}

/** The host without brackets, as resolvers and sockets take it. */
export function dialledHost(url: Pick<ParsedUrl, 'host'>): string {
  return url.host.startsWith('[') ? url.host.slice(1, -1).replace('%25', '%') : url.host
}

/**
 * Whether credentials meant for `a` may go to `b`: equal scheme, host and effective port; or http to https on the default ports of one host.
 */
export function sameCredentialScope(a: ParsedUrl, b: ParsedUrl): boolean {
  if (a.host !== b.host) return false
  if (a.scheme === b.scheme) return effectivePort(a) === effectivePort(b)
  return a.scheme === 'http' && b.scheme === 'https' && effectivePort(a) === 80 && effectivePort(b) === 443
}
