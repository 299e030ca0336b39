import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { ConnectionLog } from './connection-log.ts'

const maxAttempts = 20

/** One HTTP or HTTPS server on a free port of `127.0.0.1` and, where the machine has IPv6, the same port of `::1`. */
export class LoopbackListener {
  readonly port: number
  readonly #servers: readonly Server[]

  private constructor(port: number, servers: readonly Server[]) {
    this.port = port
    this.#servers = servers
  }

  /**
   * Starts listening.
   *
   * @param server - a server that does not listen yet.
   * @param connections - follows each TCP connection, those whose TLS handshake fails too.
   * @throws the error of `listen()` if no port is free on both addresses.
   */
  static async start(
    server: HttpServer | HttpsServer | Http2SecureServer,
    connections: ConnectionLog,
  ): Promise<LoopbackListener> {
    // First in line, so that a request can already find its connection.
    server.prependListener('connection', (socket: Socket) => connections.add(socket))
    for (let attempt = 1; ; attempt += 1) {
      const port = await listen(server, 0, '127.0.0.1')
      const ipv6 = createServer((socket) => server.emit('connection', socket))
      try {
        await listen(ipv6, port, '::1')
        return new LoopbackListener(port, [server, ipv6])
      } catch (error) {
        if (!isPortTaken(error)) return new LoopbackListener(port, [server])
        await closeServer(server)
        if (attempt === maxAttempts) throw error
      }
    }
  }

  /** Stops listening; resolves once no connection is left, so end them first. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map(closeServer))
  }
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen({ port, host })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

function isPortTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
}
