import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** One TCP connection that a server accepted. */
export interface AcceptedConnection {
  /** 1 for the first connection since the server started; never reused. */
  readonly number: number
  /** The TCP socket, below TLS if there is any. */
  readonly socket: Socket
  /** Requests that arrived on it so far. */
  requestCount: number
}

/** Numbers, counts and ends the TCP connections of one server, whichever of its listeners accepted them. */
export class ConnectionLog {
  #lastNumber = 0
  #forgotten = 0
  readonly #open = new Map<string, AcceptedConnection>()

  /** TCP connections accepted since the start or the last {@link ConnectionLog.reset}. */
  get count(): number {
    return this.#lastNumber - this.#forgotten
  }

  /** TCP connections that are open now. */
  get openCount(): number {
    return this.#open.size
  }

  /** Starts to follow a connection, until it closes. A socket that is already followed is left alone. */
  add(socket: Socket): void {
    const peer = peerOf(socket)
    if (this.#open.get(peer)?.socket === socket) return
    this.#lastNumber += 1
    const connection = { number: this.#lastNumber, socket, requestCount: 0 }
    this.#open.set(peer, connection)
    socket.once('close', () => {
      if (this.#open.get(peer) === connection) this.#open.delete(peer)
    })
  }

  /** Finds the open connection of a TCP socket, or of the TLS socket on top of it. */
  find(socket: Socket): AcceptedConnection | null {
    return this.#open.get(peerOf(socket)) ?? null
  }

  /** Starts counting from zero. Numbers go on, so that a connection that stays open keeps a number of its own. */
  reset(): void {
    this.#forgotten = this.#lastNumber
  }

  /** Ends every open connection at once; resolves when all have closed. */
  async destroyAll(): Promise<void> {
    await Promise.all(Array.from(this.#open.values(), ({ socket }) => destroySocket(socket)))
  }
}

/**
 * Ends a socket at once.
 *
 * @param socket - one whose 'close' has not been emitted.
 */
export function destroySocket(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.destroy()
  })
}

/** A TLS socket has the addresses of the TCP socket below it, and is another object. */
function peerOf(socket: Socket): string {
  return `${socket.localPort} ${socket.remoteAddress} ${socket.remotePort}`
}
