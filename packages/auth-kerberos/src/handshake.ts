import type { NativeCalls } from './native-calls.ts'
import { type Patience, untilImpatient } from './patience.ts'
import type { GssContext, GssContextOptions, GssFlags, GssProvider, GssStep } from './provider/gss-provider.ts'
import type { TicketFlights } from './ticket-flights.ts'

/** What the handshakes of one scheme share. */
export interface HandshakeSetting {
  readonly provider: GssProvider
  readonly calls: NativeCalls
  readonly flights: TicketFlights
  /** Longest time for one step, in milliseconds; `null` for no limit. */
  readonly timeoutMs: number | null
}

/** One security context and the rules of its use: steps in turn, none after the end, freed once and never under a running step. */
export class Handshake {
  readonly #setting: HandshakeSetting
  readonly #service: string
  readonly #signal: AbortSignal | undefined
  readonly #context: GssContext
  #running = false
  #isDisposed = false
  #complete = false

  /** @throws what the provider throws. */
  constructor(setting: HandshakeSetting, options: GssContextOptions, signal: AbortSignal | undefined) {
    this.#setting = setting
    this.#service = options.service
    this.#signal = signal
    this.#context = setting.provider.createContext(options)
  }

  /** Whether the context is established. */
  get complete(): boolean {
    return this.#complete
  }

  /** What has been granted, or `null` if the provider cannot tell. */
  get flags(): GssFlags | null {
    return this.#context.flags
  }

  /**
   * The first token, for which a ticket may have to be fetched.
   *
   * @param now - milliseconds since the epoch.
   * @throws what the provider throws, to this handshake or to the one that it waited for; the signal's reason; OutOfPatience.
   */
  async begin(now: () => number): Promise<Uint8Array | null> {
    const { calls, flights } = this.#setting
    const patience = this.#patience()
    const flight = flights.current(this.#service)
    if (flight !== null) await untilImpatient(flight, patience)
    else if (!flights.isFresh(this.#service, now())) {
      // It is made even when its own request is given up by then: others may be waiting for it.
      this.#running = true
      const step = calls.run(() => this.#step(null), { until: Infinity })
      flights.begin(this.#service, step, now)
      return (await untilImpatient(step, patience)).token
    }
    return (await calls.run(() => this.#step(null), patience)).token
  }

  /**
   * Takes the other side's token.
   *
   * @returns what is to be sent now, or `null`.
   * @throws what the provider throws; the signal's reason; OutOfPatience.
   */
  async continue(token: Uint8Array): Promise<Uint8Array | null> {
    const step = await this.#setting.calls.run(() => this.#step(token), this.#patience())
    return step.token
  }

  /** Frees the context, when a running step has returned. */
  dispose(): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    if (!this.#running) this.#context.dispose()
  }

  async #step(token: Uint8Array | null): Promise<GssStep> {
    this.#running = true
    try {
      const step = await this.#context.step(token)
      this.#complete = step.complete
      return step
    } finally {
      this.#running = false
      if (this.#isDisposed) this.#context.dispose()
    }
  }

  #patience(): Patience {
    const { timeoutMs } = this.#setting
    return { signal: this.#signal, until: timeoutMs === null ? Infinity : performance.now() + timeoutMs }
  }
}
