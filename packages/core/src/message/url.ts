import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { InvalidSchema, InvalidURL, MissingSchema, redactInvalidUrl } from '../errors.ts'
import { encodeComponent, PATH_CHARACTERS, QUERY_CHARACTERS } from './percent.ts'

/**
 * A URL taken apart once. What policy looks at and what is dialled are the same parts.
 *
 * For schemes that do not begin with `http` the text is left as it came: `path` is everything after the authority.
 */
export interface ParsedUrl {
  /** Lower case, without the colon. */
  readonly scheme: string
  /** Lower case, A-labels, IPv6 in brackets; as written for schemes such as `http+unix`; empty if there is none. */
  readonly host: string
  /** As written, `''` if absent. A default port that was written stays. */
  readonly port: string
  /** Begins with a slash, normalised, encoded. */
  readonly path: string
  /** Encoded, without the question mark; `null` if absent or empty. */
  readonly query: string | null
  /** Encoded, without the hash; `null` if absent or empty. */
  readonly fragment: string | null
  /** Raw userinfo, still encoded; `null` if absent. Never part of {@link href}. */
  readonly userinfo: string | null
  /** The URL again, without userinfo. */
  readonly href: string
  /** `scheme://host[:port]`, the port as written. */
  readonly origin: string
  /** Path and query, as in a request line. */
  readonly pathUrl: string
  /** `scheme://host:port` as it is dialled, the port always there: equal for all URLs of one server. */
  readonly endpoint: string
}

/** RFC 3986 appendix B; the authority also ends at a backslash. */
const URL_PARTS = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^\\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s
const HOST_AND_PORT = /^(\[[^\]]*\]|[^[\]:]*)(?::([0-9]*))?$/
/** What stands where `http+unix:` and its like have a host: often a path, encoded. */
const FOREIGN_HOST = /^(?:[\w.~!$&'()*+,;=-]|%[0-9a-fA-F]{2})+$/
const ASCII_HOST = /^[a-z0-9_~!$&'()+,;=-][a-z0-9._~!$&'()*+,;=-]*$/
const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['https', 443],
  ['ftp', 21],
  ['ftps', 990],
])

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
  const opaque = trimmed.includes(':') && !/^http/i.test(trimmed)
  const match = URL_PARTS.exec(trimmed)
  const [, scheme, authority, path = '', query, fragment] = match ?? []
  if (scheme === undefined) throw opaque && /^[^/?#]*:/.test(trimmed) ? noSuchScheme(trimmed) : missingSchema(trimmed)
  if (opaque) return parseOpaque(trimmed, scheme, authority)
  if (!authority) throw invalid(text, 'no host supplied')
  const at = authority.lastIndexOf('@')
  const place = authority.slice(at + 1)
  const [host, port] = parseForeignHost(place, scheme) ?? parseHost(place, text)
  return assemble({
    scheme: scheme.toLowerCase(),
    host,
    port,
    path: normalisePath(path),
    query: query ? encodeComponent(query, QUERY_CHARACTERS) : null,
    fragment: fragment ? encodeComponent(fragment, QUERY_CHARACTERS) : null,
    userinfo: at === -1 ? null : authority.slice(0, at),
  })
}

/** A URL whose scheme is not ours to know (`mailto:`, `data:`, `ftp:`): kept as it is, but for userinfo. */
function parseOpaque(text: string, scheme: string, authority: string | undefined): ParsedUrl {
  const lower = scheme.toLowerCase()
  if (authority === undefined) {
    const rest = text.slice(scheme.length + 1)
    const nothing = { host: '', port: '', query: null, fragment: null, userinfo: null }
    return { ...nothing, scheme: lower, path: rest, href: text, origin: `${lower}:`, pathUrl: rest, endpoint: lower }
  }
  const at = authority.lastIndexOf('@')
  const place = authority.slice(at + 1)
  const [, host = place, port = ''] = HOST_AND_PORT.exec(place) ?? []
  const path = text.slice(scheme.length + 3 + authority.length)
  return {
    scheme: lower,
    host: host.toLowerCase(),
    port,
    path,
    query: null,
    fragment: null,
    userinfo: at === -1 ? null : authority.slice(0, at),
    href: `${scheme}://${place}${path}`,
    origin: `${lower}://${place.toLowerCase()}`,
    pathUrl: path,
    endpoint: `${lower}://${host.toLowerCase()}:${effectivePort({ scheme: lower, port })}`,
  }
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

function invalid(text: string, why: string): InvalidURL {
  return new InvalidURL(`Invalid URL ${JSON.stringify(redactInvalidUrl(text))}: ${why}`)
}

/**
 * Schemes built on HTTP may name something else than a host, such as a path: `http+unix://%2Frun%2Fdocker.sock/`. Its case is kept, for paths have one.
 * `null` for http and https, and for what is no name (RFC 3986 section 3.2.2).
 */
function parseForeignHost(place: string, scheme: string): [host: string, port: string] | null {
  if (/^https?$/i.test(scheme) || !FOREIGN_HOST.test(place)) return null
  return [place, '']
}

function parseHost(place: string, text: string): [host: string, port: string] {
  const match = HOST_AND_PORT.exec(place)
  if (match === null) throw invalid(text, 'the host or port cannot be parsed; IPv6 addresses need brackets')
  const [, name = '', port = ''] = match
  if (name === '') throw invalid(text, 'no host supplied')
  if (port.length > 5 || Number(port) > 65535) throw invalid(text, `port ${port.slice(0, 10)} is out of range`)
  return [
    name.startsWith('[') ? checkedAddress(name, text) : checkedName(name, text),
    Number(port) === 0 ? '' : String(Number(port)),
  ]
}

function checkedAddress(bracketed: string, text: string): string {
  const [address = '', zone] = bracketed.slice(1, -1).split(/%25|%/, 2)
  if (!isIPv6(address)) throw invalid(text, `${bracketed} is not an IPv6 address`)
  return zone === undefined ? `[${address.toLowerCase()}]` : `[${address.toLowerCase()}%25${zone}]`
}

function checkedName(name: string, text: string): string {
  const host = /^[\x00-\x7f]*$/.test(name) ? name.toLowerCase() : toALabels(name)
  if (!ASCII_HOST.test(host)) throw invalid(text, 'the host has an invalid label')
  return host
}

/**
 * A-labels as IDNA 2008 has them, but for case; empty if it is no host. It knows no symbols (RFC 5892 section 2.3), and no characters that only
 * stand for others (section 2.2): full-width letters would be another host than the one a filter or a reader saw.
 */
function toALabels(name: string): string {
  const lower = name.toLowerCase()
  return lower.normalize('NFKC') !== lower || /\p{Symbol}/u.test(lower) ? '' : domainToASCII(lower)
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

type Parts = Omit<ParsedUrl, 'href' | 'origin' | 'pathUrl' | 'endpoint'>

function assemble(parts: Parts): ParsedUrl {
  const origin = `${parts.scheme}://${parts.host}${parts.port && `:${parts.port}`}`
  const pathUrl = parts.query === null ? parts.path : `${parts.path}?${parts.query}`
  const href = origin + pathUrl + (parts.fragment === null ? '' : `#${parts.fragment}`)
  const endpoint = `${parts.scheme}://${parts.host}:${effectivePort(parts)}`
  return { ...parts, origin, pathUrl, href, endpoint }
}

/** The same URL with `encoded` appended to its query. Opaque URLs have none and stay. */
export function withQuery(url: ParsedUrl, encoded: string): ParsedUrl {
  if (encoded === '' || !url.scheme.startsWith('http')) return url
  return assemble({ ...url, query: url.query === null ? encoded : `${url.query}&${encoded}` })
}

/** The same URL with another fragment. */
export function withFragment(url: ParsedUrl, fragment: string | null): ParsedUrl {
  return fragment === url.fragment ? url : assemble({ ...url, fragment })
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

/** The port that is dialled: as written, or the scheme's own; 0 if the scheme has none that we know. */
export function effectivePort(url: Pick<ParsedUrl, 'scheme' | 'port'>): number {
  return url.port === '' ? (DEFAULT_PORTS.get(url.scheme) ?? 0) : Number(url.port)
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
