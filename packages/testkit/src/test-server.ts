import { createServer, type RequestListener, type ServerOptions } from 'node:http'
import { createSecureServer as createHttp2Server, type Http2SecureServer } from 'node:http2'
import {
  createServer as createTlsServer,
  type Server as HttpsServer,
  type ServerOptions as TlsServerOptions,
} from 'node:https'
import type { SecureVersion } from 'node:tls'
import { type ServerCertificateKind, type TestCertificates, testCertificates } from './certificates.ts'
import { ConnectionLog } from './connection-log.ts'
import { LoopbackListener } from './loopback-listener.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { type CustomHandler, requestListener } from './request-listener.ts'

/** Options of {@link TestServer.start}. */
export interface TestServerOptions {
  /** Listen for https too. Default `true`. */
  readonly tls?: boolean
  /** Whether the TLS listener asks for a client certificate, and refuses a client without a trusted one. Default `'optional'`. */
  readonly clientCertificate?: 'none' | 'optional' | 'required'
  /** What the TLS listener's certificate is like. Default `'valid'`. */
  readonly certificate?: ServerCertificateKind
  /** Sees every request before the built-in routes; `true` says that it answers. It reads the request body itself. */
  readonly handler?: CustomHandler
  /** How long an idle connection is kept open, in milliseconds. Default 60000. */
  readonly keepAliveTimeoutMs?: number
  /** Speak HTTP/2 with https clients that offer it, and HTTP/1.1 with the others. Default `false`. */
  readonly http2?: boolean
  /** TLS versions to accept. Default: Node's. */
  readonly tlsOptions?: { readonly minVersion?: SecureVersion; readonly maxVersion?: SecureVersion }
}

interface Listeners {
  readonly http: LoopbackListener
  readonly https: LoopbackListener | null
}

/**
 * An HTTP/1.1 and HTTPS server, HTTP/2 on request, with httpbin's routes, inside this process, on free loopback ports.
 *
 * It listens on `127.0.0.1`, and on the same port of `::1` where the machine has IPv6. Whoever starts it closes it.
 */
export class TestServer {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string
  /** What the TLS listener uses, and certificates for clients. */
  readonly certificates: TestCertificates
  readonly #listeners: Listeners
  readonly #connections: ConnectionLog
  readonly #requests: RecordedRequest[]

  private constructor(
    listeners: Listeners,
    certificates: TestCertificates,
    seen: { connections: ConnectionLog; requests: RecordedRequest[] },
  ) {
    this.url = `http://127.0.0.1:${listeners.http.port}`
    this.certificates = certificates
    this.#listeners = listeners
    this.#connections = seen.connections
    this.#requests = seen.requests
  }

  /**
   * Starts a server.
   *
   * @throws the error of `listen()` if the loopback addresses have no free port.
   */
  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const seen = { connections: new ConnectionLog(), requests: [] as RecordedRequest[] }
    const listener = requestListener({ ...seen, handler: options.handler ?? null })
    const certificates = testCertificates(options.certificate)
    const httpServer = createServer(httpOptions(options), listener)
    const httpsServer = options.tls === false ? null : secureServer(options, listener, seen.connections)
    const http = await LoopbackListener.start(httpServer, seen.connections)
    const https = httpsServer && (await LoopbackListener.start(httpsServer, seen.connections))
    return new TestServer({ http, https }, certificates, seen)
  }

  /**
   * `https://localhost:PORT`, without a trailing slash.
   *
   * @throws Error if the server was started with `tls: false`.
   */
  get httpsUrl(): string {
    const { https } = this.#listeners
    if (https === null) throw new Error('This test server was started with { tls: false }')
    return `https://localhost:${https.port}`
  }

  /** The authority to trust, as PEM text. */
  get ca(): string {
    return this.certificates.ca
  }

  /** TCP connections accepted since the start or the last {@link TestServer.reset}, http and https. */
  get connectionCount(): number {
    return this.#connections.count
  }

  /** TCP connections open now. */
  get openConnections(): number {
    return this.#connections.openCount
  }

  /** Requests received since the start or the last {@link TestServer.reset}, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests
  }

  /** Forgets requests and sets the connection count to zero; connections stay open and keep their numbers. */
  reset(): void {
    this.#requests.length = 0
    this.#connections.reset()
  }

  /** Stops listening and ends every connection at once. Resolves when all are gone; may be called again. */
  async close(): Promise<void> {
    const { http, https } = this.#listeners
    await Promise.all([http.close(), https?.close(), this.#connections.destroyAll()])
  }

  /** The same as {@link TestServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function secureServer(
  options: TestServerOptions,
  listener: RequestListener,
  connections: ConnectionLog,
): HttpsServer | Http2SecureServer {
  if (options.http2 !== true) return createTlsServer(tlsOptions(options), listener)
  // What handlers get over HTTP/2 is Node's compatibility API: the same members, except those of the connection.
  const server = createHttp2Server(
    {
      ...tlsOptions(options),
      allowHTTP1: true,
      maxSendHeaderBlockLength: 1_048_576,
      // In MB. Past it, Node refuses every stream of the connection, and once a stream with so much to send was reset, for ever.
      maxSessionMemory: 1024,
    },
    listener as never,
  )
  server.on('sessionError', () => {}) // a client that leaves
  server.on('session', (session) => {
    const connection = connections.find(session.socket)
    // Node does not always tell the TCP socket below that it has closed.
    session.once('close', () => connection?.socket.destroy())
  })
  return server
}

function tlsOptions(options: TestServerOptions): TlsServerOptions {
  const { clientCertificate = 'optional', certificate } = options
  const { ca, server } = testCertificates(certificate)
  return {
    ...httpOptions(options),
    ...options.tlsOptions,
    ...server,
    ca,
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'required',
  }
}

// A test decides how slow a client is and how long its headers are, not the server.
function httpOptions(options: TestServerOptions): ServerOptions {
  return {
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 60_000,
    requestTimeout: 0,
    headersTimeout: 0,
    maxHeaderSize: 1_048_576,
  }
}
