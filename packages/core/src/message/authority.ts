import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { InvalidURL, redactInvalidUrl } from '../errors.ts'

/** Scheme and authority of a URL: what all URLs of one server have in common. */
export interface Authority {
  /** Lower case, without the colon. */
  readonly scheme: string
  /** Lower case, A-labels, IPv6 in brackets; as written for schemes such as `http+unix`; empty if there is none. */
  readonly host: string
  /** As written, `''` if absent. A default port that was written stays. */
  readonly port: string
  /** Raw userinfo, still encoded; `null` if absent. Never part of an origin or endpoint. */
  readonly userinfo: string | null
  /** `scheme://host[:port]`, the port as written. */
  readonly origin: string
  /** `scheme://host:port` as it is dialled, the port always there: equal for all URLs of one server. */
  readonly endpoint: string
}

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

const MOST_REMEMBERED = 1000
/** Longer ones are parsed each time: servers choose the targets of redirects, and must not choose how much is kept. */
const LONGEST_REMEMBERED = 300
const remembered = new Map<string, Authority>()

/**
 * Takes apart and checks what stands before the path of a URL whose scheme begins with `http`. Remembered by text.
 *
 * @param scheme - as written.
 * @param authority - what stands between `//` and the path.
 * @param text - the whole URL, for errors.
 * @throws InvalidURL for a host or port that cannot be dialled.
 */
export function parseAuthority(scheme: string, authority: string, text: string): Authority {
  const key = `${scheme}://${authority}`
  const known = remembered.get(key)
  if (known !== undefined) return known
  const at = authority.lastIndexOf('@')
  const place = authority.slice(at + 1)
  const [host, port] = parseForeignHost(place, scheme) ?? parseHost(place, text)
  const parsed = newAuthority(scheme.toLowerCase(), host, port, at === -1 ? null : authority.slice(0, at))
  if (key.length > LONGEST_REMEMBERED) return parsed
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(key, parsed)
  return parsed
}

/** The same for a scheme that is not ours to know: nothing is checked. */
export function splitAuthority(scheme: string, authority: string): Authority {
  const at = authority.lastIndexOf('@')
  const place = authority.slice(at + 1)
  const [, host = place, port = ''] = HOST_AND_PORT.exec(place) ?? []
  const parsed = newAuthority(scheme.toLowerCase(), host.toLowerCase(), port, at === -1 ? null : authority.slice(0, at))
  return { ...parsed, origin: `${parsed.scheme}://${place.toLowerCase()}` }
}

function newAuthority(scheme: string, host: string, port: string, userinfo: string | null): Authority {
  const origin = `${scheme}://${host}${port && `:${port}`}`
  const endpoint = `${scheme}://${host}:${effectivePort({ scheme, port })}`
  return { scheme, host, port, userinfo, origin, endpoint }
}

/** The error for a URL that cannot be used, its secrets blotted out. */
export function invalid(text: string, why: string): InvalidURL {
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

/** The port that is dialled: as written, or the scheme's own; 0 if the scheme has none that we know. */
export function effectivePort(url: Pick<Authority, 'scheme' | 'port'>): number {
  return url.port === '' ? (DEFAULT_PORTS.get(url.scheme) ?? 0) : Number(url.port)
}
