import {
  type Connection,
  HTTPAdapter,
  type PreparedRequest,
  type Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'

/** Something done before a leg is sent: it may reject in the leg's place. */
export type BeforeLeg = (leg: number) => void | Promise<void>

/** HTTP, with a word before every leg, on reserved connections too. */
export class FailingWire extends TransportAdapter {
  /** Called with 1 for the first leg since {@link restart}. */
  beforeLeg: BeforeLeg = () => {}
  /** Connections that were reserved. */
  reservations = 0
  #leg = 0
  readonly #http = new HTTPAdapter()
  readonly #reserved = new WeakMap<Connection, Connection>()

  /** Counts legs from 1 again. */
  restart(beforeLeg: BeforeLeg): void {
    this.#leg = 0
    this.beforeLeg = beforeLeg
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    await this.beforeLeg(++this.#leg)
    return this.#http.send(request, options)
  }

  override async acquire(request: PreparedRequest, options: TransportOptions, poolKey: unknown): Promise<Connection> {
    this.reservations++
    const connection = await this.#http.acquire(request, options, poolKey)
    let reserved = this.#reserved.get(connection)
    if (reserved === undefined) this.#reserved.set(connection, (reserved = this.#wrap(connection)))
    return reserved
  }

  #wrap(connection: Connection): Connection {
    const send = async (request: PreparedRequest, options: TransportOptions): Promise<Response> => {
      await this.beforeLeg(++this.#leg)
      return connection.send(request, options)
    }
    const { protocol, peerCertificate } = connection
    return {
      protocol,
      ...(peerCertificate === undefined ? {} : { peerCertificate }),
      get closed() {
        return connection.closed
      },
      send,
      release: () => connection.release(),
      destroy: (cause) => connection.destroy(cause),
    }
  }

  close(): Promise<void> {
    return this.#http.close()
  }
}
