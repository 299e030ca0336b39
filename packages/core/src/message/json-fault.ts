/** Why and where a text is no JSON. */
export interface JsonFault {
  /** In the words of CPython's decoder, which users of Requests know. Repeats nothing of the text. */
  readonly reason: string
  /** Index in the text. */
  readonly position: number
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1. */
  readonly column: number
}

type Found = Pick<JsonFault, 'reason' | 'position'>

const BLANKS = /[ \t\n\r]*/y
const PLAIN_CHARACTERS = /[^"\\\x00-\x1f]*/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Finds the first thing in a text that keeps it from being JSON, in linear time. What V8 says itself differs from version to version, and quotes the text.
 *
 * @returns `null` if it is JSON.
 * @see RFC 8259
 */
export function findJsonFault(text: string): JsonFault | null {
  const found = text.startsWith('\ufeff') ? BYTE_ORDER_MARK : new Scanner(text).run()
  if (found === null) return null
  const before = text.slice(0, found.position).split('\n')
  return { ...found, line: before.length, column: (before.at(-1) as string).length + 1 }
}

/** A fault as CPython prints it: `Expecting value: line 1 column 1 (char 0)`. */
export function describeJsonFault({ reason, line, column, position }: JsonFault): string {
  return `${reason}: line ${line} column ${column} (char ${position})`
}

const BYTE_ORDER_MARK: Found = { reason: 'Unexpected UTF-8 BOM (decode using utf-8-sig)', position: 0 }

/** Walks through values without recursion, so that no depth is too deep. */
class Scanner {
  readonly #text: string
  /** The brackets that are open. */
  readonly #open: ('{' | '[')[] = []
  #at = 0
  #fault: Found | null = null

  constructor(text: string) {
    this.#text = text
  }

  run(): Found | null {
    this.#skip(BLANKS)
    while (this.#fault === null && this.#value() && this.#separator()) this.#skip(BLANKS)
    return this.#fault
  }

  #peek(): string | undefined {
    return this.#text[this.#at]
  }

  /** A scalar, an empty collection, or everything up to the first scalar within. */
  #value(): boolean {
    for (;;) {
      const opening = this.#peek()
      if (opening === '"') return this.#string()
      if (opening !== '{' && opening !== '[') return this.#skip(LITERAL) || this.#fail('Expecting value')
      this.#at++
      this.#skip(BLANKS)
      if (this.#peek() === (opening === '{' ? '}' : ']')) {
        this.#at++
        return true
      }
      this.#open.push(opening)
      if (opening === '{' && !this.#key()) return false
    }
  }

  #key(): boolean {
    if (this.#peek() !== '"') return this.#fail('Expecting property name enclosed in double quotes')
    if (!this.#string()) return false
    this.#skip(BLANKS)
    if (this.#peek() !== ':') return this.#fail("Expecting ':' delimiter")
    this.#at++
    this.#skip(BLANKS)
    return true
  }

  /** Closing brackets, then a comma. @returns whether another value follows. */
  #separator(): boolean {
    for (;;) {
      this.#skip(BLANKS)
      const opening = this.#open.at(-1)
      if (opening === undefined) return this.#peek() !== undefined && this.#fail('Extra data')
      const closing = opening === '{' ? '}' : ']'
      if (this.#peek() === closing) {
        this.#open.pop()
        this.#at++
        continue
      }
      const comma = this.#at
      if (this.#peek() !== ',') return this.#fail("Expecting ',' delimiter")
      this.#at++
      this.#skip(BLANKS)
      if (this.#peek() === closing)
        return this.#fail(`Illegal trailing comma before end of ${opening === '{' ? 'object' : 'array'}`, comma)
      return opening === '[' || this.#key()
    }
  }

  #string(): boolean {
    const start = this.#at
    this.#at++
    for (;;) {
      this.#skip(PLAIN_CHARACTERS)
      const next = this.#peek()
      if (next === '"') {
        this.#at++
        return true
      }
      if (next === undefined || (next === '\\' && this.#at + 1 === this.#text.length))
        return this.#fail('Unterminated string starting at', start)
      if (next !== '\\') return this.#fail('Invalid control character at')
      if (this.#skip(ESCAPE)) continue
      return this.#text[this.#at + 1] === 'u'
        ? this.#fail('Invalid \\uXXXX escape', this.#at + 1)
        : this.#fail('Invalid \\escape')
    }
  }

  /** @returns whether the expression, which is sticky, matched anything. */
  #skip(expression: RegExp): boolean {
    expression.lastIndex = this.#at
    const matched = expression.test(this.#text)
    if (matched) this.#at = expression.lastIndex
    return matched
  }

  #fail(reason: string, position: number = this.#at): false {
    this.#fault = { reason, position }
    return false
  }
}
