import { isIPv4, isIPv6 } from 'node:net'
import { parseAddress } from './ip-address.ts'

/** Where a request goes. */
export interface ProxyTarget {
  /** Without colon, such as `https`. */
  readonly scheme: string
  /** A name or address; an IPv6 address with or without brackets. Empty for URLs without a host. */
  readonly host: string
  /** `null` for the scheme's default. */
  readonly port: number | null
}

/**
 * Reads `http_proxy`, `https_proxy`, `all_proxy` and every other `<scheme>_proxy` but `no_proxy`.
 *
 * The name in lower case wins over that in upper case, and set to nothing it removes them. `HTTP_PROXY` does not count where `REQUEST_METHOD` is set: under CGI it is a
 * header that the client sent (CVE-2016-1000110).
 *
 * @param env - usually `process.env`.
 * @returns proxy URLs, as they were given, by scheme or `all`; a record without a prototype.
 */
export function proxiesFromEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const proxies = Object.create(null) as Record<string, string>
  const variables = Object.entries(env).filter(
    ([name]) => /^.+_proxy$/i.test(name) && name.toLowerCase() !== 'no_proxy',
  )
  for (const [name, value] of variables) {
    if (value !== undefined && value !== '') proxies[schemeOf(name)] = value
  }
  if (env['REQUEST_METHOD'] !== undefined) delete proxies['http']
  for (const [name, value] of variables) {
    if (name !== name.toLowerCase() || value === undefined) continue
    if (value === '') delete proxies[schemeOf(name)]
    else proxies[schemeOf(name)] = value
  }
  return proxies
}

/** The variables that could name a proxy for http and https, written out: putting a name together costs as much as looking it up. */
const VARIABLES: ReadonlyMap<string, readonly string[]> = new Map([
  ['http', ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']],
  ['https', ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']],
])

function variablesFor(scheme: string): readonly string[] {
  return VARIABLES.get(scheme) ?? [`${scheme}_proxy`, `${scheme.toUpperCase()}_PROXY`, 'all_proxy', 'ALL_PROXY']
}

/** Whether any variable could name a proxy for a scheme: four look-ups where {@link proxiesFromEnvironment} goes through them all. */
export function namesProxyFor(scheme: string, env: NodeJS.ProcessEnv): boolean {
  for (const name of variablesFor(scheme)) if (env[name] !== undefined) return true
  return false
}

/** `no_proxy`, or where that is missing or empty `NO_PROXY`; empty if there is neither. */
export function noProxyFromEnvironment(env: NodeJS.ProcessEnv): string {
  return env['no_proxy'] || env['NO_PROXY'] || ''
}

/**
 * Chooses a proxy by the most telling key: `scheme://host`, `scheme`, `all://host`, `all`. Keys are lower-case and name no port.
 *
 * @param scheme - of the target, without colon.
 * @param host - of the target; empty if it has none.
 * @param proxies - proxy URLs by key; only own keys count. `null` or an empty string means direct, and ends the search.
 * @returns the proxy's URL as it was given; `null` for a direct connection; `undefined` if no key speaks of the target.
 */
export function selectProxy(
  scheme: string,
  host: string,
  proxies: Readonly<Record<string, string | null>>,
): string | null | undefined {
  const name = withoutBrackets(host).toLowerCase()
  const hosts = name.includes(':') ? [name, `[${name}]`] : [name]
  const perHost = (prefix: string): string[] => (name === '' ? [] : hosts.map((host) => `${prefix}://${host}`))
  const lowerScheme = scheme.toLowerCase()
  for (const key of [...perHost(lowerScheme), lowerScheme, ...perHost('all'), 'all']) {
    if (Object.hasOwn(proxies, key) && proxies[key] !== undefined) return proxies[key] || null
  }
  return undefined
}

/**
 * Tells whether NO_PROXY wants a direct connection.
 *
 * Entries are separated by commas or blanks:
 * - `*` as the only entry covers everything.
 * - `example.com`, `.example.com` cover that host and those below it, not `badexample.com`. There are no other wildcards: `*.example.com` covers nothing.
 * - an address covers itself in every spelling: `127.1` is `127.0.0.1`, `::ffff:10.0.0.1` is `10.0.0.1`, brackets and zones do not matter.
 * - `10.0.0.0/8`, `fd00::/8` cover a range, from /1 up; ranges that are malformed cover nothing. Names are not resolved.
 * - `host:port`, `[::1]:8080` cover one port; the scheme's default counts as given.
 * - `localhost`, `127.0.0.1` and `::1` each stand for the loopback: `localhost`, 127.0.0.0/8 and `::1`. Not `0.0.0.0`, which is no address to connect to.
 *
 * Case and trailing dots do not matter. As in Requests, the tail of an address after a dot covers it too: `0.0.1` covers `127.0.0.1`.
 *
 * @param target - where the request goes. Without a host it is always direct.
 * @param noProxy - the value of the variable.
 */
export function isProxyBypassed(target: ProxyTarget, noProxy: string): boolean {
  if (target.host === '' || noProxy.trim() === '*') return true
  const host = readHost(target.host)
  const port = target.port ?? DEFAULT_PORTS.get(target.scheme.toLowerCase()) ?? null
  return noProxy.split(/[\s,]/).some((entry) => entry !== '' && covers(entry, host, port))
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['https', 443],
  ['ftp', 21],
  ['ftps', 990],
])

/** A host, read once for all entries. */
interface Host {
  /** Lower case, no brackets, no trailing dot. */
  readonly name: string
  /** 4 or 16 bytes, if it is an address; an IPv4-mapped one as IPv4. */
  readonly address: Uint8Array | null
  readonly isLoopback: boolean
}

function covers(entry: string, host: Host, port: number | null): boolean {
  if (entry.includes('/')) return host.address !== null && isInNetwork(host.address, entry)
  const { host: entryHost, port: entryPort } = splitPort(entry)
  if (entryPort !== null && entryPort !== port) return false
  const name = hostName(entryHost.replace(/^\.+/, ''))
  if (name === '') return false
  if (host.name === name || host.name.endsWith(`.${name}`)) return true
  if (host.address === null && !host.isLoopback) return false
  const address = parseAddress(name)
  if (address !== null && host.address !== null && areEqual(address, host.address)) return true
  return host.isLoopback && (name === 'localhost' || isLoopbackName(address))
}

function splitPort(entry: string): { host: string; port: number | null } {
  if (!entry.includes(':')) return { host: entry, port: null }
  const match = /^(\[[^\]]*\]|[^:]*):([0-9]{1,5})$/.exec(entry)
  return match === null ? { host: entry, port: null } : { host: match[1] as string, port: Number(match[2]) }
}

function readHost(text: string): Host {
  const name = hostName(text)
  const address = parseAddress(name)
  const isLoopback = name === 'localhost' || (address?.length === 4 ? address[0] === 127 : isLoopbackName(address))
  return { name, address, isLoopback }
}

function hostName(text: string): string {
  const name = withoutBrackets(text).toLowerCase()
  return name.endsWith('.') ? name.slice(0, -1) : name
}

/** Whether an address is the one that stands for the loopback: `127.0.0.1` or `::1`. */
function isLoopbackName(address: Uint8Array | null): boolean {
  if (address === null || address.at(-1) !== 1) return false
  return address.subarray(0, -1).every((byte, index) => byte === (index === 0 && address.length === 4 ? 127 : 0))
}

function isInNetwork(address: Uint8Array, entry: string): boolean {
  const match = /^\[?([0-9a-f:.]+)\]?\/([0-9]{1,3})$/i.exec(entry)
  // Short forms such as 10/8 mean one network to BSD and another to inet_aton: they do not count.
  if (match === null || (!isIPv4(match[1] as string) && !isIPv6(match[1] as string))) return false
  const base = parseAddress(match[1] as string) as Uint8Array
  const isMapped = base.length === 4 && (match[1] as string).includes(':')
  const bits = Number(match[2]) - (isMapped ? 96 : 0)
  if (bits < 1 || bits > base.length * 8 || base.length !== address.length) return false
  const whole = Math.floor(bits / 8)
  if (!areEqual(base.subarray(0, whole), address.subarray(0, whole))) return false
  const mask = 0xff00 >> (bits % 8)
  return bits % 8 === 0 || ((base[whole] as number) & mask & 0xff) === ((address[whole] as number) & mask & 0xff)
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

function schemeOf(name: string): string {
  return name.slice(0, -'_proxy'.length).toLowerCase()
}
