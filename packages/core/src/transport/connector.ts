import { connect as connectTcp, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import type { Opening } from '../message/timings.ts'
import { ownOptions } from '../options.ts'
import type { TlsSettings } from './tls.ts'
import { tlsOptions } from './tls-options.ts'

/** How an adapter opens sockets, whatever the request: these hold for direct and tunnelled connections alike. */
export interface SocketOptions {
  /** Extra options of `tls.connect`, such as `minVersion` or `ciphers`. `session` and `ALPNProtocols` are ours. */
  readonly tls?: ConnectionOptions
  /** The name for SNI and for the certificate check; default: the URL's host. */
  readonly servername?: string
  /** The address to connect from. */
  readonly localAddress?: string
  /** The port to connect from. Only one connection at a time can have it. */
  readonly localPort?: number
  /** A Unix socket or named pipe to connect to instead of the URL's host. */
  readonly socketPath?: string
  /** Resolves host names; default `dns.lookup`. */
  readonly lookup?: LookupFunction
  /** Called with each TCP socket as soon as it is connected, before a byte is written. An error it throws fails the connection. */
  readonly onSocket?: (socket: Socket) => void
  /**
   * Called with the server's certificate after the usual checks (also when `verify` is false), and with that of an https proxy; `peer` says which.
   * An error it throws fails the connection.
   */
  readonly verifyPeer?: (certificate: DetailedPeerCertificate, socket: TLSSocket, peer: 'origin' | 'proxy') => void
}

/** Where a socket goes. */
export interface Address {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/** One attempt to open a connection. */
export interface Attempt {
  /** Cancels it. */
  readonly signal: AbortSignal
  /** What is noted of it. */
  readonly opening?: Opening
}

/**
 * Opens a TCP connection.
 *
 * Half-open connections are allowed, so that what a server sent before it ended is not lost to a slow reader.
 */
export function openTcp(address: Address, options: SocketOptions, { signal, opening }: Attempt): Promise<Socket> {
  const { localAddress, localPort, lookup, socketPath } = options
  const tcp: TcpNetConnectOpts = ownOptions({
    host: address.host,
    port: address.port,
    allowHalfOpen: true,
    noDelay: true,
  })
  if (localAddress !== undefined) tcp.localAddress = localAddress
  if (localPort !== undefined) tcp.localPort = localPort
  if (lookup !== undefined) tcp.lookup = lookup
  const socket =
    socketPath === undefined ? connectTcp(tcp) : connectTcp(ownOptions({ path: socketPath, allowHalfOpen: true }))
  if (opening !== undefined) {
    socket.once('lookup', () => {
      opening.dns = performance.now()
    })
  }
  return settled(socket, 'connect', signal, () => options.onSocket?.(socket))
}

/** How TLS is laid over a socket. */
export interface TlsOptions extends SocketOptions {
  /** Whose certificate it is. Default `'origin'`. */
  readonly peer?: 'origin' | 'proxy'
  /** What to offer by ALPN (RFC 7301), best first. Default HTTP/1.1 alone. */
  readonly protocols?: string[]
}

/**
 * Lays TLS over a connected socket. SNI and identity follow the URL's host (or `servername`), never the Host header.
 *
 * No TLS session is resumed: a resumed one does not show the server's certificate again, and schemes bind to it (RFC 5929).
 */
export function openTls(
  socket: Socket,
  host: string,
  settings: TlsSettings,
  options: TlsOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const tls = tlsOptions(host, settings, options)
  tls.ALPNProtocols = options.protocols ?? ['http/1.1']
  tls.socket = socket
  const secured = connectTls(tls)
  return settled(secured, 'secureConnect', signal, () =>
    options.verifyPeer?.(secured.getPeerCertificate(true), secured, options.peer ?? 'origin'),
  )
}

/** Waits until a socket is ready; destroys it if it fails, is cancelled, or `check` throws. */
function settled<S extends Socket>(
  socket: S,
  ready: 'connect' | 'secureConnect',
  signal: AbortSignal,
  check: () => void,
): Promise<S> {
  return new Promise<S>((resolve, reject) => {
    const done = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', done)
      socket.off('close', onClose)
      socket.on('error', ignore)
      if (error === undefined) return resolve(socket)
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => done(signal.reason)
    const onClose = (): void =>
      done(new Error(`the other side closed during the ${ready === 'connect' ? 'connection' : 'TLS handshake'}`))
    socket.once('error', done)
    socket.once('close', onClose)
    socket.once(ready, () => {
      try {
        check()
        done(undefined)
      } catch (error) {
        done(error)
      }
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Whoever uses the socket next has its own listener; an error in between must not end the process. */
function ignore(): void {}
