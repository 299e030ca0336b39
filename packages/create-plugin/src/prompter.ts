import { createInterface, type Interface } from 'node:readline'
import { CreatePluginError } from './create-plugin-error.ts'

/** One question. */
export interface Question {
  readonly text: string
  /** Taken for an empty answer; shown. */
  readonly fallback?: string | undefined
  /** Why an answer will not do, as a sentence, or `null`. */
  readonly problem?: (answer: string) => string | null | Promise<string | null>
}

/** How often one question is asked. */
const MOST_TRIES = 5

/**
 * Asks questions, one line each. Lines that arrive before their question wait for it, so that answers can be piped.
 */
export class Prompter {
  readonly #interface: Interface
  readonly #lines: AsyncIterator<string>
  readonly #output: NodeJS.WritableStream

  constructor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
    this.#output = output
    this.#interface = createInterface({ input, output, terminal: false })
    this.#lines = this.#interface[Symbol.asyncIterator]()
  }

  /** @throws CreatePluginError where the input ends without an answer, and after five that will not do. */
  async ask({ text, fallback, problem }: Question): Promise<string> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      this.#output.write(fallback === undefined ? `${text}: ` : `${text} (${fallback}): `)
      const { value, done } = await this.#lines.next()
      if (done === true)
        throw new CreatePluginError(`\nThe input ended at "${text}": answer it, or give its flag (--help).`)
      const answer = value.trim() || (fallback ?? '')
      const wrong = (await problem?.(answer)) ?? null
      if (wrong === null) return answer
      this.#output.write(`  ${wrong}\n`)
    }
    throw new CreatePluginError(`No answer to "${text}" would do: start again when you have one.`)
  }

  close(): void {
    this.#interface.close()
  }
}
