import { type PreparedRequest, redactUrl, type TransportOptions } from '@entreat/core'

/** One request on its way: what limits it, and how far it has come. */
export interface Task {
  readonly request: PreparedRequest
  readonly options: TransportOptions
  /** Whether its control connection had served another request before. */
  connectionReused: boolean
  /** Bytes of its body given to the data connection; `null` once the server may have begun to change something. */
  requestBytesSent: number | null
  /** Whether the server has agreed to what the request asks. */
  responseStarted: boolean
}

/** A request about to begin. */
export function beginTask(request: PreparedRequest, options: TransportOptions): Task {
  return { request, options, connectionReused: false, requestBytesSent: 0, responseStarted: false }
}

/** Method and URL, for errors. */
export function describeTask({ request }: Task): string {
  return `${request.method} ${redactUrl(request.url)}`
}

const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Waits for something for a limited time.
 *
 * @param waitMs - milliseconds; `null` for ever.
 * @param giveUp - called when the time is over; what it returns is the error.
 */
export async function within<T>(promise: Promise<T>, waitMs: number | null, giveUp: () => Error): Promise<T> {
  if (waitMs === null) return promise
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(giveUp()), Math.min(waitMs, LONGEST_TIMER))
  })
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}
