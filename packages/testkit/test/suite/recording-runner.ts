import type { SuiteRunner } from '@entreat/testkit'

/** A runner that keeps the tests and runs them when asked. */
export class RecordingRunner implements SuiteRunner {
  readonly groups: string[] = []
  readonly skipped: [name: string, reason: string][] = []
  readonly #tests: { name: string; body: () => Promise<void> }[] = []

  readonly describe = (name: string, body: () => void): void => {
    this.groups.push(name)
    body()
  }

  readonly test = (name: string, body: () => Promise<void>): void => void this.#tests.push({ name, body })

  readonly skip = (name: string, reason: string): void => void this.skipped.push([name, reason])

  get names(): readonly string[] {
    return this.#tests.map(({ name }) => name)
  }

  /** Runs the tests whose names contain `part`, one after the other, and gives those that failed. */
  async failures(part = ''): Promise<readonly string[]> {
    const failed: string[] = []
    for (const { name, body } of this.#tests) {
      if (!name.includes(part)) continue
      await body().catch((error: unknown) => failed.push(`${name} | ${(error as Error).message}`))
    }
    return failed
  }
}
