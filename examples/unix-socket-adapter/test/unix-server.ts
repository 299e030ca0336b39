import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Something that listens on a Unix socket, in a folder of its own. */
export class UnixServer {
  readonly path: string
  readonly #folder: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, folder: string) {
    this.#server = server
    this.#folder = folder
    this.path = join(folder, 'API.sock')
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** An HTTP server. */
  static http(listener: RequestListener): Promise<UnixServer> {
    return UnixServer.#start(createHttpServer(listener))
  }

  /** Passes every connection on to a TCP port of this machine, end and breakage included. */
  static relay(port: number): Promise<UnixServer> {
    return UnixServer.#start(
      createServer({ allowHalfOpen: true }, (socket) => {
        const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        target.on('error', () => socket.destroy())
        target.once('close', () => socket.destroy())
        socket.once('close', () => target.destroy())
        socket.pipe(target).pipe(socket)
      }),
    )
  }

  static async #start(server: Server): Promise<UnixServer> {
    const started = new UnixServer(server, mkdtempSync(join(tmpdir(), 'Unix-')))
    server.listen(started.path)
    await once(server, 'listening')
    return started
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#sockets.size
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
