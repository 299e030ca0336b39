/**
 * When each phase of one exchange was over, in milliseconds since the request was handed to the adapter. `null` for what did not happen (a connection that
 * was kept is not opened again), has not happened yet, or cannot be known of an adapter.
 */
export interface Timings {
  /** When it began, in milliseconds since the epoch. */
  readonly startedAt: number
  /** The host's name was resolved: the origin's, or the proxy's. */
  readonly dns: number | null
  /** The connection was there, a proxy's tunnel included. */
  readonly connect: number | null
  /** TLS with the origin was there. */
  readonly tls: number | null
  /** The last byte of the request was handed to the connection. */
  readonly sent: number | null
  /** The head of the response was there. */
  readonly firstByte: number
  /** The last byte of the body was there. */
  readonly end: number | null
}

/** When a connection was opened, by `performance.now()`. */
export interface Opening {
  dns: number | null
  connect: number | null
  tls: number | null
}

/** What an adapter notes of one exchange, by `performance.now()`. */
export interface Marks {
  /** `null` on a connection that was kept. */
  readonly opening: Opening | null
  sent: number | null
  firstByte: number | null
  end: number | null
}

/** What is known of an exchange of which the adapter notes nothing. */
export const NO_MARKS: Marks = Object.freeze({ opening: null, sent: null, firstByte: null, end: null })

/**
 * Tells phases from moments.
 *
 * @param started - when the exchange began, by `performance.now()`.
 * @param firstByte - milliseconds from then to the head of the response.
 */
export function timingsOf(started: number, firstByte: number, { opening, sent, end }: Marks): Timings {
  // A connection may have been on its way before the request that took it.
  const since = (moment: number | null | undefined): number | null =>
    moment === null || moment === undefined ? null : Math.max(0, moment - started)
  return {
    startedAt: performance.timeOrigin + started,
    dns: since(opening?.dns),
    connect: since(opening?.connect),
    tls: since(opening?.tls),
    sent: since(sent),
    firstByte,
    end: since(end),
  }
}
