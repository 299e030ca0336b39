// Calls of every kind through connections that fail in every way, and at the end nothing may be left.
//
//   pnpm soak [--seconds 120] [--workers 100] [--seed n]
//
// Ends with 1 if a promise did not settle, an error was of a class that no network brings about, an answer reached the wrong caller, or heap or sockets
// grew. The heap is weighed only under --expose-gc, which `pnpm soak` gives.
import { parseArgs } from 'node:util'
import { soak } from './soak.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    workers: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [seconds, workers, seed] = [values.seconds, values.workers, values.seed].map(Number)

console.log(`Soaking for ${seconds} s with ${workers} workers, seed ${seed}…`)
const { tally, weights, fates, problems } = await soak({ seconds, workers, seed })

const percent = (count, all) => `${((100 * count) / all).toFixed(2)} %`
console.log(`\n${tally.calls} calls`)
console.table(
  Object.fromEntries(
    [...tally.outcomes]
      .toSorted(([, one], [, other]) => other.count - one.count)
      .map(([name, { count, longestMs }]) => [
        name,
        { count, share: percent(count, tally.calls), 'longest ms': Math.round(longestMs) },
      ]),
  ),
)
const connections = Object.values(fates).reduce((sum, count) => sum + count, 0)
console.log(`${connections} connections, by what befell them`)
console.table(
  Object.fromEntries(
    Object.entries(fates).map(([fate, count]) => [fate, { count, share: percent(count, connections) }]),
  ),
)
console.log('What is held')
console.table(
  Object.fromEntries(
    weights.map(({ label, seconds: at, heap, sockets }) => [
      label,
      { 'after s': Math.round(at), 'heap MiB': (heap / 2 ** 20).toFixed(1), sockets },
    ]),
  ),
)
for (const problem of problems) console.log(`PROBLEM ${problem}`)
console.log(problems.length === 0 ? 'Nothing is left, and nothing was unexpected.' : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
