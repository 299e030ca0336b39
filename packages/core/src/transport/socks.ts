import { lookup as lookupAddress } from 'node:dns'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { ConnectionError, InvalidProxyURL, ProxyError } from '../errors.ts'
import { parseAddress } from '../ip-address.ts'
import type { Address } from './connector.ts'
import { SocketReader } from './socket-reader.ts'
import type { Proxy } from './transport-adapter.ts'

/** Schemes of SOCKS proxies. With `a` and `h` the proxy resolves names, else this machine does. */
const SCHEMES: ReadonlySet<string> = new Set(['socks4', 'socks4a', 'socks5', 'socks5h'])

/** User name and password for a SOCKS proxy, decoded; the password is empty if the URL has none. */
export interface SocksCredentials {
  readonly username: string
  readonly password: string
}

/** Kept apart from the Proxy, which hooks and adapters see. */
const credentials = new WeakMap<Proxy, SocksCredentials>()

/** Whether URLs with this scheme are ones of SOCKS proxies. */
export function isSocksScheme(scheme: string): boolean {
  return SCHEMES.has(scheme)
}

/**
 * Gives a proxy the credentials of its URL.
 *
 * @throws InvalidProxyURL for what the protocol cannot carry: more than 255 bytes of either (RFC 1929 section 2), a password for SOCKS4.
 */
export function withSocksCredentials(proxy: Proxy, given: SocksCredentials): Proxy {
  const { username, password } = given
  if (proxy.scheme.startsWith('socks4')) {
    if (password !== '') throw new InvalidProxyURL(`SOCKS4 has no passwords: use socks5:// for ${proxy.url}`)
    if (username.includes('\0')) throw new InvalidProxyURL(`The user name for ${proxy.url} has a NUL byte`)
  } else if ([username, password].some((text) => Buffer.byteLength(text) > 255)) {
    throw new InvalidProxyURL(`User name and password for ${proxy.url} may have 255 bytes each`)
  }
  credentials.set(proxy, given)
  return proxy
}

/** The credentials that a connection through this proxy has, for those who keep connections apart. */
export function socksCredentials(proxy: Proxy): SocksCredentials | null {
  return credentials.get(proxy) ?? null
}

/**
 * Asks a SOCKS proxy for a connection. After it the socket is at the first byte of what the target says.
 *
 * @param socket - connected to the proxy. Whoever aborts destroys it.
 * @param lookup - resolves names for `socks4` and `socks5`.
 * @throws ProxyError for a refusal or a reply that is not SOCKS; InvalidProxyURL for a target that the version cannot name.
 * @see RFC 1928 (SOCKS5), RFC 1929 (user name and password)
 */
export async function negotiateSocks(
  socket: Socket,
  proxy: Proxy,
  target: Address,
  lookup: LookupFunction = lookupAddress,
): Promise<void> {
  const reader = new SocketReader(socket)
  const dialogue = { socket, reader, proxy, target: await named(proxy, target, lookup) }
  try {
    if (proxy.scheme.startsWith('socks4')) await askSocks4(dialogue)
    else await askSocks5(dialogue)
  } finally {
    reader.detach()
  }
}

/** One negotiation. */
interface Dialogue {
  readonly socket: Socket
  readonly reader: SocketReader
  readonly proxy: Proxy
  readonly target: Address
}

/** The target as this proxy is told of it: with the name, if the proxy is to resolve it, else by address. */
async function named(proxy: Proxy, target: Address, lookup: LookupFunction): Promise<Address> {
  if (isIP(target.host) !== 0 || proxy.scheme.endsWith('a') || proxy.scheme.endsWith('h')) return target
  const family = proxy.scheme === 'socks4' ? 4 : 0
  return new Promise((resolve, reject) => {
    lookup(target.host, { family, all: false }, (error, address) => {
      if (error !== null)
        reject(new ConnectionError(`${target.host} is unknown here: ${error.message}`, { cause: error }))
      else resolve({ host: typeof address === 'string' ? address : (address[0]?.address ?? ''), port: target.port })
    })
  })
}

// ── SOCKS4 and 4a ─────────────────────────────────────────────────────────

const SOCKS4_REFUSALS: ReadonlyMap<number, string> = new Map([
  [91, 'the request was rejected or failed'],
  [92, 'it cannot reach identd on this machine'],
  [93, 'identd on this machine names another user'],
])

async function askSocks4({ socket, reader, proxy, target }: Dialogue): Promise<void> {
  const address = parseAddress(target.host)
  if (address?.length === 16) throw new InvalidProxyURL(`SOCKS4 has no IPv6 addresses: ${proxy.url}, ${target.host}`)
  // 0.0.0.x with x > 0 says that a name follows.
  const bytes = isIP(target.host) === 0 ? Buffer.from([0, 0, 0, 1]) : (address as Uint8Array)
  const name = isIP(target.host) === 0 ? [Buffer.from(target.host), ZERO] : []
  const user = Buffer.from(socksCredentials(proxy)?.username ?? '')
  socket.write(Buffer.concat([Buffer.from([4, 1]), portBytes(target.port), bytes, user, ZERO, ...name]))
  const reply = await read(reader, 8, proxy)
  if (reply[0] !== 0) throw notSocks(proxy)
  const code = reply[1] as number
  if (code !== 90) throw refused(proxy, SOCKS4_REFUSALS.get(code) ?? `reply ${code}`)
}

// ── SOCKS5 ────────────────────────────────────────────────────────────────

const NO_AUTHENTICATION = 0
const USERNAME_PASSWORD = 2
const ATYP = { ipv4: 1, name: 3, ipv6: 4 } as const

const SOCKS5_REFUSALS: ReadonlyMap<number, string> = new Map([
  [1, 'general failure'],
  [2, 'its rules do not allow the connection'],
  [3, 'the network is unreachable'],
  [4, 'the host is unreachable'],
  [5, 'the connection was refused'],
  [6, 'the time to live expired'],
  [7, 'it cannot connect'],
  [8, 'it does not support this type of address'],
])

async function askSocks5(dialogue: Dialogue): Promise<void> {
  await authenticate(dialogue)
  const { socket, reader, proxy, target } = dialogue
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), addressBytes(target), portBytes(target.port)]))
  const [version, code, , type] = await read(reader, 4, proxy)
  if (version !== 5) throw notSocks(proxy)
  if (code !== 0) throw refused(proxy, SOCKS5_REFUSALS.get(code as number) ?? `reply ${code}`)
  if (type === ATYP.name) await read(reader, ((await read(reader, 1, proxy))[0] as number) + 2, proxy)
  else if (type === ATYP.ipv4 || type === ATYP.ipv6) await read(reader, (type === ATYP.ipv4 ? 4 : 16) + 2, proxy)
  else throw notSocks(proxy)
}

async function authenticate({ socket, reader, proxy }: Dialogue): Promise<void> {
  const own = socksCredentials(proxy)
  const methods = own === null ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USERNAME_PASSWORD]
  socket.write(Buffer.from([5, methods.length, ...methods]))
  const [version, method] = await read(reader, 2, proxy)
  if (version !== 5) throw notSocks(proxy)
  if (method === NO_AUTHENTICATION) return
  if (own === null || method !== USERNAME_PASSWORD) {
    const hint = own === null ? 'it wants credentials: put them into its URL' : 'it takes no user name and password'
    throw refused(proxy, hint)
  }
  const [username, password] = [Buffer.from(own.username), Buffer.from(own.password)]
  socket.write(Buffer.concat([Buffer.from([1, username.length]), username, Buffer.from([password.length]), password]))
  // Some servers answer with version 5 here; RFC 1929 section 2 says that only 0 means success.
  const [, status] = await read(reader, 2, proxy)
  if (status !== 0) throw refused(proxy, 'it does not know these credentials')
}

function addressBytes({ host }: Address): Buffer {
  const address = isIP(host) === 0 ? null : parseAddress(host)
  if (address !== null) return Buffer.from([address.length === 4 ? ATYP.ipv4 : ATYP.ipv6, ...address])
  const name = Buffer.from(host)
  if (name.length > 255) throw new InvalidProxyURL(`SOCKS5 has no host names of more than 255 bytes: ${host}`)
  return Buffer.concat([Buffer.from([ATYP.name, name.length]), name])
}

// ── both ──────────────────────────────────────────────────────────────────

const ZERO = Buffer.of(0)

/** Network byte order. */
function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff)
}

async function read(reader: SocketReader, length: number, proxy: Proxy): Promise<Buffer> {
  const bytes = await reader.bytes(length)
  if (bytes === null) throw new ProxyError(`The SOCKS proxy ${proxy.url} closed the connection`)
  return bytes
}

function refused(proxy: Proxy, why: string): ProxyError {
  return new ProxyError(`The SOCKS proxy ${proxy.url} refused: ${why}`)
}

function notSocks(proxy: Proxy): ProxyError {
  return new ProxyError(`${proxy.url} did not answer as a SOCKS proxy of this version does`)
}
