import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter } from '../../src/message/lines.ts'
import { expectFast, textOf } from './adversarial.ts'
import { cutAt } from './fake-socket.ts'

function split(pieces: readonly Uint8Array[], delimiter: string | null): string[] {
  const splitter = new LineSplitter(delimiter === null ? null : Buffer.from(delimiter))
  const lines: Buffer[] = []
  for (const piece of pieces) lines.push(...splitter.push(piece))
  lines.push(...splitter.end())
  return lines.map((line) => line.toString())
}

/** What the whole text is as lines: nothing after the last break is no line. */
function expected(text: string, delimiter: string | RegExp): string[] {
  const lines = text.split(delimiter)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

const places = fc.array(fc.nat(), { maxLength: 30 })

describe('LineSplitter', () => {
  it('cuts at LF, CR and CRLF, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(textOf('ab\r\n'), places, (text, cuts) => {
        expect(split(cutAt(Buffer.from(text), cuts), null)).toEqual(expected(text, /\r\n|\r|\n/))
      }),
      { numRuns: 500 },
    )
  })

  it.each(['\n', '\r\n', '\n\n', 'aba', 'aab', '--b--'])('cuts at %j, wherever the pieces are cut', (delimiter) => {
    fc.assert(
      fc.property(textOf('ab\r\n-'), places, (text, cuts) => {
        expect(split(cutAt(Buffer.from(text), cuts), delimiter)).toEqual(expected(text, delimiter))
      }),
      { numRuns: 500 },
    )
  })

  it('takes linear time on what comes byte by byte, with and without breaks', () => {
    for (const character of ['a', '\r', '\n']) {
      const byte = Buffer.from(character)
      const pieces = Array.from({ length: 200_000 }, () => byte)
      for (const delimiter of [null, 'aab', '\r\n']) expectFast(() => split(pieces, delimiter).length)
    }
  })
})
