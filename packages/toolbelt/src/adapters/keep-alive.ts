import type { Socket } from 'node:net'
import { readOptions, UsageError } from '@entreat/core'
import { type SocketOption, socketOptionSetter } from './socket-options.ts'

/** When and how often a silent peer is asked whether it is still there. The system counts in seconds. */
export interface KeepAlive {
  /** Milliseconds of silence before the first question. Default 60,000. */
  readonly idleMs?: number
  /** Milliseconds between questions. Default: Node's, a second; anything else needs the package `koffi`. */
  readonly intervalMs?: number
  /** Questions without an answer before the connection fails. Default: Node's, ten; anything else needs the package `koffi`. */
  readonly count?: number
}

const OPTIONS: ReadonlySet<string> = new Set<keyof KeepAlive>(['idleMs', 'intervalMs', 'count'])
const IPPROTO_TCP = 6
/** TCP_KEEPINTVL and TCP_KEEPCNT. */
const NUMBERS: ReadonlyMap<string, { readonly interval: number; readonly count: number }> = new Map([
  ['linux', { interval: 5, count: 6 }],
  ['android', { interval: 5, count: 6 }],
  ['darwin', { interval: 0x101, count: 0x102 }],
  ['freebsd', { interval: 512, count: 1024 }],
])

/** @throws UsageError for times that cannot be meant, or that cannot be set on this machine. */
export function keepAliveSetter(keepAlive: KeepAlive, where: string): (socket: Socket) => void {
  const { idleMs = 60_000, intervalMs, count } = readOptions(keepAlive, OPTIONS, `${where}: keepAlive`)
  for (const [name, value] of [
    ['idleMs', idleMs],
    ['intervalMs', intervalMs ?? 1000],
  ] as const) {
    if (!(value >= 1000 && value <= 32_767_000))
      throw new UsageError(
        `${where}: keepAlive.${name} must be milliseconds, from 1,000 to 32,767,000, not ${String(value)}`,
      )
  }
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 127)) {
    throw new UsageError(`${where}: keepAlive.count must be a whole number from 1 to 127, not ${String(count)}`)
  }
  const options = probeOptions(intervalMs, count, where)
  const setOptions = options.length === 0 ? null : socketOptionSetter(options, where)
  return (socket) => {
    socket.setKeepAlive(true, idleMs)
    // After Node, which sets interval and count itself.
    setOptions?.(socket)
  }
}

function probeOptions(intervalMs: number | undefined, count: number | undefined, where: string): SocketOption[] {
  if (intervalMs === undefined && count === undefined) return []
  const numbers = NUMBERS.get(process.platform)
  if (numbers === undefined)
    throw new UsageError(`${where}: keepAlive.intervalMs and count cannot be set on ${process.platform}`)
  return [
    ...(intervalMs === undefined ? [] : [[IPPROTO_TCP, numbers.interval, Math.round(intervalMs / 1000)] as const]),
    ...(count === undefined ? [] : [[IPPROTO_TCP, numbers.count, count] as const]),
  ]
}
