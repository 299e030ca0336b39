import type { PlannedRequest, RequestInput } from './planned-request.ts'

/** Requests that are read ahead of a host that is busy, for each slot. */
const AHEAD = 10

/**
 * Gives requests whose host has room, in the order of the input, and reads no further ahead than it must.
 */
export class RequestQueue {
  readonly #input: AsyncIterator<RequestInput> | Iterator<RequestInput>
  readonly #plan: (input: RequestInput, index: number) => PlannedRequest
  readonly #perHost: number
  readonly #mostHeld: number
  /** Read, and waiting for their host. In the order of the input. */
  #held: PlannedRequest[] = []
  readonly #runningAt = new Map<string, number>()
  #read = 0
  #isOver = false

  constructor(
    input: Iterable<RequestInput> | AsyncIterable<RequestInput>,
    limits: { readonly size: number; readonly perHost: number },
    plan: (input: RequestInput, index: number) => PlannedRequest,
  ) {
    this.#input = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]()
    this.#plan = plan
    this.#perHost = limits.perHost
    this.#mostHeld = limits.size * AHEAD
  }

  /** Whether every request has been given. */
  get isEmpty(): boolean {
    return this.#isOver && this.#held.length === 0
  }

  /** Whether it is of use to read another. */
  get canRead(): boolean {
    return !this.#isOver && this.#held.length < this.#mostHeld
  }

  /** Reads the next request, if there is one. */
  async read(): Promise<void> {
    const step = await this.#input.next()
    if (step.done === true) this.#isOver = true
    else if (!this.#isOver) this.#held.push(this.#plan(step.value, this.#read++))
  }

  /** The next request that may run, counted as running; `null` if those that were read wait for their hosts. */
  take(): PlannedRequest | null {
    const at = this.#held.findIndex(({ host }) => (this.#runningAt.get(host) ?? 0) < this.#perHost)
    if (at === -1) return null
    const [next] = this.#held.splice(at, 1) as [PlannedRequest]
    this.#runningAt.set(next.host, (this.#runningAt.get(next.host) ?? 0) + 1)
    return next
  }

  /** A request no longer keeps its host busy. */
  finished({ host }: PlannedRequest): void {
    const running = (this.#runningAt.get(host) ?? 1) - 1
    if (running === 0) this.#runningAt.delete(host)
    else this.#runningAt.set(host, running)
  }

  /** No more will be taken. The input is told, and not waited for: it may be waiting itself. */
  stop(): void {
    this.#held = []
    if (this.#isOver) return
    this.#isOver = true
    Promise.resolve(this.#input.return?.()).catch(() => {})
  }
}
