import {
  type PreparedRequest,
  readOptions,
  RequestException,
  Response,
  TransportAdapter,
  type TransportOptions,
  UsageError,
} from '@entreat/core'
import { type InProcessExchange, InProcessExchanges } from './in-process-exchange.ts'
import { readBody, respond, type StubReply } from './stub-adapter.ts'

/** A request that has arrived at the peer that a test plays, and waits for its answer. */
export class PeerCall {
  readonly method: string
  readonly url: string
  readonly headers: PreparedRequest['headers']
  /** The whole body; empty if there was none. */
  readonly body: Buffer
  /** What the adapter was told beside the request. */
  readonly options: TransportOptions
  /** Aborts when the caller has given up: with its signal's reason, a ReadTimeout, or because the adapter closed. */
  readonly signal: AbortSignal
  readonly #request: PreparedRequest
  readonly #exchange: InProcessExchange
  readonly #settle: { readonly resolve: (response: Response) => void; readonly reject: (error: unknown) => void }
  #isAnswered = false

  /** @internal Calls come from {@link PeerAdapter.next}. */
  constructor(
    request: PreparedRequest,
    parts: { readonly body: Buffer; readonly options: TransportOptions; readonly exchange: InProcessExchange },
    settle: { readonly resolve: (response: Response) => void; readonly reject: (error: unknown) => void },
  ) {
    this.method = request.method
    this.url = request.url
    this.headers = request.headers.copy()
    this.body = parts.body
    this.options = parts.options
    this.signal = parts.exchange.signal
    this.#request = request
    this.#exchange = parts.exchange
    this.#settle = settle
  }

  /**
   * Answers.
   *
   * @param reply - as a stub's; default: 200 without a body.
   * @throws UsageError for a call that has been answered, or an unknown key.
   */
  respond(reply: StubReply = {}): void {
    this.#answer(() => this.#settle.resolve(respond(this.#request, reply, this.#exchange)))
  }

  /**
   * Answers with a head, and gives what the body is written with.
   *
   * @param reply - status, reason and headers.
   */
  stream(reply: Pick<StubReply, 'statusCode' | 'reason' | 'headers'> = {}): PeerBody {
    const { statusCode = 200, reason = '', headers = {} } = readOptions(reply, HEAD_KEYS, 'PeerCall.stream()')
    const body = new PeerBody()
    const guarded = this.#exchange.guard(body.pieces())
    this.#answer(() =>
      this.#settle.resolve(new Response({ request: this.#request, statusCode, reason, headers, body: guarded })),
    )
    return body
  }

  /** Fails instead of an answer. An error that is not one of entreat's becomes the cause of a ConnectionError. */
  fail(error: Error): void {
    const failure = error instanceof RequestException ? error : this.#exchange.error(error.message, error)
    this.#answer(() => this.#settle.reject(failure))
  }

  #answer(answer: () => void): void {
    if (this.#isAnswered) throw new UsageError(`${this.method} ${this.url} has been answered already`)
    this.#isAnswered = true
    answer()
  }
}

const HEAD_KEYS: ReadonlySet<string> = new Set(['statusCode', 'reason', 'headers'])

/** A body that a test writes, piece by piece. */
export class PeerBody {
  readonly #waiting: (Uint8Array | Error | null)[] = []
  #wake: () => void = () => {}

  /** Adds a piece. */
  write(piece: string | Uint8Array): this {
    return this.#push(typeof piece === 'string' ? Buffer.from(piece) : piece)
  }

  /** Ends the body. */
  end(): void {
    this.#push(null)
  }

  /** Breaks the body off. */
  fail(error: Error): void {
    this.#push(error)
  }

  #push(piece: Uint8Array | Error | null): this {
    this.#waiting.push(piece)
    this.#wake()
    return this
  }

  /** @internal */
  async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = this.#waiting.shift()
      if (piece === null) return
      if (piece instanceof Error) throw piece
      if (piece !== undefined) yield piece
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

/**
 * Answers by the hand of the test: each request waits until the test takes it with {@link next} and says what becomes of it.
 *
 * Timeouts, signals and `close()` end a request that waits, as they do with a real peer.
 */
export class PeerAdapter extends TransportAdapter {
  readonly #exchanges = new InProcessExchanges()
  readonly #arrived: PeerCall[] = []
  readonly #waiters: ((call: PeerCall) => void)[] = []

  /** Requests that have arrived and were not taken. */
  get waiting(): number {
    return this.#arrived.length
  }

  /** The next request, when it arrives; in order of arrival. */
  next(): Promise<PeerCall> {
    const call = this.#arrived.shift()
    if (call !== undefined) return Promise.resolve(call)
    return new Promise((resolve) => void this.#waiters.push(resolve))
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const exchange = this.#exchanges.begin(request, options)
    try {
      const body = await exchange.wait(readBody(request))
      exchange.bytesSent = body.length
      const answer = new Promise<Response>((resolve, reject) => {
        this.#arrive(new PeerCall(request, { body, options, exchange }, { resolve, reject }))
      })
      return await exchange.wait(answer)
    } catch (error) {
      exchange.end()
      throw error
    }
  }

  #arrive(call: PeerCall): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#arrived.push(call)
    else waiter(call)
  }

  close(): Promise<void> {
    this.#exchanges.endAll()
    this.#arrived.length = 0
    return Promise.resolve()
  }
}
