import { UsageError } from './errors.ts'
import type { HTTPAdapterOptions } from './transport/http-adapter.ts'
import type { RequestOptions, SendOptions, SessionOptions } from './settings.ts'

/** The names that `send()` knows. */
export const SEND_OPTIONS: ReadonlySet<string> = new Set<keyof SendOptions>([
  'allowRedirects',
  'stream',
  'timeout',
  'retry',
  'proxies',
  'proxyAuth',
  'verify',
  'cert',
  'limits',
  'signal',
])

/** The names that requests know. */
export const REQUEST_OPTIONS: ReadonlySet<string> = new Set<string>([
  ...SEND_OPTIONS,
  ...([
    'params',
    'headers',
    'cookies',
    'data',
    'json',
    'files',
    'auth',
    'maxRedirects',
    'hooks',
    'sensitiveHeaders',
  ] satisfies (keyof RequestOptions)[]),
])

/** The names that `new Session()` knows. */
export const SESSION_OPTIONS: ReadonlySet<string> = new Set<keyof SessionOptions>([
  'baseUrl',
  'headers',
  'params',
  'auth',
  'proxyAuth',
  'cookies',
  'proxies',
  'hooks',
  'timeout',
  'retry',
  'limits',
  'verify',
  'cert',
  'stream',
  'maxRedirects',
  'sensitiveHeaders',
  'trustEnv',
  'detectEncoding',
  'clock',
])

/** The names that `new HTTPAdapter()` knows. */
export const HTTP_ADAPTER_OPTIONS: ReadonlySet<string> = new Set<keyof HTTPAdapterOptions>([
  'limits',
  'dispatcher',
  'http2',
  'tls',
  'servername',
  'localAddress',
  'localPort',
  'socketPath',
  'lookup',
  'onSocket',
  'verifyPeer',
])

const NOTHING = Object.freeze(Object.create(null) as object)

/**
 * Reads options once: own keys only, so that a polluted `Object.prototype` says nothing.
 *
 * @param where - who is asked, for errors.
 * @throws UsageError for an unknown key, naming the nearest known one.
 */
export function readOptions<T extends object>(options: T | undefined, known: ReadonlySet<string>, where: string): T {
  if (options === undefined || options === null) return NOTHING as T
  if (typeof options !== 'object') throw new UsageError(`${where}: options must be an object, not ${typeof options}`)
  const own = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(options)) {
    if (!known.has(key)) throw unknownOption(key, known, where)
    own[key] = (options as Record<string, unknown>)[key]
  }
  return own as T
}

function unknownOption(key: string, known: ReadonlySet<string>, where: string): UsageError {
  const nearest = [...known].sort((a, b) => distance(a, key) - distance(b, key))[0] as string
  return new UsageError(`${where} has no option ${JSON.stringify(key)}. Did you mean ${JSON.stringify(nearest)}?`)
}

/** A copy of plain options that knows nothing but its own keys. */
export function ownOptions<T extends object>(options: T): T {
  return Object.assign(Object.create(null), options) as T
}

/** The options of a HEAD request: it follows no redirects unless told to. */
export function headOptions(options: RequestOptions | undefined): RequestOptions {
  const own = ownOptions(options ?? {})
  return { ...own, allowRedirects: own.allowRedirects ?? false }
}

/** Levenshtein distance without regard to case, of short names. */
function distance(a: string, b: string): number {
  const from = a.toLowerCase()
  const to = b.toLowerCase().slice(0, 40)
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
