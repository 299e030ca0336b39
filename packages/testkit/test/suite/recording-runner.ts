import type { SuiteRunner } from '@entreat/testkit'

/** What must run alone: it changes the process, or measures it. */
const ALONE = /environment|back-pressure|Math\.random|NO_PROXY|netrc|no memory|at once|concurrent/

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

  /** Runs the tests whose names contain `part`, some of them at once, and gives those that failed, in order. */
  async failures(part = '', atOnce = 4): Promise<readonly string[]> {
    const chosen = this.#tests.filter(({ name }) => name.includes(part))
    const failed = new Map<string, string>()
    const run = async ({ name, body }: (typeof chosen)[number]): Promise<void> =>
      body().catch((error: unknown) => void failed.set(name, `${name} | ${(error as Error).message}`))
    const waiting = chosen.filter(({ name }) => !ALONE.test(name))
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next)
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    for (const each of chosen) if (ALONE.test(each.name)) await run(each)
    return chosen.flatMap(({ name }) => failed.get(name) ?? [])
  }

  /** The rules that break, each once, and the messages. */
  async broken(
    part = '',
    atOnce = 4,
  ): Promise<{ readonly rules: readonly string[]; readonly messages: readonly string[] }> {
    const messages = await this.failures(part, atOnce)
    return { rules: [...new Set(messages.map((message) => message.split(' ', 1)[0] as string))], messages }
  }
}
