import { systemClock } from './clock.ts'
import { ConnectionError } from './errors.ts'
import { delay, Lifetime } from './timeout.ts'

/** Counts what a Session is doing, so that it can be closed in good order. */
export class InFlight {
  #buffered = 0
  #closing = 0
  #lifetime = new Lifetime()
  #whenSettled: (() => void)[] = []

  /**
   * Marks a request as running, to be ended once.
   *
   * @param isStreamed - streamed responses are not waited for: only their reader knows when they end.
   * @returns what says when the Session is closed under it.
   * @throws ConnectionError ERR_CLOSED while the Session is closing.
   */
  begin(isStreamed: boolean): Lifetime {
    if (this.#closing > 0) throw closed('The session is closing: await close() before you use it again')
    if (!isStreamed) this.#buffered++
    return this.#lifetime
  }

  /** @param isStreamed - as it was at its beginning. */
  end(isStreamed: boolean): void {
    if (isStreamed) return
    this.#buffered--
    if (this.#buffered === 0) for (const callback of this.#whenSettled.splice(0)) callback()
  }

  /** Refuses new work until the returned function is called. */
  refuseNew(): () => void {
    this.#closing++
    return () => {
      this.#closing--
    }
  }

  /** Resolves when nothing runs any more, or after `graceMs`. */
  async settled(graceMs: number): Promise<void> {
    if (this.#buffered === 0 || graceMs <= 0) return
    const nothingRuns = new AbortController()
    this.#whenSettled.push(() => nothingRuns.abort())
    await delay(graceMs, { signal: nothingRuns.signal, clock: systemClock }).catch(() => {})
  }

  /** Ends whatever still runs with ERR_CLOSED: between two legs too, where no connection could tell. */
  endAll(): void {
    const ended = this.#lifetime
    this.#lifetime = new Lifetime()
    ended.end(closed('The session was closed'))
  }
}

function closed(message: string): ConnectionError {
  return new ConnectionError(message, { code: 'ERR_CLOSED' })
}
