import { ConnectionError } from './errors.ts'
import { delay, Lifetime } from './timeout.ts'

/** A request that runs. */
export interface Running {
  /** Says when the Session is closed under it. */
  readonly lifetime: Lifetime
  /** To be called at its end; further calls do nothing. */
  readonly end: () => void
}

/** Counts what a Session is doing, so that it can be closed in good order. */
export class InFlight {
  #buffered = 0
  #closing = 0
  #lifetime = new Lifetime()
  #whenSettled: (() => void)[] = []

  /**
   * Marks a request as running.
   *
   * @param isStreamed - streamed responses are not waited for: only their reader knows when they end.
   * @throws ConnectionError ERR_CLOSED while the Session is closing.
   */
  begin(isStreamed: boolean): Running {
    if (this.#closing > 0) throw closed('The session is closing: await close() before you use it again')
    const lifetime = this.#lifetime
    if (isStreamed) return { lifetime, end: () => {} }
    this.#buffered++
    let runs = true
    const end = (): void => {
      if (!runs) return
      runs = false
      this.#buffered--
      if (this.#buffered === 0) for (const callback of this.#whenSettled.splice(0)) callback()
    }
    return { lifetime, end }
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
    await delay(graceMs, { signal: nothingRuns.signal }).catch(() => {})
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
