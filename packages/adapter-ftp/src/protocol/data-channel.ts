import { once } from 'node:events'
import { createServer, isIPv6, type Server, type Socket } from 'node:net'
import { ConnectionError, UsageError } from '@entreat/core'
import type { FTPSettings } from '../options.ts'
import type { Security } from './security.ts'

/** The connection of one transfer: announced or dialled before the command, used after the server has agreed. */
export interface DataChannel {
  /** The socket, secured if it is to be. It may keep us waiting until the server has agreed. */
  ready(): Promise<Socket>
  /** Ends it in order: what was written arrives. */
  destroy(): void
  /** Ends it so that the server can tell it from the end of a file. */
  reset(): void
}

/** A data connection that we open: connected already. */
export class PassiveChannel implements DataChannel {
  readonly #raw: Socket
  readonly #secured: Promise<Socket>

  /**
   * @param security - `null` for plain text. The handshake begins at once: some servers wait for it before they agree.
   * @param withholdsEnd - whether TLS alone tells where an upload ends: the socket stays open until it is destroyed.
   */
  constructor(raw: Socket, security: Security | null, withholdsEnd: boolean) {
    this.#raw = raw
    // A server that refuses the command drops the connection, often before it says so: that is no error of ours.
    raw.on('error', ignore)
    this.#secured = security === null ? Promise.resolve(raw) : security.secure(raw, withholdsEnd)
    this.#secured.catch(ignore)
  }

  ready(): Promise<Socket> {
    return this.#secured
  }

  destroy(): void {
    this.#raw.destroy()
  }

  reset(): void {
    resetSocket(this.#raw)
  }
}

/** A data connection that the server opens. */
export class ActiveChannel implements DataChannel {
  readonly address: string
  readonly port: number
  readonly #server: Server
  readonly #accepted: Promise<Socket>
  readonly #security: Security | null
  #raw: Socket | null = null
  #secured: Promise<Socket> | null = null

  private constructor(server: Server, address: string, peer: string, security: Security | null) {
    this.#server = server
    this.#security = security
    this.address = address
    const bound = server.address()
    this.port = bound !== null && typeof bound === 'object' ? bound.port : 0
    this.#accepted = new Promise((resolve, reject) => {
      server.on('connection', (socket: Socket) => {
        socket.on('error', ignore)
        // Whoever else finds the port must not be given the file, nor give us one.
        if (this.#raw !== null || plainAddress(socket.remoteAddress) !== peer) return void socket.destroy()
        this.#raw = socket
        server.close()
        resolve(socket)
      })
      server.once('close', () => {
        if (this.#raw === null) reject(new ConnectionError('the server opened no data connection'))
      })
    })
    this.#accepted.catch(ignore)
  }

  /** Listens where the server can reach us. @throws UsageError if no port of the range is free. */
  static async listen(control: Socket, settings: FTPSettings, security: Security | null): Promise<ActiveChannel> {
    const local = plainAddress(control.localAddress)
    const [first, last] = settings.activePorts
    for (let port = first; port <= last; port++) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
      try {
        server.listen(port, local)
        await once(server, 'listening')
        const peer = plainAddress(control.remoteAddress)
        return new ActiveChannel(server, settings.activeAddress ?? local, peer, security)
      } catch (error) {
        server.close()
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      }
    }
    throw new UsageError(`FTPAdapter: no port of activePorts ${first} to ${last} is free`)
  }

  async ready(): Promise<Socket> {
    const raw = await this.#accepted
    this.#secured ??= this.#security === null ? Promise.resolve(raw) : this.#security.secure(raw)
    return this.#secured
  }

  destroy(): void {
    this.#server.close()
    this.#raw?.destroy()
  }

  reset(): void {
    this.#server.close()
    if (this.#raw !== null) resetSocket(this.#raw)
  }
}

/** The argument of EPRT (RFC 2428 section 2). */
export function extendedPort(address: string, port: number): string {
  return `|${isIPv6(address) ? 2 : 1}|${address}|${port}|`
}

/** The argument of PORT (RFC 959 section 4.1.2). */
export function plainPort(address: string, port: number): string {
  return [...address.split('.'), port >> 8, port & 255].join(',')
}

/** The port in a reply to EPSV, or `null` (RFC 2428 section 3). */
export function parseExtendedPassive(text: string): number | null {
  const [, , port] = /\(([\x21-\x7e])\1\1([0-9]{1,5})\1\)/.exec(text) ?? []
  return checkedPort(Number(port))
}

/** The port in a reply to PASV, or `null`. The address is not for us: a server could send us anywhere (RFC 2577 section 3). */
export function parsePassive(text: string): number | null {
  const [, high, low] = /(?:[0-9]{1,3},){4}([0-9]{1,3}),([0-9]{1,3})/.exec(text) ?? []
  return Number(high) > 255 || Number(low) > 255 ? null : checkedPort(Number(high) * 256 + Number(low))
}

function checkedPort(port: number): number | null {
  return port >= 1 && port <= 65_535 ? port : null
}

/** An address without the prefix that IPv4 has on a socket for both families. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=[0-9.]+$)/i, '')
}

function resetSocket(socket: Socket): void {
  if (socket.destroyed) return
  // FTP knows no other end of a file than the end of the connection: only a reset tells that this was none.
  socket.resetAndDestroy()
}

function ignore(): void {}
