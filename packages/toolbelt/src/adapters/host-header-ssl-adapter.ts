import {
  type Connection,
  HTTPAdapter,
  type PreparedRequest,
  type Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { httpAdapterOptions, type NetworkAdapterOptions } from './network-options.ts'

/**
 * Does TLS for the name in the Host header, where a request has one, instead of the URL's host: to reach a server by its address, or one of several, and still
 * check its certificate. Connections for one name are never used for another.
 *
 * @example
 * session.mount('https://', new HostHeaderSSLAdapter())
 * session.get('https://192.0.2.7/', { headers: { Host: 'example.com' } })
 */
export class HostHeaderSSLAdapter extends TransportAdapter {
  readonly #options: NetworkAdapterOptions
  /** By name; the empty one is that of the URL. */
  readonly #adapters = new Map<string, HTTPAdapter>()

  /** @param options - as those of a `NetworkAdapter`, but for `tls.servername`. */
  constructor(options: NetworkAdapterOptions = {}) {
    super()
    this.#options = options
    // Now, so that a mistake is found where it was made.
    this.#adapters.set('', this.#open(undefined))
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return this.#adapterFor(request).send(request, options)
  }

  override acquire(request: PreparedRequest, options: TransportOptions, poolKey: unknown): Promise<Connection> {
    return this.#adapterFor(request).acquire(request, options, poolKey)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#adapters.values()].map((adapter) => adapter.close()))
  }

  #adapterFor(request: PreparedRequest): HTTPAdapter {
    const name = hostName(request.headers.get('host'))
    let adapter = this.#adapters.get(name)
    if (adapter === undefined) {
      adapter = this.#open(name)
      this.#adapters.set(name, adapter)
    }
    return adapter
  }

  #open(servername: string | undefined): HTTPAdapter {
    const { tls = {}, ...rest } = this.#options
    const named = servername === undefined ? tls : { ...tls, servername }
    return new HTTPAdapter(httpAdapterOptions({ ...rest, tls: named }, 'HostHeaderSSLAdapter'))
  }
}

/** A Host header without its port; empty if there is none (RFC 9110 section 7.2). */
function hostName(header: string | null): string {
  if (header === null) return ''
  const [, name = ''] = /^\s*(?:\[([^\]]+)\]|([^:]+))/.exec(header)?.filter((part) => part !== undefined) ?? []
  return name.trim().toLowerCase()
}
