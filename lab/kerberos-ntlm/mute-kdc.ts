import { createServer, type Server, type Socket } from 'node:net'
import { type LabFolder } from '../processes/lab-folder.ts'
import { writeClientConfig } from './kdc.ts'

/** A KDC that takes connections and never answers: every call that needs a ticket from it waits. */
export interface MuteKdc {
  /** Path of a client's configuration that knows this KDC alone, for `KRB5_CONFIG`. */
  readonly config: string
  /** Connections that it got so far. */
  readonly connections: number
  /** Closes it and its connections: who waits is refused. */
  stop(): Promise<void>
}

/** Starts a mute KDC in this process. */
export async function startMuteKdc(folder: LabFolder): Promise<MuteKdc> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.resume()
  })
  const port = await listen(server)
  folder.makeFolder('kdc')
  const config = writeClientConfig(folder, `mute-${port}.conf`, port)
  return {
    config,
    get connections() {
      return connections
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('no TCP port to be had'))
      else resolve(address.port)
    })
    server.unref()
  })
}
