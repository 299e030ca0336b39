// The tables.
import { ratio } from './measure.mjs'

const BASE = 'undici.request'
const pad = (value, width) => String(value).padStart(width)

export function printScenario({ name, inFlight, ms, results }) {
  console.log(`${name} (rounds of ${ms} ms, ${inFlight} in flight)`)
  console.log(
    `  ${'client'.padEnd(16)} CPU us   x ${BASE} (quartiles)   requests/s   p50 ms   p99 ms   peak MiB   KiB a request`,
  )
  for (const { name: client, cpuMicros, perSecond, p50, p99, peakMib, kibPerRequest } of results) {
    const against = ratio(results, client, BASE)
    const spread =
      against === null ? '' : `${against.median.toFixed(2)} (${against.low.toFixed(2)} to ${against.high.toFixed(2)})`
    const times = `${pad(perSecond.toFixed(0), 10)} ${pad(p50.toFixed(2), 8)} ${pad(p99.toFixed(2), 8)}`
    const weights = `${pad(peakMib.toFixed(0), 10)} ${pad(kibPerRequest.toFixed(1), 15)}`
    console.log(`  ${client.padEnd(16)} ${pad(cpuMicros.toFixed(1), 6)}   ${spread.padEnd(31)} ${times} ${weights}`)
  }
  console.log()
}

const figures = {
  mibPerSecond: (value) => `${value.toFixed(0)} MiB/s`,
  cpuSeconds: (value) => `${value.toFixed(2)} s CPU`,
  overIdleMib: (value) => `${value.toFixed(0)} MiB over idle`,
  cpuMicros: (value) => `${value.toFixed(0)} us CPU`,
  perSecond: (value) => `${value.toFixed(0)} requests/s`,
  importMs: (value) => `import ${value.toFixed(0)} ms`,
  rssMib: (value) => `+${value.toFixed(0)} MiB`,
}

export function printJobs(title, results, { mib }) {
  const isTransfer = Object.values(results).some(({ mibPerSecond }) => mibPerSecond !== undefined)
  console.log(isTransfer ? `${title}, ${mib} MiB` : title)
  for (const [client, values] of Object.entries(results)) {
    const shown = Object.entries(figures)
      .filter(([key]) => key in values)
      .map(([key, show]) => show(values[key]).padEnd(20))
    console.log(`  ${client.padEnd(16)} ${shown.join(' ')}`)
  }
  console.log()
}

export function printBudget(lines, python, scenarios) {
  console.log('Budget')
  for (const { what, value, limit, isMet, sign } of lines)
    console.log(
      `  ${isMet ? 'met    ' : 'NOT MET'} ${pad(value === null ? '-' : value.toFixed(2), 7)} ${sign} ${String(limit).padEnd(5)} ${what}`,
    )
  const alone = scenarios.find(({ inFlight }) => inFlight === 1)?.results.find(({ name }) => name === BASE)
  if (python !== null && alone !== undefined) {
    const times = (python.cpuMicros / alone.cpuMicros).toFixed(1)
    console.log(
      `\nPython Requests ${python.version}: ${python.cpuMicros.toFixed(0)} us a request, one at a time: ${times}x ${BASE}`,
    )
  }
}
