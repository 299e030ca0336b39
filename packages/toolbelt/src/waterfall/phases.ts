import type { HarTimings } from '../har/har.ts'

/** A phase of an exchange, as the page shows it. */
export interface Phase {
  readonly key: 'blocked' | 'dns' | 'connect' | 'ssl' | 'send' | 'wait' | 'receive'
  readonly label: string
}

/** In the order in which they pass. */
export const PHASES: readonly Phase[] = [
  { key: 'blocked', label: 'Blocked' },
  { key: 'dns', label: 'DNS' },
  { key: 'connect', label: 'Connect' },
  { key: 'ssl', label: 'TLS' },
  { key: 'send', label: 'Send' },
  { key: 'wait', label: 'Wait' },
  { key: 'receive', label: 'Receive' },
]

/** A phase that took time. */
export interface Span extends Phase {
  readonly ms: number
}

/** The phases that an exchange had, one after the other. HAR counts TLS as a part of connecting; here it is one of its own. */
export function spansOf(timings: Partial<HarTimings> | undefined): Span[] {
  const msOf = (key: Phase['key']): number => {
    const value: unknown = timings?.[key]
    return typeof value === 'number' && Number.isFinite(value) ? value : -1
  }
  const tls = msOf('ssl')
  const duration = ({ key }: Phase): number =>
    key === 'connect' && tls > 0 ? Math.max(0, msOf('connect') - tls) : msOf(key)
  return PHASES.map((phase) => ({ ...phase, ms: duration(phase) })).filter(({ ms }) => ms >= 0)
}
