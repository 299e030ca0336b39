import { lookup as lookupHost, type LookupAddress, type LookupAllOptions } from 'node:dns'
import { type BlockList, isIP, type LookupFunction, type Socket } from 'node:net'
import {
  type Connection,
  HTTPAdapter,
  type HTTPAdapterOptions,
  type PreparedRequest,
  readOptions,
  redactUrl,
  type Response,
  type TransportOptions,
  UsageError,
} from '@entreat/core'
import { BlockedAddressError } from './blocked-address-error.ts'
import { blockList, isPublicAddress } from './is-public-address.ts'

/** Options of a {@link GuardedAdapter}. */
export interface GuardOptions {
  /** Addresses and networks that are allowed although they are not public: `10.1.0.0/16`, `::1`. */
  readonly allow?: readonly string[]
  /** Addresses and networks that are refused although they are public. Stronger than `allow`. */
  readonly deny?: readonly string[]
  /** Hosts that requests may go to, and no others: `api.example.com`, or `.example.com` for all below it. Default: any. */
  readonly hosts?: readonly string[]
  /** Ports that requests may go to. Default: any. */
  readonly ports?: readonly number[]
  /** What the HTTPAdapter underneath takes. `socketPath` and `dispatcher` would go around the guard, and are refused. */
  readonly adapter?: HTTPAdapterOptions
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof GuardOptions>(['allow', 'deny', 'hosts', 'ports', 'adapter'])

/** What a lookup gives back: one address and its family, or all of them. */
type LookupCallback = Parameters<LookupFunction>[2]

/**
 * An HTTPAdapter for URLs that strangers choose: connects to public addresses only. Against server-side request forgery.
 *
 * A name is resolved once, every address that it has is checked, and the connection goes to one of those: a name that resolves otherwise a moment later
 * gains nothing. Redirects are requests like any other to it. A request through a proxy is refused, for the proxy would resolve the name itself.
 *
 * Mount it on `https://` and `http://`. Refusals are {@link BlockedAddressError}s.
 */
export class GuardedAdapter extends HTTPAdapter {
  readonly #hosts: readonly string[] | null
  readonly #ports: ReadonlySet<number> | null
  readonly #rules: AddressRules

  /** @throws UsageError for an unknown option, or one that would go around the guard. */
  constructor(options?: GuardOptions) {
    const {
      allow = [],
      deny = [],
      hosts = null,
      ports = null,
      adapter = {},
    } = readOptions(options, OPTION_KEYS, 'GuardedAdapter')
    if (adapter.socketPath !== undefined || adapter.dispatcher !== undefined) {
      throw new UsageError('GuardedAdapter cannot see where a socketPath or a dispatcher leads')
    }
    const rules = new AddressRules(allow, deny)
    super({
      ...adapter,
      lookup: guardedLookup(rules, adapter.lookup),
      onSocket: (socket) => {
        rules.checkSocket(socket)
        adapter.onSocket?.(socket)
      },
    })
    this.#rules = rules
    this.#hosts = hosts === null ? null : hosts.map((host) => host.toLowerCase())
    this.#ports = ports === null ? null : new Set(ports)
  }

  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    this.#check(request, options)
    return super.send(request, options)
  }

  override async acquire(request: PreparedRequest, options: TransportOptions, poolKey: unknown): Promise<Connection> {
    this.#check(request, options)
    return super.acquire(request, options, poolKey)
  }

  /** What can be told before anything is resolved. An address in a URL is not looked up by anybody. */
  #check(request: PreparedRequest, { proxy }: TransportOptions): void {
    const where = `${request.method} ${redactUrl(request.url)}`
    if (proxy !== null) {
      throw new BlockedAddressError(
        `${where}: a guarded request may not take a proxy, which would resolve the name itself. Say proxies: { all: null }, or trustEnv: false`,
        { request },
      )
    }
    const { hostname, port, protocol } = new URL(request.url)
    const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
    if (this.#ports?.has(number) === false) {
      throw new BlockedAddressError(`${where}: port ${number} is not allowed`, { request })
    }
    const host = hostname.replace(/^\[|\]$|\.$/g, '')
    if (this.#hosts?.some((allowed) => isHost(host, allowed)) === false) {
      throw new BlockedAddressError(`${where}: host ${host} is not allowed`, { request })
    }
    if (isIP(host) !== 0 && !this.#rules.allows(host)) {
      throw new BlockedAddressError(`${where}: ${host} is not a public address`, { request })
    }
  }
}

/** Which addresses may be connected to. */
class AddressRules {
  readonly #allow: BlockList
  readonly #deny: BlockList

  constructor(allow: readonly string[], deny: readonly string[]) {
    try {
      this.#allow = blockList(allow)
      this.#deny = blockList(deny)
    } catch (error) {
      throw new UsageError(`GuardedAdapter: ${(error as Error).message}`)
    }
  }

  allows(address: string): boolean {
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (isIP(address) === 0 || this.#deny.check(address, family)) return false
    return this.#allow.check(address, family) || isPublicAddress(address)
  }

  /** The last word, whatever was resolved: nothing is written to a peer that is not allowed. */
  checkSocket(socket: Socket): void {
    const { remoteAddress = '' } = socket
    if (!this.allows(remoteAddress)) throw new BlockedAddressError(`${remoteAddress} is not a public address`)
  }
}

function isHost(host: string, allowed: string): boolean {
  return allowed.startsWith('.') ? host.endsWith(allowed) : host === allowed.replace(/\.$/, '')
}

/** Resolves to addresses that are allowed, or fails. One that is not allowed among several is reason enough: an honest name has none. */
function guardedLookup(rules: AddressRules, given: LookupFunction | undefined): LookupFunction {
  const resolve = given ?? lookupHost
  return (hostname, options, callback) => {
    const all: LookupAllOptions = { ...(options as LookupAllOptions), all: true }
    const answer: LookupCallback = (error, found, family) => {
      if (error !== null) return callback(error, found, family)
      const addresses: LookupAddress[] = Array.isArray(found)
        ? found
        : [{ address: found, family: family ?? isIP(found) }]
      const bad = addresses.find(({ address }) => !rules.allows(address))
      const first = addresses[0]
      if (bad !== undefined || first === undefined) {
        const what = bad === undefined ? 'has no address' : `resolves to ${bad.address}, which is not a public address`
        return callback(new BlockedAddressError(`${hostname} ${what}`), '', 0)
      }
      if ((options as LookupAllOptions).all) return callback(null, addresses)
      return callback(null, first.address, first.family)
    }
    resolve(hostname, all, answer)
  }
}
