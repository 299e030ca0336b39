import { InvalidSchema, redactInvalidUrl, UsageError } from './errors.ts'
import { effectivePort } from './message/authority.ts'
import { type ParsedUrl, parseUrl } from './message/url.ts'
import { isAdapter, type TransportAdapter } from './transport/transport-adapter.ts'

interface Mount {
  readonly prefix: string
  readonly scheme: string
  /** `null` for every host; a `null` port for each port of the host; the path in lower case. */
  readonly place: { readonly host: string; readonly port: number | null; readonly path: string } | null
  readonly adapter: TransportAdapter
  readonly isOwned: boolean
}

/** Adapters by URL prefix; the most telling prefix wins, whatever the order of mounting. */
export class Mounts {
  #mounts: readonly Mount[] = []

  /**
   * Adds or replaces an adapter.
   *
   * @param prefix - a scheme (`https://`), or one with host, port and path. A path matches whole segments, in upper and lower case alike; a host
   * alone, without port and slash, matches on each of its ports.
   * @throws UsageError without a scheme, or for something that is no adapter.
   */
  add(prefix: string, adapter: TransportAdapter, isOwned: boolean): void {
    if (!isAdapter(adapter))
      throw new UsageError(`Cannot mount ${JSON.stringify(prefix)}: the adapter must extend TransportAdapter`)
    const mount: Mount = { ...parsePrefix(prefix), adapter, isOwned }
    const others = this.#mounts.filter((other) => other.prefix !== mount.prefix)
    this.#mounts = [...others, mount].sort((a, b) => b.prefix.length - a.prefix.length)
  }

  /** @throws InvalidSchema if no prefix matches. */
  find(text: string): TransportAdapter {
    const url = parseUrl(text)
    for (const mount of this.#mounts) if (matches(mount, url)) return mount.adapter
    throw new InvalidSchema(`No connection adapters were found for '${redactInvalidUrl(text)}'`)
  }

  /** The adapters that close with the Session, each once. */
  get owned(): readonly TransportAdapter[] {
    return [...new Set(this.#mounts.filter(({ isOwned }) => isOwned).map(({ adapter }) => adapter))]
  }
}

function parsePrefix(prefix: string): Pick<Mount, 'prefix' | 'scheme' | 'place'> {
  const match = /^([a-z][a-z0-9+.-]*):(?:\/\/)?(.*)$/is.exec(typeof prefix === 'string' ? prefix.trim() : '')
  const [, scheme, rest] = match ?? []
  if (scheme === undefined || !prefix.includes(':') || /^\d+(?:\/|$)/.test(rest ?? '')) {
    throw new UsageError(
      `Cannot mount ${JSON.stringify(prefix)}: the prefix needs a scheme, such as https://example.com/`,
    )
  }
  const lower = scheme.toLowerCase()
  if (!rest) return { prefix: `${lower}:`, scheme: lower, place: null }
  const url = parseUrl(prefix)
  const path = url.path.replace(/\/$/, '').toLowerCase()
  const isHostAlone = url.port === '' && !/[/?#]/.test(rest)
  const place = { host: url.host, port: isHostAlone ? null : effectivePort(url), path }
  return { prefix: isHostAlone ? url.origin : `${url.origin}${path}/`, scheme: lower, place }
}

function matches({ scheme, place }: Mount, url: ParsedUrl): boolean {
  if (scheme !== url.scheme) return false
  if (place === null) return true
  if (place.host !== url.host || (place.port !== null && place.port !== effectivePort(url))) return false
  if (place.path === '') return true
  const path = url.path.toLowerCase()
  return path === place.path || path.startsWith(`${place.path}/`)
}
