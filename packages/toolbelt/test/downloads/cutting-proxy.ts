import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP relay that cuts connections after so many bytes of answer. */
export class CuttingProxy {
  readonly url: string
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(url: string, server: Server, sockets: Set<Socket>) {
    this.url = url
    this.#server = server
    this.#sockets = sockets
  }

  /** @param cuts - bytes after which the first, second, … connection is cut; those after them are left alone. */
  static async start(target: string, cuts: number[]): Promise<CuttingProxy> {
    const { hostname, port } = new URL(target)
    const sockets = new Set<Socket>()
    const left = [...cuts]
    const server = createServer((client) => {
      const upstream = connect(Number(port), hostname)
      const cut = left.shift()
      let seen = 0
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          sockets.delete(socket)
          client.destroy()
          upstream.destroy()
        })
      }
      client.pipe(upstream)
      upstream.on('data', (piece: Buffer) => {
        seen += piece.length
        if (cut !== undefined && seen > cut) {
          client.end(piece.subarray(0, piece.length - (seen - cut)))
          upstream.destroy()
        } else client.write(piece)
      })
      upstream.on('end', () => client.end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new CuttingProxy(`http://127.0.0.1:${(server.address() as { port: number }).port}`, server, sockets)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
