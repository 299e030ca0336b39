import type { AdapterBench } from '../adapter-bench.ts'
import { assertSameBytes, contentOf, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const AT_ONCE = 24

/** Rule 4.2.1. */
export function concurrencyCases(): readonly Case<AdapterBench>[] {
  return [
    {
      rule: '4.2.1',
      sentence: 'is safe for concurrent use: each request gets its own bytes',
      needs: [],
      check: manyAtOnce,
    },
    {
      rule: '4.2.1',
      sentence: 'is safe for concurrent use: bodies read in turns do not mix',
      needs: ['streaming'],
      check: readInTurns,
    },
  ]
}

async function manyAtOnce(bench: AdapterBench): Promise<void> {
  const lengths = Array.from({ length: AT_ONCE }, (_, index) => index * 3001)
  const responses = await Promise.all(
    lengths.map(async (length, index) => bench.fetch(await bench.resource(length, index))),
  )
  for (const [index, response] of responses.entries()) {
    assertSameBytes(response.content, contentOf(lengths[index] ?? 0, index), 'concurrent requests mix their bodies')
  }
}

async function readInTurns(bench: AdapterBench): Promise<void> {
  const length = 300_000
  const seeds = [1, 2, 3, 4]
  const responses = await Promise.all(seeds.map(async (seed) => bench.send(await bench.resource(length, seed))))
  const read: Buffer[][] = seeds.map(() => [])
  const bodies = responses.map((response) => response.iterContent(50_000))
  for (let isDone = false; !isDone;) {
    const steps = await within(Promise.all(bodies.map((body) => body.next())), 'give pieces of bodies read in turns')
    for (const [index, step] of steps.entries()) if (step.done !== true) read[index]?.push(step.value)
    isDone = steps.every((step) => step.done === true)
  }
  for (const [index, seed] of seeds.entries()) {
    assertSameBytes(Buffer.concat(read[index] ?? []), contentOf(length, seed), 'bodies read in turns mix')
  }
}
