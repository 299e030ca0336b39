import type { Clock } from './clock.ts'
import { announceEnd, announceError, announceStart } from './diagnostics.ts'
import type { Exchange, ExchangeOptions } from './exchange/exchange.ts'
import type { InFlight } from './in-flight.ts'
import type { PreparedRequest } from './message/prepared-request.ts'
import type { Response } from './message/response.ts'
import { Deadline, type EndListener, type Lifetime } from './timeout.ts'

/** How one call is bounded. */
export interface CallBounds {
  /** Milliseconds for all of it, or `null`. */
  readonly totalMs: number | null
  readonly signal: AbortSignal | undefined
  readonly isStreamed: boolean
  /** What `totalMs` is measured by. */
  readonly clock: Clock
}

/**
 * One call of a Session, from its beginning to the end of the body: what ends it before its time, and who is told of it.
 *
 * One object for what would be a deadline's listener, a Session's listener and three callbacks: this is the path of every request.
 */
export class Call implements EndListener {
  /** Says when the Session is closed under it. */
  readonly lifetime: Lifetime
  place = -1
  readonly #inFlight: InFlight
  readonly #isStreamed: boolean
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  readonly #deadline: Deadline | null
  readonly #onAbort: (() => void) | null
  #request: PreparedRequest | null = null
  #id = 0
  #isSettled = false

  /** @throws ConnectionError ERR_CLOSED while the Session is closing; the signal's reason if it has aborted. */
  constructor(
    inFlight: InFlight,
    { totalMs, signal, isStreamed, clock }: CallBounds,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.#inFlight = inFlight
    this.#isStreamed = isStreamed
    this.#resolve = resolve
    this.#reject = reject
    signal?.throwIfAborted?.()
    this.#deadline = totalMs === null && signal === undefined ? null : new Deadline(totalMs, signal, clock)
    this.#onAbort = this.#deadline === null ? null : (): void => this.onEnd()
    this.lifetime = inFlight.begin(isStreamed)
  }

  /** The caller's signal and the deadline together. */
  get signal(): AbortSignal | undefined {
    return this.#deadline?.signal
  }

  /** What is sent, once that is known: for the error of the deadline. */
  set request(request: PreparedRequest) {
    this.#request = request
    if (this.#deadline !== null) this.#deadline.request = request
  }

  /** Sends the request down the layers. Whatever comes of it, or ends it before, settles the call. */
  run(exchange: Exchange, request: PreparedRequest, options: ExchangeOptions): void {
    this.#id = options.id
    announceStart(options.id, request)
    const running = exchange(request, options)
    running.then(
      (response) => this.#finish(response),
      (error: unknown) => this.fail(error),
    )
    if (this.signal?.aborted === true || this.lifetime.endedWith !== null) return this.onEnd()
    if (this.#onAbort !== null) this.signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.lifetime.listen(this)
  }

  /** The Session closes, or the signal aborts: the layers may take their time, the caller need not wait for them. */
  onEnd(): void {
    const { signal } = this
    this.fail(signal?.aborted === true ? signal.reason : this.lifetime.endedWith)
  }

  #finish(response: Response): void {
    if (this.#isSettled) return response.close()
    this.#settle()
    if (response.isDone) this.#release()
    else response.whenDone(() => this.#release())
    announceEnd(this.#id, this.#request as PreparedRequest, response)
    this.#resolve(response)
  }

  fail(error: unknown): void {
    if (this.#isSettled) return
    this.#settle()
    this.#release()
    if (this.#id !== 0) announceError(this.#id, this.#request as PreparedRequest, error)
    this.#reject(error)
  }

  #settle(): void {
    this.#isSettled = true
    this.lifetime.leave(this)
    if (this.#onAbort !== null) this.signal?.removeEventListener('abort', this.#onAbort)
  }

  #release(): void {
    this.#deadline?.dispose()
    this.#inFlight.end(this.#isStreamed)
  }
}
