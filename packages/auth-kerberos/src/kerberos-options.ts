import { readOptions, UsageError } from '@entreat/core'
import type { GssProvider, KerberosCredentials } from './provider/gss-provider.ts'

/** What {@link KerberosAuth} takes. Everything is optional: by default it signs in with the user's own ticket. */
export interface KerberosOptions {
  /** First part of the server's principal. Default `HTTP`. */
  readonly service?: string | undefined
  /** Second part of the server's principal, where the host of the URL is another name of it. Default: the host of the URL, or of the proxy. */
  readonly hostname?: string | undefined
  /** The client's principal: `alice`, `alice@EXAMPLE.COM`. Default: that of the credentials. Needed with a password. */
  readonly principal?: string | undefined
  /** Default: the process's own, as `kinit` and `KRB5CCNAME` make them. */
  readonly credentials?: KerberosCredentials | undefined
  /**
   * Whether the server must prove who it is. `required` (default): a 2xx or 3xx without valid proof is a MutualAuthenticationError, and other answers lose their
   * body. `optional`: proof is checked where there is one. `off`: none is asked for. Without this option a proxy need not prove itself, since few do.
   */
  readonly mutual?: 'required' | 'optional' | 'off' | undefined
  /** Hands the user's own ticket on, so that the server can act as the user. Default `false`. Never to proxies; only by https or to this machine. */
  readonly delegate?: boolean | undefined
  /** Ties tokens to the server's certificate (RFC 5929). `auto` (default): by https, where provider and certificate allow it. `require`: or else fails. */
  readonly channelBindings?: 'auto' | 'require' | 'off' | undefined
  /**
   * Whether tokens go without being asked for. `learned` (default): once the origin has asked, and with a body. `true`: always. `false`: never; then the leg before
   * goes without its body.
   */
  readonly preemptive?: boolean | 'learned' | undefined
  /** Origins that may be answered, as OriginScope takes them. Default: that of the first request, if it is https or this machine. */
  readonly origins?: readonly string[] | undefined
  /** Longest time to wait for the Kerberos library at each step, in milliseconds; `null` for no limit. Default 15,000. */
  readonly timeout?: number | null | undefined
  /** How GSSAPI is reached. Default: `koffi`, then `kerberos`, whichever is installed and can do what the options ask for. */
  readonly provider?: GssProvider | undefined
}

/** The options with their defaults. */
export interface ResolvedKerberosOptions {
  readonly service: string
  readonly hostname: string | null
  readonly principal: string | null
  readonly credentials: KerberosCredentials | null
  /** `null`: required of origins, optional for proxies. */
  readonly mutual: 'required' | 'optional' | 'off' | null
  readonly delegate: boolean
  readonly channelBindings: 'auto' | 'require' | 'off'
  readonly preemptive: boolean | 'learned'
  readonly timeoutMs: number | null
  readonly provider: GssProvider | null
}

/** The names that `new KerberosAuth()` knows. */
export const KERBEROS_OPTIONS: ReadonlySet<string> = new Set<keyof KerberosOptions>([
  'service',
  'hostname',
  'principal',
  'credentials',
  'mutual',
  'delegate',
  'channelBindings',
  'preemptive',
  'origins',
  'timeout',
  'provider',
])

const CREDENTIALS: ReadonlySet<string> = new Set(['ccache', 'keytab', 'password'])
const DEFAULT_TIMEOUT_MS = 15_000

/**
 * Checks options that were read, and fills in the defaults.
 *
 * @param where - the scheme, for errors.
 * @throws UsageError for a value that cannot be meant. It shows no credentials.
 */
export function resolveOptions(options: KerberosOptions, where: string): ResolvedKerberosOptions {
  const { service = 'HTTP', hostname, principal, timeout = DEFAULT_TIMEOUT_MS, provider } = options
  const principalName = principal === undefined ? null : name('principal', principal, /^[^\0]+$/, where)
  return {
    service: name('service', service, /^[^\0@/\s]+$/, where),
    hostname: hostname === undefined ? null : name('hostname', hostname, /^[^\0@/\s]+$/, where),
    principal: principalName,
    credentials: options.credentials === undefined ? null : credentials(options.credentials, principalName, where),
    mutual:
      options.mutual === undefined ? null : oneOf('mutual', options.mutual, ['required', 'optional', 'off'], where),
    delegate: oneOf('delegate', options.delegate ?? false, [true, false], where),
    channelBindings: oneOf('channelBindings', options.channelBindings ?? 'auto', ['auto', 'require', 'off'], where),
    preemptive: oneOf('preemptive', options.preemptive ?? 'learned', [true, false, 'learned'], where),
    timeoutMs: timeout === null ? null : milliseconds(timeout, where),
    provider: provider === undefined ? null : checkProvider(provider, where),
  }
}

function name(option: string, value: unknown, pattern: RegExp, where: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  const shown = typeof value === 'string' ? JSON.stringify(value) : typeof value
  throw new UsageError(`${where}: ${option} must be a name, not ${shown}`)
}

function oneOf<const T extends string | boolean>(
  option: string,
  value: unknown,
  allowed: readonly T[],
  where: string,
): T {
  if (allowed.includes(value as T)) return value as T
  const shown = typeof value === 'string' ? JSON.stringify(value) : typeof value
  throw new UsageError(
    `${where}: ${option} must be ${allowed.map((one) => JSON.stringify(one)).join(' or ')}, not ${shown}`,
  )
}

function milliseconds(value: unknown, where: string): number {
  if (typeof value === 'number' && value > 0) return value
  throw new UsageError(`${where}: timeout must be a number of milliseconds above 0, or null, not ${String(value)}`)
}

/** A copy of its own, so that a provider may key what it keeps by it. */
function credentials(value: unknown, principal: string | null, where: string): KerberosCredentials {
  const { ccache, keytab, password } = readOptions(
    value as { ccache?: unknown; keytab?: unknown; password?: unknown },
    CREDENTIALS,
    `${where}: credentials`,
  )
  const given = Object.entries({ ccache, keytab, password }).filter(([, one]) => one !== undefined)
  const [kind, text] = given[0] ?? []
  if (given.length !== 1 || typeof text !== 'string' || text === '' || text.includes('\0')) {
    throw new UsageError(`${where}: credentials must be { ccache }, { keytab } or { password }, one of them, as text`)
  }
  if (kind === 'password' && principal === null) {
    throw new UsageError(`${where}: a password needs to know whose it is: give principal`)
  }
  return Object.freeze({ [kind as string]: text }) as unknown as KerberosCredentials
}

function checkProvider(value: unknown, where: string): GssProvider {
  const { createContext, capabilities } = (value ?? {}) as Partial<GssProvider>
  if (typeof createContext === 'function' && typeof capabilities === 'object') return value as GssProvider
  throw new UsageError(`${where}: provider must be a GssProvider, such as await koffiProvider()`)
}
