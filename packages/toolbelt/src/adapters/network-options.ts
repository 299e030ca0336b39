import type { Socket } from 'node:net'
import type { SecureVersion, TLSSocket } from 'node:tls'
import { type HTTPAdapterOptions, type Limits, readOptions, UsageError } from '@entreat/core'
import { checkPins, readPins } from './fingerprints.ts'
import { type KeepAlive, keepAliveSetter } from './keep-alive.ts'
import { type SocketOption, socketOptionSetter } from './socket-options.ts'

/** How TLS is spoken with origins, tunnelled ones included. */
export interface TlsOptions {
  /** `TLSv1.2` or `TLSv1.3`; older ones where OpenSSL still has them. */
  readonly minVersion?: SecureVersion
  readonly maxVersion?: SecureVersion
  /** OpenSSL's list. */
  readonly ciphers?: string
  /** Authorities to trust instead of the system's, where the request's `verify` is `true`. PEM. */
  readonly ca?: string | Uint8Array
  /** A client certificate with its chain, and its key, from memory, where the request has no `cert`. PEM. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  /** The name for SNI and for the certificate check; default: the URL's host. */
  readonly servername?: string
  /**
   * The origin's own certificate must be one of these: SHA-256 of it in hexadecimal, colons or not, or `sha256/` and the base64 of the SHA-256 of its public key
   * (SPKI, as in RFC 7469). Beside the usual checks; with `verify: false` instead of them.
   */
  readonly fingerprints?: readonly string[]
}

/** How sockets are opened, those to proxies included. */
export interface SocketSettings {
  /** The address to connect from. */
  readonly localAddress?: string
  /** The port to connect from: then there can be one connection at a time. */
  readonly localPort?: number
  /** Send small pieces at once (TCP_NODELAY). Default `true`. */
  readonly noDelay?: boolean
  /** Ask the other side now and then whether it is still there. Default: no. */
  readonly keepAlive?: boolean | KeepAlive
  /** `[level, option, value]` for setsockopt(2). Needs the package `koffi`, and a system with file descriptors. */
  readonly options?: readonly SocketOption[]
  /** Called with each TCP socket as soon as it is connected, before a byte is written. An error it throws fails the connection. */
  readonly onSocket?: (socket: Socket) => void
}

/** Options of {@link NetworkAdapter}. */
export interface NetworkAdapterOptions {
  readonly tls?: TlsOptions
  readonly socket?: SocketSettings
  /** Limits that hold for this adapter whatever the Session says. */
  readonly limits?: Limits
}

const OPTIONS: ReadonlySet<string> = new Set<keyof NetworkAdapterOptions>(['tls', 'socket', 'limits'])
const TLS_OPTIONS: ReadonlySet<string> = new Set<keyof TlsOptions>([
  'minVersion',
  'maxVersion',
  'ciphers',
  'ca',
  'cert',
  'key',
  'passphrase',
  'servername',
  'fingerprints',
])
const SOCKET_OPTIONS: ReadonlySet<string> = new Set<keyof SocketSettings>([
  'localAddress',
  'localPort',
  'noDelay',
  'keepAlive',
  'options',
  'onSocket',
])
const VERSIONS: ReadonlySet<string> = new Set<SecureVersion>(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])

/**
 * What an HTTPAdapter needs to be told.
 *
 * @param where - who is asked, for errors.
 * @throws UsageError for what cannot be meant, or cannot be had on this machine.
 */
export function httpAdapterOptions(options: NetworkAdapterOptions, where: string): HTTPAdapterOptions {
  const { tls, socket, limits } = readOptions(options, OPTIONS, where)
  return {
    ...tlsOptions(readOptions(tls, TLS_OPTIONS, `${where}: tls`), where),
    ...socketOptions(readOptions(socket, SOCKET_OPTIONS, `${where}: socket`), where),
    ...(limits === undefined ? {} : { limits }),
  }
}

function tlsOptions(tls: TlsOptions, where: string): HTTPAdapterOptions {
  const { servername, fingerprints, ...rest } = tls
  for (const version of [rest.minVersion, rest.maxVersion]) {
    if (version !== undefined && !VERSIONS.has(version)) {
      throw new UsageError(`${where}: ${JSON.stringify(version)} is no TLS version, such as TLSv1.2`)
    }
  }
  const given = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, asBuffer(value)]))
  const pins = fingerprints === undefined ? null : readPins(fingerprints, where)
  return {
    ...(Object.keys(given).length === 0 ? {} : { tls: given }),
    ...(servername === undefined ? {} : { servername }),
    ...(pins === null
      ? {}
      : {
          verifyPeer: ({ raw }, _socket: TLSSocket, peer: 'origin' | 'proxy') => {
            if (peer === 'origin') checkPins(pins, raw)
          },
        }),
  }
}

function asBuffer(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : value
}

function socketOptions(socket: SocketSettings, where: string): HTTPAdapterOptions {
  const { localAddress, localPort, noDelay, keepAlive, options, onSocket } = socket
  if (localPort !== undefined && (!Number.isInteger(localPort) || localPort < 0 || localPort > 65_535)) {
    throw new UsageError(`${where}: localPort must be a port, not ${String(localPort)}`)
  }
  const setters: ((socket: Socket) => void)[] = []
  if (noDelay !== undefined) setters.push((opened) => void opened.setNoDelay(noDelay))
  if (keepAlive !== undefined && keepAlive !== false)
    setters.push(keepAliveSetter(keepAlive === true ? {} : keepAlive, where))
  if (options !== undefined && options.length > 0) setters.push(socketOptionSetter(options, where))
  if (onSocket !== undefined) setters.push(onSocket)
  return {
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(localPort === undefined || localPort === 0 ? {} : { localPort }),
    ...(setters.length === 0
      ? {}
      : {
          onSocket: (opened: Socket) => {
            for (const set of setters) set(opened)
          },
        }),
  }
}
