import type { AdapterBench } from '../adapter-bench.ts'
import { asRequestException, assertSameBytes, becomes, contentOf, rejectionOf, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const MIB = 1024 * 1024

/** Rule 4.2.8. */
export function closingCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.8'
  return [
    { rule, sentence: 'after close() nothing stays open', needs: [], check: nothingStaysOpen },
    { rule, sentence: 'after close() nothing stays open: an unread body', needs: ['streaming'], check: unreadBody },
    { rule, sentence: 'after close() nothing stays open: a waiting request', needs: ['network'], check: waiting },
    { rule, sentence: 'after close() it can be used again', needs: [], check: usedAgain },
  ]
}

async function close(bench: AdapterBench): Promise<void> {
  await within(bench.adapter.close(), 'close')
}

async function assertNothingOpen(bench: AdapterBench): Promise<void> {
  await becomes(() => bench.target.open(), 0, 'after close() something stays open')
}

async function nothingStaysOpen(bench: AdapterBench): Promise<void> {
  await assertNothingOpen(bench)
  await Promise.all([1, 2, 3].map(async (seed) => bench.fetch(await bench.resource(1000, seed))))
  await close(bench)
  await assertNothingOpen(bench)
}

async function unreadBody(bench: AdapterBench): Promise<void> {
  const response = await within(bench.send(await bench.resource(64 * MIB, 9)), 'resolve at the head')
  await within(response.iterContent().next(), 'give a piece of the body')
  await close(bench)
  await assertNothingOpen(bench)
  const rest = async (): Promise<void> => {
    for await (const _piece of response.iterContent()) continue
  }
  asRequestException(await rejectionOf(rest(), 'end a body whose adapter was closed'))
}

async function waiting(bench: AdapterBench): Promise<void> {
  const sent = bench.send(await bench.find('silent'))
  const outcome = rejectionOf(sent, 'reject when it was closed')
  await becomes(async () => Math.min(1, await bench.target.open()), 1, 'connections of a request that waits')
  await close(bench)
  asRequestException(await outcome)
  await assertNothingOpen(bench)
}

async function usedAgain(bench: AdapterBench): Promise<void> {
  for (const seed of [1, 2, 3]) {
    const response = await bench.fetch(await bench.resource(1000, seed))
    assertSameBytes(response.content, contentOf(1000, seed), 'after close()')
    await close(bench)
  }
  await close(bench)
  await assertNothingOpen(bench)
}
