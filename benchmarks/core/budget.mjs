// The budget that the project holds itself to, line by line, and whether a run met it.
import { median, ratio } from './measure.mjs'

const BUDGET_SCENARIO = 'GET, one cookie and Basic'
const atMost = (value, limit) => ({ value, limit, isMet: value !== null && value <= limit, sign: '<=' })
const atLeast = (value, limit) => ({ value, limit, isMet: value !== null && value >= limit, sign: '>=' })

/** CPU of a Session with a cookie and Basic beside what others take for the same. */
function cpuLines(results) {
  const limits = {
    'undici.request': 0.85,
    'bare dispatch': 1.4,
    fetch: 0.3,
    superagent: 0.3,
    got: 0.3,
    axios: 0.3,
    ky: 0.3,
    'node-fetch': 0.3,
  }
  return Object.entries(limits).map(([peer, limit]) => ({
    what: `CPU of a request, against ${peer}`,
    ...atMost(ratio(results, 'entreat', peer)?.median ?? null, limit),
  }))
}

function transferLines(transfers) {
  return ['download', 'upload'].flatMap((job) => {
    const [own, peer] = ['entreat', 'undici.stream'].map((name) => transfers[job]?.[name])
    if (own === undefined || peer === undefined) return []
    return [
      {
        what: `throughput of ${job}, against undici.stream`,
        ...atLeast(median(own.runs.map((run, round) => run.mibPerSecond / peer.runs[round].mibPerSecond)), 1),
      },
      { what: `peak memory of ${job} over undici.stream's, MiB`, ...atMost(own.overIdleMib - peer.overIdleMib, 16) },
    ]
  })
}

function memoryLines(transfers) {
  const peer = transfers.upload?.['undici.stream']
  const form = transfers.form?.entreat
  const slow = transfers.slowDownload?.entreat
  const lines = []
  if (form !== undefined && peer !== undefined)
    lines.push({
      what: "peak memory of multipart over undici.stream's upload, MiB",
      ...atMost(form.overIdleMib - peer.overIdleMib, 16),
    })
  if (slow !== undefined)
    lines.push({ what: 'peak memory while 128 MiB wait for a slow reader, MiB', ...atMost(slow.overIdleMib, 48) })
  return lines
}

/** @returns each line with its figure, its limit and whether it is met. */
export function judge({ scenarios, transfers }) {
  const budget = scenarios.find(({ name }) => name === BUDGET_SCENARIO)
  return [...cpuLines(budget?.results ?? []), ...transferLines(transfers), ...memoryLines(transfers)]
}
