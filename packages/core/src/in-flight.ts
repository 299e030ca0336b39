import { ConnectionError } from './errors.ts'
import { delay } from './timeout.ts'

/** Counts what a Session is doing, so that it can be closed in good order. */
export class InFlight {
  #buffered = 0
  #closing = 0
  #whenSettled: (() => void)[] = []

  /**
   * Marks a request as running.
   *
   * @param isStreamed - streamed responses are not waited for: only their reader knows when they end.
   * @returns to be called at its end; further calls do nothing.
   * @throws ConnectionError ERR_CLOSED while the Session is closing.
   */
  begin(isStreamed: boolean): () => void {
    if (this.#closing > 0)
      throw new ConnectionError('The session is closing: await close() before you use it again', { code: 'ERR_CLOSED' })
    if (isStreamed) return () => {}
    this.#buffered++
    let running = true
    return () => {
      if (!running) return
      running = false
      this.#buffered--
      if (this.#buffered === 0) for (const callback of this.#whenSettled.splice(0)) callback()
    }
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
    await delay(graceMs, nothingRuns.signal).catch(() => {})
  }
}
