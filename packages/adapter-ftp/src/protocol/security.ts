import { isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type SocketOptions, type TlsSettings } from '@entreat/core'
import { TlsFailure } from '../failures.ts'

/**
 * TLS for one control connection and the data connections that belong to it: one name, one trust, one session.
 *
 * Servers tell by the session that data and control connection have one owner, and many insist on it (`require_ssl_reuse` of vsftpd, ProFTPD by default).
 */
export class Security {
  readonly #host: string
  readonly #settings: TlsSettings
  readonly #options: SocketOptions
  #session: Buffer | undefined

  /** @param host - of the URL: the certificate must be for it, unless `servername` says otherwise. */
  constructor(host: string, settings: TlsSettings, options: SocketOptions) {
    this.#host = host
    this.#settings = settings
    this.#options = options
  }

  /**
   * Lays TLS over a connected socket, as its client.
   *
   * @throws TlsFailure for a certificate that is not trusted, and for whatever else keeps TLS from coming about.
   */
  secure(socket: Socket): Promise<TLSSocket> {
    const name = this.#options.servername ?? this.#host
    const options: ConnectionOptions = Object.assign(Object.create(null), this.#options.tls, this.#settings, {
      socket,
      host: name,
    })
    if (isIP(name) === 0) options.servername = name
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
          this.#options.verifyPeer?.(secured.getPeerCertificate(true), secured, 'origin')
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
