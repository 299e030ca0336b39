import { isIP, isIPv4, type Socket } from 'node:net'
import { ProxyError } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import { PreparedRequest } from '../message/prepared-request.ts'
import { Response } from '../message/response.ts'
import type { Address } from './connector.ts'
import { SocketReader } from './socket-reader.ts'
import type { Proxy, ProxyFlow, ProxyLeg } from './transport-adapter.ts'

/** User and password for a SOCKS proxy. */
export interface SocksCredentials {
  readonly username: Buffer
  readonly password: Buffer
}

/** The SOCKS schemes: who resolves names, and which version of the protocol is spoken. */
const SCHEMES: ReadonlyMap<string, { readonly version: 4 | 5; readonly resolvesThere: boolean }> = new Map([
  ['socks4', { version: 4, resolvesThere: false }],
  ['socks4a', { version: 4, resolvesThere: true }],
  ['socks5', { version: 5, resolvesThere: false }],
  ['socks5h', { version: 5, resolvesThere: true }],
])

/** RFC 1928 section 6. */
const SOCKS5_FAILURES = [
  'no failure',
  'general failure',
  'not allowed by its rules',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
]
const SOCKS4_FAILURES: ReadonlyMap<number, string> = new Map([
  [0x5b, 'request rejected or failed'],
  [0x5c, 'no identd on this machine'],
  [0x5d, 'identd knows another user'],
])
const SILENT = 'it closed the connection'
const MOST_CREDENTIAL_BYTES = 255

/** Whether a proxy's scheme is one of SOCKS: then it carries any TCP connection, and nothing is forwarded. */
export function isSocks(scheme: string): boolean {
  return SCHEMES.has(scheme)
}

/**
 * Asks a SOCKS proxy for a connection. Afterwards the socket is at the first byte of the target's stream.
 *
 * @param socket - connected to the proxy.
 * @param resolve - gives an address for a name, for the schemes that resolve on our side.
 * @throws an Error that says why, if the proxy refuses or breaks the protocol.
 * @see RFC 1928, RFC 1929, the SOCKS 4A note of Ying-Da Lee
 */
export async function connectThroughSocks(
  socket: Socket,
  proxy: Proxy,
  target: Address,
  credentials: SocksCredentials | null,
  resolve: (host: string) => Promise<string>,
): Promise<void> {
  const { version, resolvesThere } = SCHEMES.get(proxy.scheme) as { version: 4 | 5; resolvesThere: boolean }
  const host = resolvesThere || isIP(target.host) !== 0 ? target.host : await resolve(target.host)
  const reader = new SocketReader(socket)
  try {
    const dialogue = { socket, reader, host, port: target.port, credentials }
    await (version === 5 ? speakSocks5(dialogue) : speakSocks4(dialogue))
  } finally {
    reader.detach()
  }
}

interface Dialogue {
  readonly socket: Socket
  readonly reader: SocketReader
  readonly host: string
  readonly port: number
  readonly credentials: SocksCredentials | null
}

async function speakSocks5({ socket, reader, host, port, credentials }: Dialogue): Promise<void> {
  socket.write(Buffer.from(credentials === null ? [5, 1, 0] : [5, 2, 0, 2]))
  const [version, method] = await take(reader, 2)
  if (version !== 5) throw refused('it does not speak SOCKS 5')
  if (method === 2 && credentials !== null) await authenticate(socket, reader, credentials)
  else if (method !== 0)
    throw refused(credentials === null ? 'it asks for credentials' : 'it accepts no offered way to sign in')
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), address5(host), portBytes(port)]))
  const [, reply = 1, , type] = await take(reader, 4)
  if (reply !== 0) throw refused(SOCKS5_FAILURES[reply] ?? `failure ${reply}`)
  const [nameLength = 0] = type === 3 ? await take(reader, 1) : []
  await take(reader, (type === 1 ? 4 : type === 4 ? 16 : nameLength) + 2)
}

/** RFC 1929. */
async function authenticate(socket: Socket, reader: SocketReader, credentials: SocksCredentials): Promise<void> {
  const { username, password } = credentials
  if (username.length > MOST_CREDENTIAL_BYTES || password.length > MOST_CREDENTIAL_BYTES)
    throw refused('user and password may have at most 255 bytes each')
  socket.write(Buffer.concat([Buffer.from([1, username.length]), username, Buffer.from([password.length]), password]))
  const [, status] = await take(reader, 2)
  if (status !== 0) throw refused('user and password were refused')
}

async function speakSocks4({ socket, reader, host, port, credentials }: Dialogue): Promise<void> {
  if (isIP(host) === 6) throw refused('SOCKS 4 has no IPv6 addresses: use socks5h')
  const isAddress = isIPv4(host)
  const address = isAddress ? ipv4Bytes(host) : Buffer.from([0, 0, 0, 1])
  const user = credentials?.username ?? Buffer.alloc(0)
  if (user.includes(0)) throw refused('a user cannot contain NUL')
  const name = isAddress ? Buffer.alloc(0) : Buffer.from(`${host}\0`)
  socket.write(Buffer.concat([Buffer.from([4, 1]), portBytes(port), address, user, Buffer.from([0]), name]))
  const [version, reply = 0] = await take(reader, 8)
  if (version !== 0 || reply !== 0x5a) throw refused(SOCKS4_FAILURES.get(reply) ?? 'it does not speak SOCKS 4')
}

async function take(reader: SocketReader, length: number): Promise<Buffer> {
  while (reader.length < length) if (!(await reader.more())) throw refused(SILENT)
  return reader.take(length)
}

function address5(host: string): Buffer {
  const family = isIP(host)
  if (family === 4) return Buffer.concat([Buffer.from([1]), ipv4Bytes(host)])
  if (family === 6) return Buffer.concat([Buffer.from([4]), ipv6Bytes(host)])
  const name = Buffer.from(host)
  if (name.length > 255) throw refused('the host name is longer than 255 bytes')
  return Buffer.concat([Buffer.from([3, name.length]), name])
}

function ipv4Bytes(host: string): Buffer {
  return Buffer.from(host.split('.').map(Number))
}

function ipv6Bytes(host: string): Buffer {
  // The URL parser spells every address as groups, without dotted quads.
  const plain = new URL(`http://[${host.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]))
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 255])
}

/** The caller makes it a ProxyError that names the proxy. */
function refused(why: string): Error {
  return new Error(`SOCKS: ${why}`)
}

/**
 * User and password of a proxy's flow. SOCKS has no headers: the flow signs a CONNECT that is never sent, and what it put there is read back.
 */
export async function socksCredentials(
  flow: ProxyFlow | undefined,
  request: PreparedRequest,
): Promise<SocksCredentials | null> {
  if (flow === undefined) return null
  let header: string | null = null
  const leg: ProxyLeg = Object.assign(
    (signed: PreparedRequest): Promise<Response> => {
      header = signed.headers.get('proxy-authorization')
      return Promise.resolve(new Response({ request: signed, statusCode: 200 }))
    },
    { bind: () => Promise.reject(new ProxyError('A SOCKS proxy takes user and password, no scheme of HTTP')) },
  )
  await flow(new PreparedRequest({ method: 'CONNECT', url: request.parsedUrl, headers: new Headers() }), leg)
  const [, encoded] = /^basic +(.+)$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return null
  const bytes = Buffer.from(encoded, 'base64')
  const colon = bytes.indexOf(':')
  return { username: bytes.subarray(0, colon), password: bytes.subarray(colon + 1) }
}
