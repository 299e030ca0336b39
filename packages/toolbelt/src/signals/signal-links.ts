/** Who is to be aborted with a signal: one listener on it, however many they are. */
interface Audience {
  readonly controllers: Set<AbortController>
  readonly onAbort: () => void
}

/**
 * Controllers that are aborted when a signal of somebody else is. `AbortSignal.any` would stay with that signal, which may outlive many requests, and a
 * listener for each would make Node warn of a leak.
 */
export class SignalLinks {
  readonly #audiences = new Map<AbortSignal, Audience>()

  /**
   * Aborts the controller with the signal's reason, now or when it aborts.
   *
   * @returns to be called when the signal is of no interest any more.
   */
  link(signal: AbortSignal | undefined, controller: AbortController): () => void {
    if (signal === undefined) return () => {}
    if (signal.aborted) {
      controller.abort(signal.reason)
      return () => {}
    }
    const audience = this.#audiences.get(signal) ?? this.#gather(signal)
    audience.controllers.add(controller)
    return () => {
      audience.controllers.delete(controller)
      if (audience.controllers.size > 0 || this.#audiences.get(signal) !== audience) return
      this.#audiences.delete(signal)
      signal.removeEventListener('abort', audience.onAbort)
    }
  }

  #gather(signal: AbortSignal): Audience {
    const controllers = new Set<AbortController>()
    const onAbort = (): void => {
      this.#audiences.delete(signal)
      for (const controller of controllers) controller.abort(signal.reason)
    }
    const audience = { controllers, onAbort }
    this.#audiences.set(signal, audience)
    signal.addEventListener('abort', onAbort, { once: true })
    return audience
  }
}
