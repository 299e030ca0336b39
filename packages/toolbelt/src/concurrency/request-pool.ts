import { type Response, Session, TotalTimeout, UsageError } from '@entreat/core'
import type { ResolvedConcurrency } from './concurrency-options.ts'
import { type PlannedRequest, planRequest, type RequestInput } from './planned-request.ts'
import { SignalLinks } from '../signals/signal-links.ts'
import { RequestQueue } from './request-queue.ts'

/** A finished request: its place among the requests, and what became of it. */
interface Finished<T> {
  readonly index: number
  readonly value: T
  /** Its response, where that is the value. */
  readonly response: Response | null
  /** Frees its slot, unless its body does. */
  readonly given: () => void
}

/**
 * Runs requests, no more than `size` at once. A result holds its slot until the consumer has taken it, a streamed response until its body is over: so what is
 * in memory is bounded by `size`, however slow the consumer.
 */
export class RequestPool<T, E> {
  readonly #options: ResolvedConcurrency<T, E>
  readonly #session: Session
  readonly #givesStreams: boolean
  readonly #links = new SignalLinks()
  readonly #queue: RequestQueue
  readonly #total: number | null
  readonly #running = new Set<LinkedController>()
  /** Of streamed responses that the consumer has, and whose bodies are not over. They hold slots. */
  readonly #streams = new Set<LinkedController>()
  readonly #finished: Finished<T | E>[] = []
  #slotsUsed = 0
  #count = 0
  #isReading = false
  #failure: { readonly error: unknown } | null = null
  #timeout: TotalTimeout | null = null
  #wake: (() => void) | null = null
  #isOver = false

  /**
   * @param givesStreams - whether results are taken as they come: a streamed response that nobody can read before the end would hold its slot for ever.
   * @throws UsageError.
   */
  constructor(
    inputs: Iterable<RequestInput> | AsyncIterable<RequestInput>,
    options: ResolvedConcurrency<T, E>,
    givesStreams: boolean,
  ) {
    this.#givesStreams = givesStreams
    if (options.stream === true && options.onResponse === undefined && !givesStreams) throw unreadable()
    if (typeof inputs === 'string' || typeof inputs !== 'object' || inputs === null) {
      throw new UsageError('map and imap take a list, or another iterable, of requests')
    }
    this.#options = options
    this.#session = options.session ?? new Session()
    this.#total = Array.isArray(inputs) ? inputs.length : null
    const stream = options.stream === true
    this.#queue = new RequestQueue(inputs, options, (input, index) => planRequest(input, index, this.#session, stream))
  }

  /** The results, as they finish or in the order of the requests. */
  async *results(): AsyncGenerator<[index: number, value: T | E], void, undefined> {
    const { signal, timeoutMs, ordered } = this.#options
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted === true) this.#onAbort()
    const timer = timeoutMs === undefined ? null : setTimeout(() => this.#runOut(timeoutMs), timeoutMs)
    try {
      for (let next = 0; ;) {
        this.#fill()
        const result = this.#take(ordered === true ? next : null)
        if (result === null) {
          if (this.#failure !== null) throw this.#failure.error
          if (this.#queue.isEmpty && this.#slotsUsed === this.#streams.size && !this.#isReading) return
          await this.#change()
          continue
        }
        next++
        result.given()
        yield [result.index, result.value]
      }
    } finally {
      if (timer !== null) clearTimeout(timer)
      await this.#end()
    }
  }

  #take(index: number | null): Finished<T | E> | null {
    const at = index === null ? 0 : this.#finished.findIndex((result) => result.index === index)
    return this.#finished.splice(at, at === -1 ? 0 : 1)[0] ?? null
  }

  /** Resolves at the next result, free slot or failure. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #changed(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#options.signal?.reason
    for (const controller of this.#streams) controller.abort(reason)
    this.#fail(reason)
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    for (const controller of this.#running) controller.abort(error)
    this.#changed()
  }

  #runOut(timeoutMs: number): void {
    this.#timeout = new TotalTimeout(`The requests were not finished within timeoutMs = ${timeoutMs}`)
    for (const controller of this.#running) controller.abort(this.#timeout)
  }

  /** Starts what may be started, and reads on in the input while there are slots. */
  #fill(): void {
    while (this.#hasRoom()) {
      const planned = this.#queue.take()
      if (planned === null) break
      this.#slotsUsed++
      void this.#run(planned)
    }
    if (this.#hasRoom() && !this.#isReading && this.#queue.canRead) void this.#read()
  }

  #hasRoom(): boolean {
    return this.#failure === null && !this.#isOver && this.#slotsUsed < this.#options.size
  }

  /** One at a time reads the input, which may take its time. */
  async #read(): Promise<void> {
    this.#isReading = true
    try {
      await this.#queue.read()
    } catch (error) {
      this.#fail(error)
    }
    this.#isReading = false
    this.#fill()
    this.#changed()
  }

  async #run(planned: PlannedRequest): Promise<void> {
    const { index } = planned
    const controller = this.#controllerFor(planned)
    this.#running.add(controller)
    let response: Response | null = null
    try {
      if (this.#timeout !== null) throw this.#timeout
      response = await planned.send(controller.signal)
      await this.#succeeded(planned, response, controller)
    } catch (error) {
      response?.close()
      this.#release(planned, controller)
      await this.#failed(error, planned, index)
    }
  }

  #controllerFor({ signal }: PlannedRequest): LinkedController {
    const controller = new AbortController()
    const unlink = this.#links.link(signal, controller)
    return { signal: controller.signal, abort: (reason) => controller.abort(reason), unlink }
  }

  async #succeeded(planned: PlannedRequest, response: Response, controller: LinkedController): Promise<void> {
    const { onResponse } = this.#options
    const { index } = planned
    if (onResponse !== undefined) {
      const value = await onResponse(response, index)
      response.close()
      this.#release(planned, controller)
      return this.#finish({ index, value, response: null, given: () => this.#freeSlot() })
    }
    const { isStreamed } = planned
    if (isStreamed && !this.#givesStreams) throw unreadable()
    if (!isStreamed) this.#release(planned, controller)
    this.#finish({
      index,
      value: response as T,
      response,
      given: () => (isStreamed ? this.#giveStream(response, planned, controller) : this.#freeSlot()),
    })
  }

  async #failed(error: unknown, { input }: PlannedRequest, index: number): Promise<void> {
    const { onError } = this.#options
    if (this.#failure !== null || this.#isOver) return this.#changed()
    if (onError === undefined) return this.#fail(error)
    try {
      const value = await onError(error, input, index)
      this.#finish({ index, value, response: null, given: () => this.#freeSlot() })
    } catch (own) {
      this.#fail(own)
    }
  }

  /** The server has done its part. */
  #release(planned: PlannedRequest, controller: LinkedController): void {
    controller.unlink()
    this.#running.delete(controller)
    this.#queue.finished(planned)
  }

  #finish(result: Finished<T | E>): void {
    if (this.#isOver) return result.response?.close()
    this.#finished.push(result)
    this.#count++
    try {
      const isDone = this.#count === this.#total
      this.#options.onProgress?.({ transferred: this.#count, total: this.#total, isDone, attempt: 1 })
    } catch (error) {
      this.#fail(error)
    }
    this.#changed()
  }

  #freeSlot(): void {
    this.#slotsUsed--
    this.#fill()
    this.#changed()
  }

  #giveStream(response: Response, planned: PlannedRequest, controller: LinkedController): void {
    this.#running.delete(controller)
    this.#streams.add(controller)
    response.whenDone(() => {
      controller.unlink()
      this.#streams.delete(controller)
      this.#queue.finished(planned)
      this.#freeSlot()
      if (this.#isOver) this.#letGo().catch(() => {})
    })
  }

  /** Ends what runs. Streams that the consumer has are its own. */
  async #end(): Promise<void> {
    this.#isOver = true
    const reason = this.#failure?.error ?? new Error('The results are no longer wanted')
    for (const { response } of this.#finished.splice(0)) response?.close()
    for (const controller of this.#running) controller.abort(reason)
    this.#queue.stop()
    await this.#letGo()
  }

  /** Once nothing is left of ours. */
  async #letGo(): Promise<void> {
    if (this.#streams.size > 0) return
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#options.session === undefined) await this.#session.close()
  }
}

function unreadable(): UsageError {
  return new UsageError(
    'map cannot give streamed responses: each would hold its slot until it is read, and you get them when all are finished. Read them in onResponse, or use imap',
  )
}

/** Ends one request. */
interface LinkedController {
  readonly signal: AbortSignal
  abort(reason: unknown): void
  /** The request is over: its own signal is of no interest any more. */
  unlink(): void
}
