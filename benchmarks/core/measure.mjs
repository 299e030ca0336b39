// Measuring: rounds are interleaved and the median is taken, so that whatever else the machine does falls on everybody.
import { Session } from 'node:inspector/promises'

export function median(numbers) {
  return quantile(numbers, 0.5)
}

export function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** One round: CPU of this process, time, and what each request took. Ends after `ms` milliseconds. */
export async function runRound(once, { ms, inFlight }) {
  const latencies = []
  const cpu = process.cpuUsage()
  const started = performance.now()
  const worker = async () => {
    for (let begun = performance.now(); begun - started < ms;) {
      await once()
      const now = performance.now()
      latencies.push(now - begun)
      begun = now
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const elapsed = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  const requests = latencies.length
  return {
    requests,
    cpuMicros: (user + system) / requests,
    perSecond: (requests / elapsed) * 1000,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
}

/** What this process held at most, and what a request leaves to the garbage collector, by V8's sampling of every allocation. */
export async function weigh(once, { ms, inFlight }) {
  const peakMib = process.resourceUsage().maxRSS / 1024
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 4096,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
  const { requests } = await runRound(once, { ms, inFlight })
  const { profile } = await session.post('HeapProfiler.stopSampling')
  session.disconnect()
  const sum = ({ selfSize, children }) => children.reduce((total, child) => total + sum(child), selfSize)
  return { peakMib, kibPerRequest: sum(profile.head) / 1024 / requests }
}

/**
 * Runs rounds of several contenders in turn.
 *
 * @param contenders - `{ name, round }`, where `round(ms)` gives what {@link runRound} does.
 * @param options - milliseconds of a round, how many, and milliseconds before them: the compiler needs a while.
 * @returns by contender, medians over the rounds, and the rounds.
 */
export async function compare(contenders, { ms, rounds, warmMs = ms * 3 }) {
  const runs = new Map(contenders.map(({ name }) => [name, []]))
  for (const { round } of contenders) await round(warmMs)
  for (let turn = 0; turn < rounds; turn++) {
    const order = contenders.map((_, index) => contenders[(index + turn) % contenders.length])
    for (const { name, round } of order) runs.get(name).push(await round(ms))
  }
  return contenders.map(({ name }) => ({ name, ...summary(runs.get(name)), runs: runs.get(name) }))
}

function summary(rounds) {
  const of = (key) => median(rounds.map((round) => round[key]))
  return { cpuMicros: of('cpuMicros'), perSecond: of('perSecond'), p50: of('p50'), p99: of('p99') }
}

/** Each round's ratio to the same round of another contender: its median, and the quarter of rounds on either side. */
export function ratio(results, name, base, key = 'cpuMicros') {
  const own = results.find((result) => result.name === name)
  const other = results.find((result) => result.name === base)
  if (own === undefined || other === undefined) return null
  const ratios = own.runs.map((run, round) => run[key] / other.runs[round][key])
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
}
