import type { AuthBench } from '../auth-bench.ts'
import { within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const AT_ONCE = 16

/** Rule 4.1.4. */
export function sharingCases(): readonly Case<AuthBench>[] {
  const rule = '4.1.4'
  return [
    { rule, sentence: 'one instance serves concurrent requests', needs: [], check: (bench) => concurrently(bench, 1) },
    {
      rule,
      sentence: 'one instance serves several Sessions at once',
      needs: [],
      check: (bench) => concurrently(bench, 3),
    },
  ]
}

async function concurrently(bench: AuthBench, sessions: number): Promise<void> {
  const all = Array.from({ length: sessions }, () => bench.session({ auth: bench.scheme }))
  const requests = all.flatMap((session) => Array.from({ length: AT_ONCE }, () => session.get(bench.url)))
  for (const response of await within(Promise.all(requests), 'serve concurrent requests')) {
    bench.assertAccepted(response, 'one of many concurrent requests')
  }
}
