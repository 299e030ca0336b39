import type { TransportAdapter } from '@entreat/core'
import { AdapterBench } from './adapter-bench.ts'
import { closingCases } from './adapter-rules/closing.ts'
import { concurrencyCases } from './adapter-rules/concurrency.ts'
import { connectionCases } from './adapter-rules/connections.ts'
import { failureCases } from './adapter-rules/failures.ts'
import { hookCases } from './adapter-rules/hooks.ts'
import { nothingMoreCases } from './adapter-rules/nothing-more.ts'
import { responseBodyCases } from './adapter-rules/response-bodies.ts'
import { securityCases } from './adapter-rules/security.ts'
import { signalCases } from './adapter-rules/signal.ts'
import { statusCases } from './adapter-rules/statuses.ts'
import { timeoutCases } from './adapter-rules/timeouts.ts'
import { unchangedRequestCases } from './adapter-rules/unchanged-request.ts'
import type { AdapterCapabilities, AdapterTarget } from './adapter-target.ts'
import { runCases, type SuiteRunner } from './suite-runner.ts'

/** What {@link adapterSuite} takes. */
export interface AdapterSuiteOptions {
  /** Heading of the tests. */
  readonly name: string
  /** Makes an adapter; called once a test, which closes it. */
  readonly create: () => TransportAdapter | Promise<TransportAdapter>
  /** What the adapter can do. Default: nothing but what every adapter must. */
  readonly capabilities?: AdapterCapabilities
  readonly runner: SuiteRunner
  /** How long something that must happen may take before a test fails, in milliseconds. Default 8000; a slow machine may need more. */
  readonly patienceMs?: number
  /** The world to test in; called once a test, so that it may use what the runner's own hooks have started. */
  readonly target: () => AdapterTarget | Promise<AdapterTarget>
}

/**
 * Registers the tests of the adapter contract: one or more for each numbered rule, named after it.
 *
 * A failure names the adapter's class and the rule: "FileAdapter breaks rule 4.2.2: it changed the request's headers". A rule is left out only
 * because a capability is not declared, and the runner is told which.
 */
export function adapterSuite(options: AdapterSuiteOptions): void {
  const { name, create, capabilities = {}, runner, target, patienceMs } = options
  runCases({
    patienceMs,
    runner,
    title: name,
    kind: 'adapter',
    capabilities: { ...capabilities },
    open: async () => new AdapterBench(await create(), await target()),
    cases: [
      ...concurrencyCases(),
      ...unchangedRequestCases(),
      ...statusCases(),
      ...nothingMoreCases(),
      ...responseBodyCases(),
      ...signalCases(),
      ...timeoutCases(),
      ...securityCases(),
      ...failureCases(),
      ...closingCases(),
      ...connectionCases(),
      ...hookCases(),
    ],
  })
}
