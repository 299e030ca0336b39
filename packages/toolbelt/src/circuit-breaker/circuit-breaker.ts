import { ConnectionError, readOptions, type Response, Timeout, UsageError } from '@entreat/core'

/** `closed` lets everything through, `open` nothing, `half-open` a few requests that decide which it will be. */
export type CircuitState = 'closed' | 'open' | 'half-open'

/** Options of {@link CircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open it. Default 5. */
  readonly failures?: number
  /** Milliseconds that it stays open before a request is let through to see. Default 30,000. */
  readonly resetMs?: number
  /** Requests that must succeed to close it again, sent at the same time at most. Default 1. */
  readonly probes?: number
  /** What counts as a failure. Default: a connection that failed, a timeout, and the statuses 500, 502, 503 and 504. */
  readonly isFailure?: (outcome: { readonly response?: Response; readonly error?: unknown }) => boolean
  readonly onStateChange?: (event: {
    readonly origin: string
    readonly from: CircuitState
    readonly to: CircuitState
  }) => void
  /** Milliseconds since the epoch. Default: the machine's. */
  readonly now?: () => number
}

const OPTIONS: ReadonlySet<string> = new Set<keyof CircuitBreakerOptions>([
  'failures',
  'resetMs',
  'probes',
  'isFailure',
  'onStateChange',
  'now',
])
/** Origins that are remembered; those without failures are forgotten first. */
const MOST_CIRCUITS = 1000

interface Circuit {
  state: CircuitState
  /** In a row. */
  failures: number
  /** While half-open: under way, and successful. */
  probing: number
  successes: number
  openedAt: number
  /** Counts changes of state: the outcome of a request that began before the last one says nothing. */
  epoch: number
}

/** A request that was let through. Tell how it ended, once. */
export interface CircuitPass {
  ended(outcome: { readonly response?: Response; readonly error?: unknown }): void
}

/** Remembers for each origin whether requests to it fail, and holds them back for a while if they do. */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions
  readonly #failures: number
  readonly #resetMs: number
  readonly #probes: number
  readonly #now: () => number
  readonly #circuits = new Map<string, Circuit>()

  /** @throws UsageError for numbers that cannot be meant. */
  constructor(options: CircuitBreakerOptions = {}) {
    this.#options = readOptions(options, OPTIONS, 'CircuitBreaker')
    this.#failures = wholeNumber('failures', this.#options.failures ?? 5)
    this.#resetMs = wholeNumber('resetMs', this.#options.resetMs ?? 30_000)
    this.#probes = wholeNumber('probes', this.#options.probes ?? 1)
    this.#now = this.#options.now ?? Date.now
  }

  /** The state of an origin's circuit. One that has been open long enough is still `open` until a request comes. */
  stateOf(origin: string): CircuitState {
    return this.#circuits.get(origin)?.state ?? 'closed'
  }

  /**
   * Asks to let a request through.
   *
   * @returns a pass, or the milliseconds until it may be tried again.
   */
  enter(origin: string): CircuitPass | number {
    const circuit = this.#circuit(origin)
    if (circuit.state === 'open') {
      const leftMs = circuit.openedAt + this.#resetMs - this.#now()
      if (leftMs > 0) return leftMs
      this.#change(origin, circuit, 'half-open')
    }
    if (circuit.state === 'half-open') {
      if (circuit.probing + circuit.successes >= this.#probes) return 1
      circuit.probing++
    }
    return this.#pass(origin, circuit)
  }

  #pass(origin: string, circuit: Circuit): CircuitPass {
    const { epoch } = circuit
    let isOver = false
    return {
      ended: (outcome) => {
        if (isOver || circuit.epoch !== epoch) return
        isOver = true
        if (circuit.state === 'half-open') circuit.probing--
        const verdict = this.#judge(outcome)
        if (verdict === 'failure') this.#failed(origin, circuit)
        else if (verdict === 'success') this.#succeeded(origin, circuit)
      },
    }
  }

  /** An error that is no failure of the server's, such as an abort, says nothing of it. */
  #judge(outcome: { readonly response?: Response; readonly error?: unknown }): 'failure' | 'success' | 'nothing' {
    if ((this.#options.isFailure ?? isFailure)(outcome)) return 'failure'
    return outcome.response === undefined ? 'nothing' : 'success'
  }

  #failed(origin: string, circuit: Circuit): void {
    circuit.failures++
    if (circuit.state === 'half-open' || circuit.failures >= this.#failures) {
      circuit.openedAt = this.#now()
      this.#change(origin, circuit, 'open')
    }
  }

  #succeeded(origin: string, circuit: Circuit): void {
    circuit.failures = 0
    if (circuit.state === 'half-open' && ++circuit.successes >= this.#probes) this.#change(origin, circuit, 'closed')
  }

  #change(origin: string, circuit: Circuit, to: CircuitState): void {
    const from = circuit.state
    Object.assign(circuit, { state: to, probing: 0, successes: 0, failures: 0, epoch: circuit.epoch + 1 })
    this.#options.onStateChange?.({ origin, from, to })
  }

  #circuit(origin: string): Circuit {
    let circuit = this.#circuits.get(origin)
    if (circuit === undefined) {
      if (this.#circuits.size >= MOST_CIRCUITS) this.#forgetSound()
      circuit = { state: 'closed', failures: 0, probing: 0, successes: 0, openedAt: 0, epoch: 0 }
      this.#circuits.set(origin, circuit)
    }
    return circuit
  }

  #forgetSound(): void {
    for (const [origin, { state, failures }] of this.#circuits)
      if (state === 'closed' && failures === 0) this.#circuits.delete(origin)
  }
}

const FAILURES: ReadonlySet<number> = new Set([500, 502, 503, 504])

function isFailure({ response, error }: { readonly response?: Response; readonly error?: unknown }): boolean {
  if (response !== undefined) return FAILURES.has(response.statusCode)
  return error instanceof ConnectionError || error instanceof Timeout
}

function wholeNumber(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw new UsageError(`CircuitBreaker: ${name} must be a whole number, 1 or more, not ${String(value)}`)
}
