// Measuring: rounds are interleaved and the median is taken, so that whatever else the machine does falls on everybody.

export function median(numbers) {
  return quantile(numbers, 0.5)
}

export function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** One round: CPU of this process, time, and what each request took. */
async function runRound(once, { requests, inFlight }) {
  const latencies = new Float64Array(requests)
  let next = 0
  const worker = async () => {
    while (next < requests) {
      const index = next++
      const started = performance.now()
      await once()
      latencies[index] = performance.now() - started
    }
  }
  const cpu = process.cpuUsage()
  const started = performance.now()
  await Promise.all(Array.from({ length: inFlight }, worker))
  const ms = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  return {
    cpuMicros: (user + system) / requests,
    perSecond: (requests / ms) * 1000,
    p50: quantile([...latencies], 0.5),
    p99: quantile([...latencies], 0.99),
  }
}

/**
 * Runs one scenario with every client.
 *
 * @param contenders - `{ name, once }`.
 * @returns by client, medians over the rounds, and the rounds.
 */
export async function compare(contenders, { requests, inFlight, rounds }) {
  const runs = new Map(contenders.map(({ name }) => [name, []]))
  for (const { once } of contenders) await runRound(once, { requests: Math.min(requests, 500), inFlight })
  for (let round = 0; round < rounds; round++) {
    // Everybody comes after everybody else once: who follows a wasteful client collects its garbage.
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length])
    for (const { name, once } of order) {
      globalThis.gc?.()
      runs.get(name).push(await runRound(once, { requests, inFlight }))
    }
  }
  return contenders.map(({ name }) => ({ name, ...summary(runs.get(name)), runs: runs.get(name) }))
}

function summary(rounds) {
  const of = (key) => median(rounds.map((round) => round[key]))
  return { cpuMicros: of('cpuMicros'), perSecond: of('perSecond'), p50: of('p50'), p99: of('p99') }
}

/** Each round's ratio to the same round of another client: its median, and the quarter of rounds on either side. */
export function ratio(results, name, base, key = 'cpuMicros') {
  const own = results.find((result) => result.name === name)
  const other = results.find((result) => result.name === base)
  if (own === undefined || other === undefined) return null
  const ratios = own.runs.map((run, round) => run[key] / other.runs[round][key])
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
}
