import type { SecureVersion } from 'node:tls'
import { HTTPAdapter, UsageError } from '@entreat/core'
import type { KeepAlive } from './keep-alive.ts'
import { httpAdapterOptions, type NetworkAdapterOptions } from './network-options.ts'
import type { SocketOption } from './socket-options.ts'
import { type ClientCertificate, inMemoryCertificate } from './x509.ts'

/** Connects from this address, and port if one is given. */
export class SourceAddressAdapter extends HTTPAdapter {
  /** @param source - an address, or `[address, port]`; with a port there can be one connection at a time. */
  constructor(
    source: string | readonly [address: string, port: number],
    rest: Omit<NetworkAdapterOptions, 'socket'> = {},
  ) {
    const [localAddress, localPort = 0] = typeof source === 'string' ? [source] : source
    if (typeof localAddress !== 'string')
      throw new UsageError('SourceAddressAdapter needs an address, or [address, port]')
    super(httpAdapterOptions({ ...rest, socket: { localAddress, localPort } }, 'SourceAddressAdapter'))
  }
}

/** Sets socket options, on connections to proxies too. Needs the package `koffi`. */
export class SocketOptionsAdapter extends HTTPAdapter {
  constructor(options: readonly SocketOption[], rest: Omit<NetworkAdapterOptions, 'socket'> = {}) {
    super(httpAdapterOptions({ ...rest, socket: { options } }, 'SocketOptionsAdapter'))
  }
}

/** Keeps idle connections alive, and notices dead ones. Default: asks after a minute of silence. */
export class TCPKeepAliveAdapter extends HTTPAdapter {
  constructor(keepAlive: KeepAlive = {}, rest: Omit<NetworkAdapterOptions, 'socket'> = {}) {
    super(httpAdapterOptions({ ...rest, socket: { keepAlive } }, 'TCPKeepAliveAdapter'))
  }
}

/** Speaks only these versions of TLS. */
export class SSLAdapter extends HTTPAdapter {
  /** @param versions - one version, or the least and the highest. */
  constructor(
    versions: SecureVersion | { readonly minVersion?: SecureVersion; readonly maxVersion?: SecureVersion },
    rest: Omit<NetworkAdapterOptions, 'tls'> = {},
  ) {
    const tls = typeof versions === 'string' ? { minVersion: versions, maxVersion: versions } : versions
    super(httpAdapterOptions({ ...rest, tls }, 'SSLAdapter'))
  }
}

/** Accepts only a server whose own certificate, or public key, has one of these fingerprints, through tunnels too. */
export class FingerprintAdapter extends HTTPAdapter {
  /** @param fingerprints - as `tls.fingerprints` of a `NetworkAdapter`. */
  constructor(fingerprints: string | readonly string[], rest: Omit<NetworkAdapterOptions, 'tls'> = {}) {
    const list = typeof fingerprints === 'string' ? [fingerprints] : fingerprints
    super(httpAdapterOptions({ ...rest, tls: { fingerprints: list } }, 'FingerprintAdapter'))
  }
}

/** Shows a client certificate that is in memory, and was valid when the adapter was made. */
export class X509Adapter extends HTTPAdapter {
  constructor(certificate: ClientCertificate, rest: Omit<NetworkAdapterOptions, 'tls'> = {}) {
    super(httpAdapterOptions({ ...rest, tls: inMemoryCertificate(certificate, new Date()) }, 'X509Adapter'))
  }
}
