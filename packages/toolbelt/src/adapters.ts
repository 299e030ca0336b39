export { HostHeaderSSLAdapter } from './adapters/host-header-ssl-adapter.ts'
export type { KeepAlive } from './adapters/keep-alive.ts'
export {
  FingerprintAdapter,
  SocketOptionsAdapter,
  SourceAddressAdapter,
  SSLAdapter,
  TCPKeepAliveAdapter,
  X509Adapter,
} from './adapters/named-adapters.ts'
export { NetworkAdapter } from './adapters/network-adapter.ts'
export type { NetworkAdapterOptions, SocketSettings, TlsOptions } from './adapters/network-options.ts'
export type { SocketOption } from './adapters/socket-options.ts'
export { type SendOn, WrappingAdapter } from './adapters/wrapping-adapter.ts'
export type { ClientCertificate } from './adapters/x509.ts'
