import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** One request as a wire server saw it. */
interface WireRequest {
  /** Request line and headers, without the empty line. */
  readonly head: string
  readonly socket: Socket
  /** Number of its connection, from 1. */
  readonly connection: number
  /** Number of the request on its connection, from 1. */
  readonly index: number
}

/** Answers one request: text to write byte for byte, or nothing. */
export type WireScript = (request: WireRequest) => string | Uint8Array | void

/** An HTTP/1.1 server that writes what no honest server would. It reads heads alone: its requests have no bodies. */
export class WireServer {
  readonly url: string
  /** Connections so far. */
  connectionCount = 0
  /** All heads that came, in order. */
  readonly heads: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(script: WireScript): Promise<WireServer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const wire = new WireServer(server)
    server.on('connection', (socket: Socket) => wire.#serve(socket, script))
    return wire
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#sockets.size
  }

  #serve(socket: Socket, script: WireScript): void {
    const connection = ++this.connectionCount
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    let received = ''
    let index = 0
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
        const head = received.slice(0, end)
        received = received.slice(end + 4)
        this.heads.push(head)
        const answer = script({ head, socket, connection, index: ++index })
        if (typeof answer === 'string') socket.write(answer, 'latin1')
        else if (answer !== undefined) socket.write(answer)
      }
    })
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

/** A whole answer with a Content-Length. */
export function wireReply(body: string, headers = '', status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`
}
