import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { testCertificates } from '@entreat/testkit'

/** One request as a raw server saw it. */
interface RawRequest {
  /** Request line and headers, without the empty line. */
  readonly head: string
  readonly body: Buffer
  readonly socket: Socket
  /** Number of the connection, from 1. */
  readonly connection: number
  /** Number of the request on its connection, from 1. */
  readonly index: number
}

/** Answers one request: text to write, or whatever it does with the socket itself. */
export type RawHandler = (request: RawRequest) => string | Uint8Array | void

export interface RawServerOptions {
  /** Speak TLS, with the test server's certificate unless told otherwise. */
  readonly tls?: boolean | TlsOptions
  /** Takes the socket over instead of the HTTP reader: for servers that misbehave from the first byte. */
  readonly onConnection?: (socket: Socket, connection: number) => void
  /** Called when a request's head is there, before its body is. */
  readonly onHead?: (head: string, socket: Socket) => void
}

/**
 * A server on a loopback port that writes exactly the bytes a test gives it, and knows which of its sockets are still open.
 */
export class RawServer {
  readonly port: number
  readonly url: string
  /** Connections accepted so far. */
  connectionCount = 0
  /** The highest number of connections open at once. */
  mostOpen = 0
  readonly heads: string[] = []
  readonly open = new Set<Socket>()
  readonly #server: Server
  #isStalled = false
  readonly #whenGone = new Set<() => void>()

  private constructor(server: Server, isTls: boolean) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.url = `${isTls ? 'https' : 'http'}://127.0.0.1:${this.port}`
  }

  static async start(handler: RawHandler, options: RawServerOptions = {}): Promise<RawServer> {
    const isTls = options.tls !== undefined && options.tls !== false
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const raw = new RawServer(server, isTls)
    const numbers = new Map<number | undefined, number>()
    const serve = (socket: Socket): void => {
      socket.on('error', () => {})
      const connection = numbers.get(socket.remotePort) ?? 0
      if (options.onConnection !== undefined) options.onConnection(socket, connection)
      else readRequests(socket, connection, raw, handler, options.onHead)
    }
    const own = typeof options.tls === 'object' ? options.tls : {}
    const secure = isTls ? createTlsServer({ ...testCertificates().server, ...own }, serve) : null
    secure?.on('tlsClientError', () => {})
    server.on('connection', (socket: Socket) => {
      raw.#follow(socket)
      numbers.set(socket.remotePort, raw.connectionCount)
      if (raw.#isStalled) socket.resume()
      else if (secure === null) serve(socket)
      else secure.emit('connection', socket)
    })
    return raw
  }

  /** From now on, connections are accepted and never answered: no TLS handshake gets through. */
  stall(): void {
    this.#isStalled = true
  }

  #follow(socket: Socket): void {
    this.connectionCount++
    this.open.add(socket)
    this.mostOpen = Math.max(this.mostOpen, this.open.size)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.open.delete(socket)
      if (this.open.size === 0) for (const tell of this.#whenGone) tell()
    })
  }

  /** Resolves when no connection is open; rejects after `ms`. */
  gone(ms = 3000): Promise<void> {
    if (this.open.size === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer)
        this.#whenGone.delete(settle)
        if (error === undefined) resolve()
        else reject(error)
      }
      const timer = setTimeout(() => settle(new Error(`${this.open.size} connections are still open`)), ms)
      this.#whenGone.add(settle)
    })
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.open) socket.destroy()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function readRequests(
  socket: Socket,
  connection: number,
  server: RawServer,
  handler: RawHandler,
  onHead: RawServerOptions['onHead'],
): void {
  let bytes: Buffer = Buffer.alloc(0)
  let index = 0
  let isHeadTold = false
  socket.on('data', (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece])
    for (;;) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = bytes.toString('latin1', 0, end)
      if (!isHeadTold) onHead?.(head, socket)
      isHeadTold = true
      const length = bodyLength(head, bytes.subarray(end + 4))
      if (length === null) return
      const body = bytes.subarray(end + 4, end + 4 + length)
      bytes = bytes.subarray(end + 4 + length)
      isHeadTold = false
      server.heads.push(head)
      const reply = handler({ head, body, socket, connection, index: ++index })
      if (typeof reply === 'string') socket.write(reply, 'latin1')
      else if (reply !== undefined) socket.write(reply)
    }
  })
}

/** Bytes of the body on the wire, or `null` while some are missing. */
function bodyLength(head: string, rest: Buffer): number | null {
  if (/^transfer-encoding: *chunked/im.test(head)) {
    const end = rest.indexOf('0\r\n\r\n')
    return end === -1 ? null : end + 5
  }
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  return rest.length >= length ? length : null
}

/** A complete reply with a Content-Length. */
export function reply(body: string, headers = '', status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
