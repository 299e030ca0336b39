import type { HarEntry, HarRequest, HarResponse } from '../har/har.ts'
import { type Span, spansOf } from './phases.ts'

/** What the page needs of an entry: of a foreign HAR, whatever it left out is filled in. */
type ShownEntry = Pick<HarEntry, 'comment' | '_call' | '_hop' | '_attempt' | '_leg'> & {
  readonly request: HarRequest
  readonly response: HarResponse
}

/** One exchange on the time axis. */
export interface Row {
  readonly entry: ShownEntry
  /** Milliseconds after the first exchange began. */
  readonly startMs: number
  readonly durationMs: number
  readonly spans: readonly Span[]
  /** What it is within its call: `redirect 1`, `retry 1`, `with credentials`, `repeated`. */
  readonly labels: readonly string[]
}

/** All exchanges, and the axis that they share. */
export interface Timeline {
  /** In the order in which they began. */
  readonly rows: readonly Row[]
  readonly totalMs: number
  readonly ticks: readonly { readonly ms: number; readonly percent: number }[]
}

/** About how many intervals the axis has. */
const INTERVALS = 5

/** Lays entries out in time. */
export function timelineOf(entries: readonly Partial<HarEntry>[]): Timeline {
  const begun = entries.map(startOf)
  const first = begun.reduce((least, at) => Math.min(least, at), Infinity)
  const labels = labelEntries(entries)
  const rows = entries.map((entry, index) =>
    rowOf(entry, (begun[index] as number) - first, labels[index] as readonly string[]),
  )
  rows.sort((a, b) => a.startMs - b.startMs)
  const totalMs = rows.reduce((most, { startMs, durationMs }) => Math.max(most, startMs + durationMs), 0)
  return { rows, totalMs, ticks: ticksOf(totalMs) }
}

function startOf({ startedDateTime }: Partial<HarEntry>): number {
  const at = Date.parse(startedDateTime ?? '')
  return Number.isNaN(at) ? 0 : at
}

function rowOf(entry: Partial<HarEntry>, startMs: number, labels: readonly string[]): Row {
  const spans = spansOf(entry.timings)
  const durationMs = spans.reduce((sum, { ms }) => sum + ms, 0)
  return { entry: complete(entry), startMs, durationMs, spans, labels }
}

const NO_REQUEST: HarRequest = {
  method: '',
  url: '',
  httpVersion: '',
  cookies: [],
  headers: [],
  queryString: [],
  headersSize: -1,
  bodySize: -1,
}
const NO_RESPONSE: HarResponse = {
  status: 0,
  statusText: '',
  httpVersion: '',
  cookies: [],
  headers: [],
  content: { size: -1, mimeType: '' },
  redirectURL: '',
  headersSize: -1,
  bodySize: -1,
}

function complete(entry: Partial<HarEntry>): ShownEntry {
  return {
    ...entry,
    request: { ...NO_REQUEST, ...entry.request },
    response: { ...NO_RESPONSE, ...entry.response },
  }
}

/** Says of each entry why it was sent, where the recording tells. */
function labelEntries(entries: readonly Partial<HarEntry>[]): string[][] {
  const refusals = new Map<string, boolean>()
  return entries.map(({ _call, _hop = 0, _attempt = 0, _leg = 0, response }) => {
    const labels: string[] = []
    if (_hop > 0) labels.push(`redirect ${_hop}`)
    if (_attempt > 0) labels.push(`retry ${_attempt}`)
    const key = `${_call} ${_hop} ${_attempt}`
    // The leg before asked for credentials, or failed on a connection that had gone stale.
    if (_leg > 0) labels.push(refusals.get(key) === true ? 'with credentials' : 'repeated')
    refusals.set(key, response?.status === 401 || response?.status === 407)
    return labels
  })
}

/** Round numbers from 0 to the end of the axis. */
function ticksOf(totalMs: number): { ms: number; percent: number }[] {
  if (!(totalMs > 0)) return [{ ms: 0, percent: 0 }]
  const rough = totalMs / INTERVALS
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude
  const ticks: { ms: number; percent: number }[] = []
  for (let ms = 0; ms <= totalMs && ticks.length < 20; ms += step) ticks.push({ ms, percent: percentOf(ms, totalMs) })
  return ticks
}

/** A part of the whole, as CSS takes it. */
export function percentOf(part: number, whole: number): number {
  return whole > 0 ? Number(((part / whole) * 100).toFixed(3)) : 0
}
