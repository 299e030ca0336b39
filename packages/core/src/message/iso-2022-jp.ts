import { TextDecoder } from 'node:util'
import type { TextStream } from './charset.ts'

type State = 'ascii' | 'roman' | 'katakana' | 'lead' | 'trail' | 'escape start' | 'escape'

const ESCAPE = 0x1b
const BAD = '\ufffd'

/**
 * Decodes ISO-2022-JP as the Encoding standard says. By hand, because TextDecoder in Node throws where an escape sequence is cut in two and wrong.
 *
 * @see Encoding standard, section 12.2.1
 */
export class Iso2022JpStream implements TextStream {
  #state: State = 'ascii'
  /** What the last escape sequence asked for. */
  #output: State = 'ascii'
  #lead = 0
  /** Whether the last escape sequence has been followed by a character. One that has not is a mistake, if another one follows. */
  #isUnused = false
  #text = ''
  /** Characters of two bytes as EUC-JP, of the same table. */
  #pairs: number[] = []
  readonly #table = new TextDecoder('euc-jp')

  decode(chunk: Uint8Array): string {
    for (const byte of chunk) this.#take(byte)
    return this.#flush()
  }

  end(): string {
    const state = this.#state
    if (state === 'trail') this.#give(BAD)
    if (state === 'escape start' || state === 'escape') {
      this.#state = this.#output
      this.#give(BAD)
      if (state === 'escape') this.#take(this.#lead)
      if (this.#state === 'trail') this.#give(BAD)
    }
    return this.#flush()
  }

  #take(byte: number): void {
    if (this.#state === 'escape start') this.#takeEscapeStart(byte)
    else if (this.#state === 'escape') this.#takeEscape(byte)
    else if (byte === ESCAPE) this.#startEscape()
    else if (this.#state === 'trail') this.#takeTrail(byte)
    else this.#takeCharacter(byte)
  }

  #startEscape(): void {
    if (this.#state === 'trail') this.#give(BAD)
    this.#state = 'escape start'
  }

  #takeCharacter(byte: number): void {
    this.#isUnused = false
    if (this.#state === 'lead') {
      if (!isGraphic(byte)) return this.#give(BAD)
      this.#lead = byte
      this.#state = 'trail'
    } else if (this.#state === 'katakana') {
      this.#give(byte >= 0x21 && byte <= 0x5f ? String.fromCharCode(0xff61 - 0x21 + byte) : BAD)
    } else if (byte > 0x7f || byte === 0x0e || byte === 0x0f) this.#give(BAD)
    else if (this.#state === 'roman' && byte === 0x5c) this.#give('\u00a5')
    else if (this.#state === 'roman' && byte === 0x7e) this.#give('\u203e')
    else this.#give(String.fromCharCode(byte))
  }

  #takeTrail(byte: number): void {
    this.#state = 'lead'
    if (isGraphic(byte)) this.#pairs.push(this.#lead | 0x80, byte | 0x80)
    else this.#give(BAD)
  }

  #takeEscapeStart(byte: number): void {
    if (byte === 0x24 || byte === 0x28) {
      this.#lead = byte
      this.#state = 'escape'
      return
    }
    this.#refuseEscape(byte)
  }

  #takeEscape(byte: number): void {
    const asked = escapeOf(this.#lead, byte)
    if (asked === null) return this.#refuseEscape(this.#lead, byte)
    this.#state = asked
    this.#output = asked
    if (this.#isUnused) this.#give(BAD)
    this.#isUnused = true
  }

  /** What was no escape sequence is read again as text. */
  #refuseEscape(...bytes: readonly number[]): void {
    this.#isUnused = false
    this.#state = this.#output
    this.#give(BAD)
    for (const byte of bytes) this.#take(byte)
  }

  #give(text: string): void {
    this.#text += this.#decodePairs() + text
  }

  #decodePairs(): string {
    if (this.#pairs.length === 0) return ''
    const text = this.#table.decode(Uint8Array.from(this.#pairs))
    this.#pairs = []
    return text
  }

  #flush(): string {
    const text = this.#text + this.#decodePairs()
    this.#text = ''
    return text
  }
}

function isGraphic(byte: number): boolean {
  return byte >= 0x21 && byte <= 0x7e
}

function escapeOf(lead: number, byte: number): State | null {
  if (lead === 0x24) return byte === 0x40 || byte === 0x42 ? 'lead' : null
  if (byte === 0x42) return 'ascii'
  if (byte === 0x4a) return 'roman'
  return byte === 0x49 ? 'katakana' : null
}
