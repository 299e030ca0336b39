import {
  type ByteSource,
  collectPieces,
  ConnectionError,
  type PreparedRequest,
  ReadTimeout,
  redactUrl,
  RequestException,
  type TransportOptions,
} from '@entreat/core'

/** One exchange inside this process: ends with the caller's signal, with `timeout.read`, or when its adapter closes. */
export class InProcessExchange {
  readonly #request: PreparedRequest
  readonly #options: TransportOptions
  readonly #controller = new AbortController()
  readonly #onAbort: () => void
  readonly #onEnd: (exchange: InProcessExchange) => void
  #hasEnded = false
  #responseStarted = false
  /** Bytes of the request's body that the peer has taken. */
  bytesSent = 0

  /**
   * @param onEnd - called once, when nothing of it is under way any more.
   * @throws the signal's reason, if it has aborted already.
   */
  constructor(request: PreparedRequest, options: TransportOptions, onEnd: (exchange: InProcessExchange) => void) {
    options.signal?.throwIfAborted()
    this.#request = request
    this.#options = options
    this.#onEnd = onEnd
    this.#onAbort = () => this.abort(options.signal?.reason)
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Aborts with whatever ends the exchange before its time. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Ends the exchange: what waits in it rejects with the reason. */
  abort(reason: unknown): void {
    if (this.#hasEnded) return
    this.#controller.abort(reason)
    this.end()
  }

  /** Says that nothing more will come. */
  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#onEnd(this)
  }

  /** Waits for the peer, as long as `timeout.read` allows and the exchange goes on. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this
    let timer: NodeJS.Timeout | undefined
    let stop: () => void = () => {}
    const interrupted = new Promise<never>((_resolve, reject) => {
      stop = () => reject(signal.reason as Error)
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
      const { read } = this.#options.timeout
      if (read !== null) timer = setTimeout(() => this.abort(this.#stalled(read)), read)
    })
    try {
      const value = await Promise.race([promise, interrupted])
      signal.throwIfAborted()
      return value
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      promise.catch(() => {})
    }
  }

  /** The peer's body, guarded: a failure of the peer's becomes a ConnectionError. */
  guard(body: AsyncIterable<Uint8Array>): ByteSource {
    this.#responseStarted = true
    return new GuardedBody(body, this)
  }

  /** What the peer failed with, as an error of the library; errors of the library, and the exchange's own end, as they are. */
  failure(cause: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason
    if (cause instanceof RequestException) return cause
    return this.error(`the peer failed: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }

  /** A ConnectionError with the facts of this exchange. */
  error(what: string, cause: unknown, code?: string): RequestException {
    return new ConnectionError(`${this.#name()}: ${what}`, { ...this.#facts(cause), code })
  }

  #stalled(read: number): RequestException {
    const cause = new Error(`nothing came for ${read} ms`)
    return new ReadTimeout(`${this.#name()}: nothing came for timeout.read = ${read} ms`, this.#facts(cause))
  }

  #facts(cause: unknown): { [name: string]: unknown } {
    const { bytesSent: requestBytesSent } = this
    const connection = { connectionReused: false, responseStarted: this.#responseStarted }
    return { request: this.#request, cause, requestBytesSent, ...connection }
  }

  #name(): string {
    return `${this.#request.method} ${redactUrl(this.#request.url)}`
  }
}

/** A body that ends with its exchange. */
class GuardedBody implements ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #exchange: InProcessExchange

  constructor(body: AsyncIterable<Uint8Array>, exchange: InProcessExchange) {
    this.#iterator = body[Symbol.asyncIterator]()
    this.#exchange = exchange
    exchange.signal.addEventListener('abort', () => this.#letGo(), { once: true })
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const step = await this.#exchange.wait(this.#iterator.next())
      if (step.done !== true) return step.value
      this.#exchange.end()
      return null
    } catch (error) {
      const failure = this.#exchange.failure(error)
      this.#exchange.end()
      throw failure
    }
  }

  collect(maxBytes: number): Promise<Buffer> {
    return collectPieces(this, maxBytes)
  }

  destroy(): void {
    this.#letGo()
    this.#exchange.end()
  }

  #letGo(): void {
    this.#iterator.return?.()?.catch(() => {})
  }
}

/** The exchanges that an adapter has under way. */
export class InProcessExchanges {
  readonly #open = new Set<InProcessExchange>()

  /** @throws the signal's reason, if it has aborted already. */
  begin(request: PreparedRequest, options: TransportOptions): InProcessExchange {
    const exchange = new InProcessExchange(request, options, (ended) => this.#open.delete(ended))
    this.#open.add(exchange)
    return exchange
  }

  /** Ends them all with ERR_CLOSED. */
  endAll(): void {
    for (const exchange of this.#open) {
      exchange.abort(exchange.error('the adapter was closed', new Error('closed'), 'ERR_CLOSED'))
    }
  }
}
