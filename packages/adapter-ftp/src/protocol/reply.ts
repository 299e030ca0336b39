import { ConnectionError, LimitExceededError } from '@entreat/core'

/** What a server answers on the control connection. */
export interface Reply {
  /** 100 to 599. */
  readonly code: number
  /** The text of each line, without code and line end. */
  readonly lines: readonly string[]
}

/** The texts of a reply on one line, fit to be shown: without control characters, 500 characters at most. */
export function replyText({ lines }: Reply): string {
  const text = lines.map((line) => line.trim()).filter((line) => line !== '')
  return text
    .join(' ')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, ' ')
    .slice(0, 500)
    .trim()
}

/** Whether the command goes on: another reply follows. */
export function isPreliminary({ code }: Reply): boolean {
  return code < 200
}

/** Whether the command was refused. */
export function isRefused({ code }: Reply): boolean {
  return code >= 400
}

const LF = 0x0a
const FIRST_LINE = /^([1-5][0-9]{2})(?:([ -])(.*))?$/s
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Puts replies together from the bytes of the control connection, however they are cut.
 *
 * A line ends at LF; a reply that begins with `123-` ends with the first line that begins with `123 ` (RFC 959 section 4.2).
 */
export class ReplyParser {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #bytes = 0
  #code: string | null = null
  #lines: string[] = []

  /** @param maxBytes - of one reply; past that {@link push} throws. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether a reply has begun and not ended. */
  get isInside(): boolean {
    return this.#bytes > 0
  }

  /**
   * Takes bytes, gives the replies that they complete.
   *
   * @throws LimitExceededError for a reply that is too long; ConnectionError for a line that is no reply.
   */
  push(chunk: Buffer): Reply[] {
    const replies: Reply[] = []
    let from = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      this.#count(end + 1 - from)
      this.#parts.push(chunk.subarray(from, end))
      from = end + 1
      const reply = this.#takeLine()
      if (reply !== null) replies.push(reply)
    }
    if (from < chunk.length) {
      this.#count(chunk.length - from)
      this.#parts.push(chunk.subarray(from))
    }
    return replies
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes)
      throw new LimitExceededError(`the server's reply is longer than limits.headerBytes = ${this.#maxBytes}`)
  }

  #takeLine(): Reply | null {
    const line = decode(this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts))
    this.#parts = []
    if (this.#code !== null) return this.#takeFurtherLine(this.#code, line)
    const [, code, separator, text = ''] = FIRST_LINE.exec(line) ?? []
    if (code === undefined)
      throw new ConnectionError('the server sent a line that is no FTP reply (RFC 959 section 4.2)')
    this.#lines.push(text)
    if (separator !== '-') return this.#end(code)
    this.#code = code
    return null
  }

  #takeFurtherLine(code: string, line: string): Reply | null {
    const isLast = line === code || line.startsWith(`${code} `)
    const hasCode = isLast || line.startsWith(`${code}-`)
    this.#lines.push(hasCode ? line.slice(4) : line)
    return isLast ? this.#end(code) : null
  }

  #end(code: string): Reply {
    const reply = { code: Number(code), lines: this.#lines }
    this.#lines = []
    this.#code = null
    this.#bytes = 0
    return reply
  }
}

/** UTF-8 (RFC 2640), or Latin-1 where it is not that. Without the CR of the line end. */
function decode(bytes: Buffer): string {
  const line = bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes
  try {
    return utf8.decode(line)
  } catch {
    return line.toString('latin1')
  }
}
