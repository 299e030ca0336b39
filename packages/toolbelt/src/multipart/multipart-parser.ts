import { Headers, InvalidHeader, LimitExceededError } from '@entreat/core'
import type { ResolvedMultipartLimits } from './decoder-options.ts'
import { MultipartError } from './multipart-error.ts'

/** What a parser finds, in order: the headers of a part, its content in pieces, its end. */
export type MultipartEvent =
  | { readonly kind: 'part'; readonly headers: Headers }
  | { readonly kind: 'content'; readonly bytes: Buffer }
  | { readonly kind: 'end' }

const DASH = 0x2d
const LF = 0x0a
const CR = 0x0d
/** RFC 2046 allows any length of blanks after a boundary. Nobody sends any; more than this is content. */
const MOST_PADDING = 1024

/**
 * Finds the parts of a multipart body in pieces of any size, in time proportional to their length, keeping no more than a boundary's length, or one part's
 * header lines.
 *
 * Lines may end in CRLF, or all of them in LF: the first boundary's own line decides.
 *
 * @see RFC 2046 section 5.1.1
 */
export class MultipartParser {
  readonly #limits: ResolvedMultipartLimits
  readonly #marker: Buffer
  #lineBreak = '\r\n'
  /** Line break and boundary. */
  #needle: Buffer
  #state: 'preamble' | 'headers' | 'content' | 'epilogue' = 'preamble'
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes at the beginning of `#rest` that were searched in vain. */
  #searched = 0
  /** Bytes at the beginning of `#rest` that belong to the header lines: their line break may be the boundary's as well. */
  #notContent = 0
  #isFirst = true
  #parts = 0
  #partBytes = 0
  #events: MultipartEvent[] = []

  constructor(boundary: string, limits: ResolvedMultipartLimits) {
    this.#limits = limits
    this.#marker = Buffer.from(`--${boundary}`, 'latin1')
    this.#needle = Buffer.concat([Buffer.from('\n'), this.#marker])
  }

  /** Whether the closing boundary has been seen: what follows means nothing. */
  get isOver(): boolean {
    return this.#state === 'epilogue'
  }

  /**
   * Takes the next piece.
   *
   * @returns what it completes.
   * @throws LimitExceededError, MultipartError.
   */
  push(piece: Uint8Array): MultipartEvent[] {
    if (this.#state === 'epilogue') return []
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    return this.#run(false)
  }

  /**
   * Says that there are no more pieces.
   *
   * @throws MultipartError if the body broke off.
   */
  end(): MultipartEvent[] {
    const events = this.#run(true)
    if (this.#state === 'epilogue') return events
    throw new MultipartError(
      this.#state === 'preamble'
        ? `The body has no boundary ${this.#marker.toString('latin1')}`
        : this.#state === 'headers'
          ? `Part ${this.#parts + 1} ends within its header lines: no empty line follows them`
          : `The body breaks off in part ${this.#parts}: there is no closing boundary`,
    )
  }

  #run(isEnd: boolean): MultipartEvent[] {
    this.#events = []
    while (this.#step(isEnd));
    return this.#events
  }

  /** @returns whether there may be more to find without more bytes. */
  #step(isEnd: boolean): boolean {
    if (this.#state === 'preamble') return this.#skipPreamble(isEnd)
    if (this.#state === 'headers') return this.#readHeaders()
    if (this.#state === 'content') return this.#readContent(isEnd)
    this.#rest = Buffer.alloc(0)
    return false
  }

  #skipPreamble(isEnd: boolean): boolean {
    let at = this.#isFirst && startsAlike(this.#rest, this.#marker) ? 0 : -1
    if (at === 0 && this.#rest.length < this.#marker.length) return false
    let length = this.#marker.length
    if (at === -1) {
      at = this.#rest.indexOf(this.#needle, this.#searched)
      length = this.#needle.length
    }
    this.#isFirst &&= at === 0
    if (at === -1) {
      this.#drop(Math.max(0, this.#rest.length - this.#needle.length + 1))
      return false
    }
    const line = this.#delimiterLine(at + length, isEnd, null)
    if (line === 'unknown') return false
    if (line === 'none') {
      this.#isFirst = false
      this.#drop(at + 1)
      return true
    }
    this.#lineBreak = line.lineBreak
    this.#needle = Buffer.concat([Buffer.from(this.#lineBreak), this.#marker])
    this.#passDelimiter(line)
    return true
  }

  /**
   * What follows a boundary: `--` closes the body, a line break begins a part; anything else makes it content.
   *
   * @param lineBreak - what a line must end in; `null` for either.
   * @returns `unknown` if more bytes must tell.
   */
  #delimiterLine(from: number, isEnd: boolean, lineBreak: string | null): DelimiterLine | 'none' | 'unknown' {
    const rest = this.#rest
    const isClosing = rest[from] === DASH && rest[from + 1] === DASH
    if (!isClosing && rest[from] === DASH && from + 1 >= rest.length) return isEnd ? 'none' : 'unknown'
    let at = isClosing ? from + 2 : from
    while (at < rest.length && at - from < MOST_PADDING && (rest[at] === 0x20 || rest[at] === 0x09)) at++
    if (at >= rest.length) {
      if (!isEnd) return 'unknown'
      return isClosing ? { isClosing, end: at, lineBreak: '\r\n' } : 'none'
    }
    const isCrLf = rest[at] === CR && rest[at + 1] === LF
    if (rest[at] === CR && at + 1 >= rest.length) {
      if (!isEnd) return 'unknown'
      return isClosing ? { isClosing, end: at, lineBreak: '\r\n' } : 'none'
    }
    if (isCrLf && lineBreak !== '\n') return { isClosing, end: at + 2, lineBreak: '\r\n' }
    if (rest[at] === LF && lineBreak !== '\r\n') return { isClosing, end: at + 1, lineBreak: '\n' }
    return 'none'
  }

  #passDelimiter({ isClosing, end }: DelimiterLine): void {
    this.#drop(end)
    this.#state = isClosing ? 'epilogue' : 'headers'
  }

  #readHeaders(): boolean {
    const rest = this.#rest
    const { length } = this.#lineBreak
    let end = -1
    if (rest.toString('latin1', 0, length) === this.#lineBreak) end = 0
    else {
      const found = rest.indexOf(this.#lineBreak + this.#lineBreak, Math.max(0, this.#searched - 2 * length), 'latin1')
      if (found !== -1) end = found + length
    }
    if ((end === -1 ? rest.length : end) > this.#limits.headerBytes) {
      throw new LimitExceededError(
        `Part ${this.#parts + 1} has more than ${this.#limits.headerBytes} bytes of header lines (limits.headerBytes)`,
      )
    }
    if (end === -1) {
      this.#searched = rest.length
      return false
    }
    if (++this.#parts > this.#limits.parts) {
      throw new LimitExceededError(`The body has more than ${this.#limits.parts} parts (limits.parts)`)
    }
    this.#events.push({ kind: 'part', headers: this.#parseHeaders(rest.toString('latin1', 0, end)) })
    this.#drop(end)
    // A part without content: the empty line's own line break belongs to the boundary (RFC 2046, "body-part").
    this.#notContent = length
    this.#partBytes = 0
    this.#state = 'content'
    return true
  }

  #parseHeaders(text: string): Headers {
    const headers = new Headers()
    const lines = text.split(this.#lineBreak).filter((line) => line !== '')
    // RFC 5322 section 2.2.3: a line that begins with a blank goes on with the one before.
    const unfolded: string[] = []
    for (const line of lines) {
      if (/^[ \t]/.test(line) && unfolded.length > 0) unfolded[unfolded.length - 1] += ` ${line.trim()}`
      else unfolded.push(line)
    }
    for (const line of unfolded) {
      const colon = line.indexOf(':')
      try {
        headers.append(line.slice(0, Math.max(0, colon)).trimEnd(), line.slice(colon + 1).trim())
      } catch (error) {
        if (!(error instanceof InvalidHeader)) throw error
        throw new MultipartError(
          `Part ${this.#parts} has a header line that is none: ${JSON.stringify(line.slice(0, 80))}`,
          { cause: error },
        )
      }
    }
    return headers
  }

  #readContent(isEnd: boolean): boolean {
    const rest = this.#rest
    const at = rest.indexOf(this.#needle, this.#searched)
    if (at === -1) {
      this.#give(Math.max(0, rest.length - this.#needle.length + 1))
      return false
    }
    const line = this.#delimiterLine(at + this.#needle.length, isEnd, this.#lineBreak)
    if (line === 'unknown') {
      this.#give(at)
      return false
    }
    if (line === 'none') {
      this.#give(at + 1)
      return true
    }
    const given = at
    this.#give(given)
    this.#events.push({ kind: 'end' })
    this.#notContent = 0
    this.#passDelimiter({ ...line, end: line.end - given })
    return true
  }

  /** Hands on the first bytes as content, but for those that belong to the header lines. */
  #give(length: number): void {
    const skipped = Math.min(length, this.#notContent)
    const bytes = this.#rest.subarray(skipped, length)
    this.#partBytes += bytes.length
    if (this.#partBytes > this.#limits.partBytes) {
      throw new LimitExceededError(
        `Part ${this.#parts} has more than ${this.#limits.partBytes} bytes (limits.partBytes)`,
      )
    }
    if (bytes.length > 0) this.#events.push({ kind: 'content', bytes })
    this.#drop(length)
    this.#notContent -= skipped
  }

  #drop(length: number): void {
    this.#rest = this.#rest.subarray(length)
    this.#searched = 0
  }
}

interface DelimiterLine {
  readonly isClosing: boolean
  /** Where the next line begins. */
  readonly end: number
  readonly lineBreak: string
}

function startsAlike(bytes: Buffer, marker: Buffer): boolean {
  const length = Math.min(bytes.length, marker.length)
  return bytes.compare(marker, 0, length, 0, length) === 0
}
