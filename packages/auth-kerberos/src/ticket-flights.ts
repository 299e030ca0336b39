/** How long a service counts as one whose ticket is at hand. Going alone once more costs next to nothing, so it may be short. */
const FRESH_MS = 5 * 60_000
const MOST_SERVICES = 1000

/**
 * Who fetches the ticket for a service. The first request does it alone, and the others wait for it: a hundred at once would fetch it a hundred times, or wait
 * a hundred times for a KDC that does not answer.
 */
export class TicketFlights {
  readonly #freshUntil = new Map<string, number>()
  readonly #flights = new Map<string, Promise<unknown>>()

  /** What is fetching the ticket for a service now, or `null`. Rejects with why there is none. */
  current(service: string): Promise<unknown> | null {
    return this.#flights.get(service) ?? null
  }

  /** Whether a ticket was fetched lately. */
  isFresh(service: string, now: number): boolean {
    return now < (this.#freshUntil.get(service) ?? 0)
  }

  /** Makes others wait for a call that fetches the ticket. */
  begin(service: string, flight: Promise<unknown>, now: () => number): void {
    this.#flights.set(service, flight)
    const land = (): void => void this.#flights.delete(service)
    flight.then(() => {
      if (this.#freshUntil.size >= MOST_SERVICES) this.#freshUntil.clear()
      this.#freshUntil.set(service, now() + FRESH_MS)
      land()
    }, land)
  }
}
