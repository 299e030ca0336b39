import { AssertionError } from 'node:assert'
import { describeError, patience, PATIENCE_MS, within } from './checks.ts'

/**
 * The two functions that a suite needs of a test runner, as the runner has them:
 *
 * - vitest: `import { describe, test } from 'vitest'`, then `runner: { describe, test }`
 * - node:test: `import { describe, test } from 'node:test'`, then `runner: { describe, test }`
 * - mocha: `import { describe, it } from 'mocha'`, then `runner: { describe, test: it }`, and a timeout of 20 s (`--timeout 20000`)
 */
export interface SuiteRunner {
  /** Groups tests. `body` is called at once or later, and is synchronous. */
  describe(name: string, body: () => void): unknown
  /** Registers one test, which fails by rejecting. */
  test(name: string, body: () => Promise<void>): unknown
  /**
   * Reports a rule that does not apply. Without it there is a test that passes and says so in its name.
   * For vitest: `skip: (name, reason) => test.skip(name + ': ' + reason)`.
   */
  skip?(name: string, reason: string): unknown
}

/** One rule, or one side of it, as a suite checks it. `B` is what its check works with. */
export interface Case<B> {
  /** Number in the contract, such as `4.2.3`. */
  readonly rule: string
  /** The rest of the test's name. */
  readonly sentence: string
  /** Capabilities without which it does not apply. */
  readonly needs: readonly string[]
  /** A capability with which another case takes its place. */
  readonly unless?: string
  /** Asserts with messages that go on from "… breaks rule 4.2.3: ". */
  readonly check: (bench: B) => Promise<void>
}

/** What a check works with: made for one test and disposed of after it. */
interface Bench extends AsyncDisposable {
  /** The class that is being judged. */
  readonly subject: string
}

/** Everything {@link runCases} needs. */
interface CaseRun<B extends Bench> {
  readonly runner: SuiteRunner
  readonly title: string
  /** What a capability's owner is called: "adapter" or "scheme". */
  readonly kind: string
  readonly capabilities: Readonly<Record<string, boolean | undefined>>
  readonly cases: readonly Case<B>[]
  readonly open: () => Promise<B>
  readonly patienceMs: number | undefined
}

/** A rule that the subject does not keep. `actual` and `expected` are those of the assertion that found it. */
class RuleBroken extends AssertionError {
  override readonly cause: unknown

  constructor(subject: string, rule: string, error: unknown) {
    const asserted = error instanceof AssertionError ? error : null
    const what = asserted === null ? `it failed with ${describeError(error)}` : asserted.message
    const values = asserted === null ? {} : { actual: asserted.actual, expected: asserted.expected }
    super({ message: `${subject} breaks rule ${rule}: ${what}`, operator: 'conforms', ...values })
    this.name = 'RuleBroken'
    this.cause = error
  }
}

/** Registers one test for each case, under one heading. */
export function runCases<B extends Bench>(run: CaseRun<B>): void {
  run.runner.describe(run.title, () => {
    for (const each of run.cases) registerCase(run, each)
  })
}

function registerCase<B extends Bench>(run: CaseRun<B>, each: Case<B>): void {
  const { runner, capabilities, kind } = run
  const name = `${each.rule} ${each.sentence}`
  const lacking = each.needs.find((capability) => capabilities[capability] !== true)
  if (each.unless !== undefined && (lacking !== undefined || capabilities[each.unless] === true)) return
  if (lacking === undefined) {
    runner.test(name, () => judge(run, each))
    return
  }
  const reason = `${kind} declares no ${lacking}`
  if (runner.skip !== undefined) runner.skip(name, reason)
  else runner.test(`${name} (not applicable: ${reason})`, () => Promise.resolve())
}

async function judge<B extends Bench>(run: CaseRun<B>, { rule, check }: Case<B>): Promise<void> {
  const { patienceMs = PATIENCE_MS } = run
  await using bench = await run.open()
  try {
    const checked = patience.run(patienceMs, () => check(bench))
    // Whatever waits in it without a patience of its own.
    await within(checked, 'come to the end of the test', 2 * patienceMs + 2000)
  } catch (error) {
    throw new RuleBroken(bench.subject, rule, error)
  }
}
