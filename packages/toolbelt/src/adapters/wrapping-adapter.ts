import {
  type Connection,
  HTTPAdapter,
  type PreparedRequest,
  type Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'

/** Sends what it is given. */
export type SendOn = (request: PreparedRequest, options: TransportOptions) => Promise<Response>

/**
 * An adapter that does something around each request of another: waits, counts, refuses. Legs on a reserved connection pass through it as well, so that
 * schemes which authenticate connections are no way around it.
 */
export abstract class WrappingAdapter extends TransportAdapter {
  readonly #inner: TransportAdapter
  readonly #connections = new WeakMap<Connection, Connection>()
  /** Defined if the adapter inside can reserve connections. */
  override acquire?: (request: PreparedRequest, options: TransportOptions, poolKey: unknown) => Promise<Connection>

  /** @param inner - default: a new HTTPAdapter. It is closed with this one. */
  constructor(inner: TransportAdapter = new HTTPAdapter()) {
    super()
    this.#inner = inner
    if (inner.acquire !== undefined) {
      this.acquire = async (request, options, poolKey) => {
        const connection = (await inner.acquire?.(request, options, poolKey)) as Connection
        return this.#wrapped(connection)
      }
    }
  }

  /** One for each connection, however often it is reserved: schemes keep what they know of a connection by its identity. */
  #wrapped(connection: Connection): Connection {
    const known = this.#connections.get(connection)
    if (known !== undefined) return known
    const wrapped = new WrappedConnection(connection, (leg, options, send) => this.around(leg, options, send))
    this.#connections.set(connection, wrapped)
    return wrapped
  }

  /** Does what it does, and sends the request on, or not. */
  protected abstract around(request: PreparedRequest, options: TransportOptions, send: SendOn): Promise<Response>

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    // A reserved connection is one of ours, and is asked directly.
    if (options.connection !== undefined) return options.connection.send(request, options)
    return this.around(request, options, (sent, sentOptions) => this.#inner.send(sent, sentOptions))
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

type Around = (request: PreparedRequest, options: TransportOptions, send: SendOn) => Promise<Response>

/** A reserved connection whose legs pass through the adapter. */
class WrappedConnection implements Connection {
  readonly #inner: Connection
  readonly #around: Around

  constructor(inner: Connection, around: Around) {
    this.#inner = inner
    this.#around = around
  }

  get protocol(): 'http/1.1' {
    return this.#inner.protocol
  }

  get peerCertificate(): Uint8Array {
    return this.#inner.peerCertificate as Uint8Array
  }

  get closed(): boolean {
    return this.#inner.closed
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return this.#around(request, options, (sent, sentOptions) =>
      this.#inner.send(sent, { ...sentOptions, connection: undefined }),
    )
  }

  release(): void {
    this.#inner.release()
  }

  destroy(cause?: Error): void {
    this.#inner.destroy(cause)
  }
}
