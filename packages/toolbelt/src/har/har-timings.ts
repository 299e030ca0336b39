import type { Timings } from '@entreat/core'
import type { HarTimings } from './har.ts'

/**
 * Phases from moments.
 *
 * Waiting for a free connection is not told apart: it is part of `dns` and `connect` where one was opened, of `send` where one was kept.
 *
 * @see HAR 1.2, "timings": all but `ssl`, which is a part of `connect`, add up to the entry's time.
 */
export function harTimings({ dns, connect, tls, sent, firstByte, end }: Timings): HarTimings {
  let at = 0
  // Moments may be out of order: a server can answer before the request is over.
  const phase = (moment: number | null): number => {
    if (moment === null) return -1
    const from = at
    at = Math.max(at, moment)
    return at - from
  }
  const dnsMs = phase(dns)
  const tcpMs = phase(connect)
  const sslMs = phase(tls)
  const sendMs = Math.max(0, phase(sent === null ? null : Math.min(sent, firstByte)))
  const waitMs = phase(firstByte)
  const receiveMs = Math.max(0, phase(end))
  return {
    blocked: -1,
    dns: dnsMs,
    connect: tcpMs === -1 ? -1 : tcpMs + Math.max(0, sslMs),
    ssl: sslMs,
    send: sendMs,
    wait: waitMs,
    receive: receiveMs,
  }
}

/** What the phases take together, in milliseconds. */
export function totalTime({ blocked, dns, connect, send, wait, receive }: HarTimings): number {
  return [blocked, dns, connect, send, wait, receive].reduce((sum, ms) => sum + Math.max(0, ms), 0)
}
