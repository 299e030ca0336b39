import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { testCertificates } from '../certificates.ts'
import { type FTPCommand, FTPConversation, type FTPIntercept, type FTPWorld } from './ftp-conversation.ts'
import { FTPFiles } from './ftp-files.ts'

/** Options of {@link TestFTPServer.start}. */
export interface TestFTPServerOptions {
  /** Who may sign in. Default: everybody, anonymous included. */
  readonly credentials?: { readonly username: string; readonly password: string }
  /** Sees each command first, and may answer it in its own way. */
  readonly intercept?: FTPIntercept
}

/**
 * An FTP server inside this process on free loopback ports, with files in memory: what RFC 959, 2389, 2428, 3659 and 4217 know, without active mode.
 *
 * Its PASV reply names an address that is not its own, as a hostile server's would. Whoever starts it closes it.
 */
export class TestFTPServer {
  readonly files: FTPFiles
  /** Every command that arrived, oldest first. */
  readonly commands: FTPCommand[] = []
  /** Control connections accepted since the start. */
  connectionCount = 0
  readonly #plain: Server
  readonly #implicit: Server
  readonly #sockets = new Set<Socket>()

  private constructor(options: TestFTPServerOptions) {
    this.files = new FTPFiles()
    const { server: certificate } = testCertificates()
    const world: FTPWorld = {
      files: this.files,
      certificate,
      credentials: options.credentials ?? null,
      commands: this.commands,
      intercept: options.intercept ?? null,
      track: (socket) => this.#track(socket),
    }
    const converse = (socket: Socket): void => {
      this.connectionCount++
      FTPConversation.begin(socket, world)
    }
    const tls = { ...certificate, requestCert: true, rejectUnauthorized: false }
    this.#plain = createServer(converse).on('connection', (socket: Socket) => this.#track(socket))
    this.#implicit = createTlsServer(tls, converse).on('connection', (socket: Socket) => this.#track(socket))
  }

  /** Starts a server without files. */
  static async start(options: TestFTPServerOptions = {}): Promise<TestFTPServer> {
    const server = new TestFTPServer(options)
    for (const one of [server.#plain, server.#implicit]) {
      one.listen(0, '127.0.0.1')
      await once(one, 'listening')
    }
    return server
  }

  /** `ftp://127.0.0.1:PORT`, without a trailing slash. AUTH TLS works too, with a certificate for that address. */
  get url(): string {
    return `ftp://127.0.0.1:${portOf(this.#plain)}`
  }

  /** `ftps://localhost:PORT`: TLS from the first byte. */
  get ftpsUrl(): string {
    return `ftps://localhost:${portOf(this.#implicit)}`
  }

  /** The authority to trust, as PEM text; the same as every test server's. */
  get ca(): string {
    return testCertificates().ca
  }

  /** Control and data connections that are open now. */
  get openConnections(): number {
    return this.#sockets.size
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Stops listening and ends every connection at once. Resolves when all are gone; may be called again. */
  async close(): Promise<void> {
    const closed = [this.#plain, this.#implicit].map((server) => new Promise((resolve) => void server.close(resolve)))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  /** The same as {@link TestFTPServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
