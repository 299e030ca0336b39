import { HTTPAdapter } from '@entreat/core'
import { httpAdapterOptions, type NetworkAdapterOptions } from './network-options.ts'

/**
 * An HTTPAdapter whose sockets and TLS are set up as one bag of options says, for direct and proxied connections alike: what requests-toolbelt has an
 * adapter for each.
 *
 * @example session.mount('https://', new NetworkAdapter({ tls: { minVersion: 'TLSv1.3' }, socket: { localAddress: '192.0.2.7' } }))
 */
export class NetworkAdapter extends HTTPAdapter {
  /** @throws UsageError for what cannot be meant, or cannot be had on this machine. */
  constructor(options: NetworkAdapterOptions = {}) {
    super(httpAdapterOptions(options, 'NetworkAdapter'))
  }
}
