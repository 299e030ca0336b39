import { type Reply, replyText } from './reply.ts'

const MOST_LINES = 200
/** Commands whose arguments are secrets. */
const SECRET = new Set(['PASS', 'ACCT'])

/** What was said on a control connection, as it may be shown: `> SIZE a.txt`, `< 213 5`. Passwords are `***`, in replies too. */
export class Transcript {
  readonly #lines: string[] = []
  /** A password that is known to be secret, whoever says it. */
  #secret: string | null = null

  /** From now on hides this text in replies. */
  hide(secret: string): void {
    // A shorter one would turn harmless text into stars, and tell more than it hides.
    if (secret.length >= 4) this.#secret = secret
  }

  command(verb: string, argument: string): void {
    const shown = SECRET.has(verb) ? '***' : argument
    this.#add(shown === '' ? `> ${verb}` : `> ${verb} ${shown}`)
  }

  reply(reply: Reply): void {
    this.#add(`< ${reply.code} ${this.redact(replyText(reply))}`.trimEnd())
  }

  /** Text of a reply without what must not be shown. */
  redact(text: string): string {
    return this.#secret === null ? text : text.replaceAll(this.#secret, '***')
  }

  #add(line: string): void {
    if (this.#lines.length === MOST_LINES) this.#lines.shift()
    this.#lines.push(line)
  }

  /** Takes what was said since the last time, 200 lines at most. */
  take(): readonly string[] {
    return this.#lines.splice(0)
  }

  /** What was said, left where it is. */
  get lines(): readonly string[] {
    return [...this.#lines]
  }
}
