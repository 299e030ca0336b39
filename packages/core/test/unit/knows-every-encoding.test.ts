import { TextDecoder } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTextDecoder, decodeText } from '../../src/message/charset.ts'
import { LABELS } from './encoding-labels.ts'

const HIGH = Uint8Array.from({ length: 0x80 }, (_, index) => 0x80 + index)

/** Encodings that the standard forbids to decode, and for which there is no decoder: their bytes count as UTF-8, so that what is ASCII survives. */
const REPLACED = 'replacement'
/** Labels that mean windows-1252 on the web, and what they say in Python. */
const LATIN_1 = /^(?:cp819|csisolatin1|ibm819|iso-?_?8859-?1|iso_8859-1:1987|iso-ir-100|l1|latin1)$/
const ASCII = /^(?:ansi_x3\.4-1968|ascii|us-ascii)$/
/** TextDecoder in Node does not know them, or, in Node 20 to 23, takes them for another. */
const OWN: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  'windows-1252': (bytes) =>
    Array.from(bytes, (byte) =>
      byte < 0x80 || byte > 0x9f ? String.fromCharCode(byte) : WINDOWS_1252[byte - 0x80],
    ).join(''),
  'iso-8859-16': (bytes) =>
    Array.from(bytes, (byte) => (byte < 0xa0 ? String.fromCharCode(byte) : ISO_8859_16[byte - 0xa0])).join(''),
  'x-user-defined': (bytes) =>
    Array.from(bytes, (byte) => String.fromCharCode(byte < 0x80 ? byte : 0xf780 + byte - 0x80)).join(''),
  [REPLACED]: (bytes) => Buffer.from(bytes).toString('utf8'),
}
/** What Python's codecs give for these bytes. */
const WINDOWS_1252 = Array.from('€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ')
const ISO_8859_16 = Array.from(
  '\u00a0ĄąŁ€„Š§š©Ș«Ź\u00adźŻ°±ČłŽ”¶·žčș»ŒœŸżÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚßàáâăäćæçèéêëìíîïđńòóôőöśűùúûüęțÿ',
)

/** What an independent decoder says. */
function reference(encoding: string, label: string, bytes: Uint8Array): string {
  if (LATIN_1.test(label)) return Buffer.from(bytes).toString('latin1')
  if (ASCII.test(label))
    return Buffer.from(bytes)
      .toString('latin1')
      .replace(/[^\x00-\x7f]/g, '\ufffd')
  const own = OWN[encoding]
  if (own !== undefined) return own(bytes)
  const text = new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)
  // Bytes without a meaning are C1 controls on the web, and U+FFFD in Python.
  return encoding.startsWith('windows-') ? text.replace(/[\x80-\x9f]/g, '\ufffd') : text
}

const labels = Object.entries(LABELS).flatMap(([encoding, names]) => names.map((label) => [label, encoding] as const))

it('has every label of the standard', () => {
  expect([Object.keys(LABELS).length, labels.length]).toEqual([40, 228])
})

describe.each(labels)('%s', (label, encoding) => {
  // UTF-16 alone may begin with a mark that says the order of its bytes.
  const isMarked = /^(?:utf-16|ucs-2|unicode)$/.test(label)
  // TextDecoder in Node throws for some bytes.
  const isAlone = encoding === 'iso-2022-jp'

  it(`is ${encoding}, in any case and between blanks (Encoding standard, section 4.2)`, () => {
    const bytes = encoding.startsWith('utf-') ? Buffer.from('é日😀', encoding === 'utf-8' ? 'utf8' : 'utf16le') : HIGH
    const expected = reference(encoding, label, encoding === 'utf-16be' ? Buffer.from(bytes).swap16() : bytes)
    const given = encoding === 'utf-16be' ? Buffer.from(bytes).swap16() : bytes
    if (!isAlone) expect(decodeText(given, label)).toBe(expected)
    expect(decodeText(given, ` ${label.toUpperCase()}\t`)).toBe(isAlone ? decodeText(given, encoding) : expected)
  })

  it('gives for any bytes what an independent decoder gives, wherever they are cut', () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x1b, 0x24, 0x42, 0x28, 0x4a, 0x0a, 0x81, 0x30, 0xa4, 0xb0))
    fc.assert(
      fc.property(fc.array(fc.array(byte, { maxLength: 6 }), { maxLength: 6 }), (chunks) => {
        const bytes = Uint8Array.from(chunks.flat())
        const decoder = createTextDecoder(label)
        let text = ''
        for (const chunk of chunks) text += decoder.decode(Uint8Array.from(chunk))
        text += decoder.end()
        expect(text).toBe(decodeText(bytes, label))
        if (!isMarked && !isAlone) expect(text).toBe(reference(encoding, label, bytes))
      }),
      { numRuns: 50 },
    )
  })
})

describe('iso-2022-jp', () => {
  it.each([
    ['41 1b2442 467c 1b2842 42', 'A日B'],
    ['1b2440 467c', '日'],
    ['1b284a 5c7e41', '\u00a5\u203eA'],
    ['1b2849 315f', 'ｱﾟ'],
    ['1b2849 60', '\ufffd'],
    ['1b2442 467c 0a 41', '日\ufffd\ufffd'],
    ['1b2442 46', '\ufffd'],
    ['1b2442 461b2842 41', '\ufffdA'],
    ['1b2442 2121 7e7e', '　\ufffd'],
    ['1b24', '\ufffd$'],
    ['1b', '\ufffd'],
    ['1b41', '\ufffdA'],
    ['1b2443', '\ufffd$C'],
    ['1b2442 1b2842 41', '\ufffdA'],
    ['0e0f80', '\ufffd\ufffd\ufffd'],
    ['1b2442 1b24', '\ufffd\ufffd'],
  ])('reads %s as %j (Encoding standard, section 12.2.1)', (hex, expected) => {
    expect(decodeText(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'iso-2022-jp')).toBe(expected)
    expect(decodeText(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'csISO2022JP')).toBe(expected)
  })

  it('gives every character of JIS X 0208 that EUC-JP gives', () => {
    const pairs = Array.from({ length: 94 * 94 }, (_, at) => [0x21 + Math.floor(at / 94), 0x21 + (at % 94)])
    const jis = Buffer.concat([Buffer.from('\x1b$B', 'latin1'), ...pairs.map((pair) => Buffer.from(pair))])
    const euc = Buffer.concat(pairs.map((pair) => Buffer.from(pair.map((byte) => byte | 0x80))))
    const text = decodeText(jis, 'iso-2022-jp')
    expect(text).toBe(new TextDecoder('euc-jp').decode(euc))
    expect(Array.from(text.replaceAll('\ufffd', '')).length).toBeGreaterThan(6800)
  })
})

it('a wrong sequence of GB18030 that is cut in two is replaced, as it is in one piece', () => {
  for (const label of ['gb18030', 'gbk']) {
    const decoder = createTextDecoder(label)
    const pieces = ['c4e3 81', '30', '1b 41 c4', 'e3'].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    const text = pieces.map((piece) => decoder.decode(piece)).join('') + decoder.end()
    expect(text).toBe(decodeText(Buffer.concat(pieces), label))
    expect(text).toMatch(/^你\ufffd.*\u001bA你$/)
  }
})
