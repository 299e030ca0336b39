import { type Limits, readOptions, resolveLimits, type SocketOptions, UsageError } from '@entreat/core'

/** What `new FTPAdapter()` takes. */
export interface FTPAdapterOptions extends Omit<SocketOptions, 'socketPath'> {
  /**
   * Whether `ftp:` URLs are secured by AUTH TLS (RFC 4217), for commands and data; a server that refuses is an SSLError, never plain text.
   * Default `false`. `ftps:` URLs are always secured, from the first byte.
   */
  readonly explicitTls?: boolean | undefined
  /** Who opens the data connection: we (`passive`, default), or the server (`active`), which needs a way back to us. */
  readonly mode?: 'passive' | 'active' | undefined
  /** The address that active mode tells the server, where it is not the one that the control connection comes from. */
  readonly activeAddress?: string | undefined
  /** The ports that active mode listens on, the first and the last. Default: any free port. */
  readonly activePorts?: readonly [first: number, last: number] | undefined
  /**
   * Whether PUT writes under another name and renames once the server has confirmed the whole upload. Default `false`.
   * A request's own `Upload-Mode: atomic` or `Upload-Mode: direct` header is stronger.
   */
  readonly atomicUploads?: boolean | undefined
  /**
   * What an http or https proxy is asked for: a tunnel for each connection (`tunnel`, default), or the resource itself (`gateway`), which shows URL and
   * credentials to the proxy and knows little more than GET. SOCKS proxies always carry connections.
   */
  readonly proxyMode?: 'tunnel' | 'gateway' | undefined
  /** Milliseconds after which an idle connection is kept alive by NOOP; `null` for never. Default 15,000. */
  readonly noopIntervalMs?: number | null | undefined
  /** Limits that hold for this adapter whatever the Session says. */
  readonly limits?: Limits | undefined
}

/** The same, complete. */
export interface FTPSettings {
  readonly explicitTls: boolean
  readonly mode: 'passive' | 'active'
  readonly activeAddress: string | null
  readonly activePorts: readonly [first: number, last: number]
  readonly atomicUploads: boolean
  readonly proxyMode: 'tunnel' | 'gateway'
  readonly noopIntervalMs: number | null
  readonly limits: Limits
  readonly socket: SocketOptions
}

const SOCKET_OPTIONS = ['tls', 'servername', 'localAddress', 'lookup', 'onSocket', 'verifyPeer'] as const
/** The names that `new FTPAdapter()` knows. */
const KNOWN: ReadonlySet<string> = new Set<keyof FTPAdapterOptions>([
  ...SOCKET_OPTIONS,
  'explicitTls',
  'mode',
  'activeAddress',
  'activePorts',
  'atomicUploads',
  'proxyMode',
  'noopIntervalMs',
  'limits',
])

/**
 * Reads the options of an adapter.
 *
 * @throws UsageError for an unknown name or a value that cannot be meant.
 */
export function readFTPOptions(options: FTPAdapterOptions | undefined): FTPSettings {
  const own = readOptions(options, KNOWN, 'FTPAdapter')
  const { noopIntervalMs = 15_000, mode = 'passive', proxyMode = 'tunnel', activePorts = [0, 0] } = own
  if (mode !== 'passive' && mode !== 'active') throw new UsageError('FTPAdapter: mode must be "passive" or "active"')
  if (proxyMode !== 'tunnel' && proxyMode !== 'gateway')
    throw new UsageError('FTPAdapter: proxyMode must be "tunnel" or "gateway"')
  if (noopIntervalMs !== null && !(typeof noopIntervalMs === 'number' && noopIntervalMs > 0))
    throw new UsageError('FTPAdapter: noopIntervalMs must be a positive number of milliseconds, or null')
  const arePorts = Array.isArray(activePorts) && activePorts.length === 2 && activePorts.every(isPort)
  if (!arePorts || activePorts[0] > activePorts[1])
    throw new UsageError('FTPAdapter: activePorts must be [first, last], from 1 to 65535')
  resolveLimits(own.limits ?? {})
  const socket = Object.create(null) as Record<string, unknown>
  for (const name of SOCKET_OPTIONS) if (own[name] !== undefined) socket[name] = own[name]
  return {
    explicitTls: own.explicitTls === true,
    mode,
    activeAddress: own.activeAddress ?? null,
    activePorts,
    atomicUploads: own.atomicUploads === true,
    proxyMode,
    noopIntervalMs,
    limits: own.limits ?? {},
    socket,
  }
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535
}
