import type { Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type SocketOptions, tlsOptions, type TlsSettings } from '@entreat/core'
import { TlsFailure } from '../failures.ts'
import { EndlessStream } from './endless-stream.ts'

/**
 * TLS for one control connection and the data connections that belong to it: one name, one trust, one session.
 *
 * Servers tell by the session that data and control connection have one owner, and many insist on it (`require_ssl_reuse` of vsftpd, ProFTPD by default).
 */
export class Security {
  readonly #options: ConnectionOptions
  readonly #verifyPeer: SocketOptions['verifyPeer']
  #session: Buffer | undefined

  /**
   * @param host - of the URL: the certificate must be for it, unless `servername` says otherwise.
   * @throws SSLError for a client certificate that cannot be used.
   */
  constructor(host: string, settings: TlsSettings, options: SocketOptions) {
    this.#options = tlsOptions(host, settings, options)
    this.#verifyPeer = options.verifyPeer
  }

  /**
   * Lays TLS over a connected socket, as its client.
   *
   * @param withholdsEnd - whether the end of what is written is told by TLS alone, and the socket stays open ({@link EndlessStream}).
   * @throws TlsFailure for a certificate that is not trusted, and for whatever else keeps TLS from coming about.
   */
  secure(socket: Socket, withholdsEnd = false): Promise<TLSSocket> {
    const options: ConnectionOptions = Object.assign(Object.create(null), this.#options)
    // Of a TLSSocket it needs no more than a Duplex has, whatever its type says.
    options.socket = withholdsEnd ? (new EndlessStream(socket) as unknown as Socket) : socket
    if (this.#session !== undefined) options.session = this.#session
    const secured = connectTls(options)
    // TLS 1.3 hands out sessions after the handshake, and may want each to be used once.
    secured.on('session', (session) => (this.#session = session))
    return this.#settled(secured, socket)
  }

  #settled(secured: TLSSocket, socket: Socket): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown): void => {
        secured.off('error', done).off('close', onClose)
        secured.on('error', ignore)
        if (error === undefined) return resolve(secured)
        secured.destroy()
        socket.destroy()
        reject(new TlsFailure(error))
      }
      const onClose = (): void => done(new Error('the server closed during the TLS handshake'))
      secured.once('error', done).once('close', onClose)
      secured.once('secureConnect', () => {
        try {
          this.#session ??= secured.getSession()
          this.#verifyPeer?.(secured.getPeerCertificate(true), secured, 'origin')
          done(undefined)
        } catch (error) {
          done(error)
        }
      })
    })
  }
}

/** Whoever uses the socket next has its own listener; an error in between must not end the process. */
function ignore(): void {}
