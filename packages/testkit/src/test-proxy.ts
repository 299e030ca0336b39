import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { testCertificates } from './certificates.ts'
import { ConnectionLog, destroySocket } from './connection-log.ts'
import { LoopbackListener } from './loopback-listener.ts'
import { forwardListener, tunnelListener } from './proxy-listeners.ts'
import type { ProxyAuthenticator, ProxyState, ProxyTarget } from './proxy-state.ts'
import type { RecordedRequest } from './recorded-request.ts'

/** Options of {@link TestProxy.start}. */
export interface TestProxyOptions {
  /** Be an https proxy: TLS between client and proxy. Default `false`. */
  readonly tls?: boolean
  /** Ask for Basic credentials. Default: let everybody in. */
  readonly credentials?: { readonly username: string; readonly password: string }
  /** Ask for credentials of any scheme; instead of `credentials`. */
  readonly authenticate?: ProxyAuthenticator
  /** Close the connection after a 407 to CONNECT, as some proxies do. Default `false`: the next CONNECT may use it. */
  readonly closesAfterRefusal?: boolean
  /** Chooses where to connect instead of the requested target, so that `example.com` can be a server in the test. */
  readonly resolve?: (target: ProxyTarget) => ProxyTarget
}

/**
 * A forward proxy inside this process on a free loopback port: absolute-form requests for http, CONNECT for tunnels.
 *
 * It removes hop-by-hop headers and nothing else. Whoever starts it closes it.
 */
export class TestProxy {
  /** `http://127.0.0.1:PORT` or, with TLS, `https://localhost:PORT`; without a trailing slash. */
  readonly url: string
  readonly #listener: LoopbackListener
  readonly #state: ProxyState

  private constructor(url: string, listener: LoopbackListener, state: ProxyState) {
    this.url = url
    this.#listener = listener
    this.#state = state
  }

  /**
   * Starts a proxy.
   *
   * @throws the error of `listen()` if the loopback addresses have no free port.
   */
  static async start(options: TestProxyOptions = {}): Promise<TestProxy> {
    const state: ProxyState = {
      connections: new ConnectionLog(),
      requests: [],
      upstream: new Set<Duplex>(),
      authenticate: options.authenticate ?? basicAuthenticator(options.credentials),
      closesAfterRefusal: options.closesAfterRefusal ?? false,
      resolve: options.resolve ?? ((target) => target),
    }
    const server = createProxyServer(options.tls ?? false, forwardListener(state))
    const connectionEvent = options.tls ? 'secureConnection' : 'connection'
    const tunnel = tunnelListener(state, (socket) => server.emit(connectionEvent, socket))
    server.on('connect', tunnel)
    const listener = await LoopbackListener.start(server, state.connections)
    const host = options.tls ? 'https://localhost' : 'http://127.0.0.1'
    return new TestProxy(`${host}:${listener.port}`, listener, state)
  }

  /** The authority to trust for an https proxy, as PEM text; the same as every test server's. */
  get ca(): string {
    return testCertificates().ca
  }

  /** TCP connections accepted from clients since the start or the last {@link TestProxy.reset}. */
  get connectionCount(): number {
    return this.#state.connections.count
  }

  /** TCP connections to clients that are open now. */
  get openConnections(): number {
    return this.#state.connections.openCount
  }

  /** Requests and CONNECTs received since the start or the last {@link TestProxy.reset}, refused ones too. */
  get requests(): readonly RecordedRequest[] {
    return this.#state.requests
  }

  /** Forgets requests and sets the connection count to zero; connections stay open and keep their numbers. */
  reset(): void {
    this.#state.requests.length = 0
    this.#state.connections.reset()
  }

  /** Stops listening and ends every connection and tunnel at once. Resolves when all are gone; may be called again. */
  async close(): Promise<void> {
    const { connections, upstream } = this.#state
    const upstreamClosed = Array.from(upstream, destroySocket)
    await Promise.all([this.#listener.close(), connections.destroyAll(), ...upstreamClosed])
  }

  /** The same as {@link TestProxy.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function createProxyServer(tls: boolean, listener: RequestListener): ReturnType<typeof createServer> {
  const options = { keepAliveTimeout: 60_000, requestTimeout: 0, headersTimeout: 0 }
  if (!tls) return createServer(options, listener)
  return createTlsServer({ ...options, ...testCertificates().server }, listener)
}

function basicAuthenticator(credentials: TestProxyOptions['credentials']): ProxyAuthenticator {
  if (credentials === undefined) return () => null
  const expected = `${credentials.username}:${credentials.password}`
  return ({ authorization = '' }) => {
    const sent = Buffer.from(authorization.replace(/^basic /i, ''), 'base64')
    const isRight = sent.toString('utf8') === expected || sent.toString('latin1') === expected
    return isRight ? null : ['Basic realm="Fake Proxy"']
  }
}
