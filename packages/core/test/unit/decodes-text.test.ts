import { TextDecoder } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { charsetOf, createTextDecoder, decodeJsonBytes, decodeText, detectEncoding } from '../../src/message/charset.ts'
import { expectFast, FAMILIES } from './adversarial.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function encodeUtf32(text: string, littleEndian: boolean): Buffer {
  const codes = Array.from(text, (character) => character.codePointAt(0) as number)
  const bytes = Buffer.alloc(codes.length * 4)
  for (const [index, code] of codes.entries()) {
    if (littleEndian) bytes.writeUInt32LE(code, index * 4)
    else bytes.writeUInt32BE(code, index * 4)
  }
  return bytes
}

describe('charsetOf', () => {
  it.each([
    [null, null],
    ['', null],
    ['text/html', null],
    ['text/html; charset=utf-8', 'utf-8'],
    ['text/html; charset="utf-8"', 'utf-8'],
    ["text/html; charset='utf-8'", 'utf-8'],
    ['text/html;  Charset = utf-8 ; x=y', 'utf-8'],
    ['text/html;v=1;charset=utf-8', 'utf-8'],
    ['text/html; "charset"=x', 'x'],
    ['text/html; charset=', ''],
    ['text/html; charset', null],
    ['text/html; charset=a; charset=b', 'b'],
    ['text/html; charset=Bogus', 'Bogus'],
    ['charset=utf-8', null],
    ['multipart/related; start="a;charset=x"; charset=y', 'y'],
    ['multipart/related; start="a\\";charset=x"', null],
    ['text/html; x="open; charset=utf-8', 'utf-8'],
    ['application/json', 'utf-8'],
    ['APPLICATION/JSON ; x=y', 'utf-8'],
    ['application/problem+json', 'utf-8'],
    ['application/json; charset=latin-1', 'latin-1'],
    ['application/json-seq', 'utf-8'],
    ['text/plain; x="application/json"', null],
  ])('of %s is %s', (contentType, expected) => {
    expect(charsetOf(contentType)).toBe(expected)
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => charsetOf(text))
    expectFast(() => charsetOf(`a/b; charset=${text}`))
  })
})

describe('decodeText', () => {
  it.each([
    // Byte for byte what Python gives.
    ['', '616263', 'abc'],
    ['utf-8', 'efbbbf61', '\ufeffa'],
    ['utf-8', '61ff62c32863e28264f09f98', 'a\ufffdb\ufffd(c\ufffdd\ufffd'],
    ['utf-8', 'eda0807cc0807cf4908080', '\ufffd\ufffd\ufffd|\ufffd\ufffd|\ufffd\ufffd\ufffd\ufffd'],
    ['utf-8-sig', 'efbbbf616263', 'abc'],
    ['UTF_8_SIG', 'efbbbfefbbbf61', '\ufeffa'],
    ['utf-8-sig', '616263', 'abc'],
    ['bogus', '636166c3a9ff', 'café\ufffd'],
    ['base64', '59574a6a', 'YWJj'],
    ['utf-7', '61', 'a'],
    ['utf8', 'c3a9', 'é'],
    ['U8', 'c3a9', 'é'],
    [' utf-8 ', 'c3a9', 'é'],
    ['latin-1', 'c3a980', 'Ã©\u0080'],
    ['ISO-8859-1', 'e9809f', 'é\u0080\u009f'],
    ['iso8859_1', 'e9', 'é'],
    ['ascii', '61e98062', 'a\ufffd\ufffdb'],
    ['windows-1252', '9371756f7465649420802081', '“quoted” € \ufffd'],
    ['cp1252', '808d9f', '€\ufffdŸ'],
    ['cp1251', 'cff0e8e298', 'При\u0432\ufffd'],
    ['windows_1254', '80fd', '€ı'],
    ['gb2312', 'c4e3bac3', '你好'],
    ['cp936', 'c4e3bac3', '你好'],
    ['koi8-r', 'd0d2c9d7c5d4', 'привет'],
    ['koi8_u', 'd0d2c9d7c5d4', 'привет'],
    ['iso-8859-15', 'a4', '€'],
    ['iso8859_15', 'a4', '€'],
    ['latin9', 'a4', '€'],
    ['latin2', 'b1', 'ą'],
    ['shift_jis', '93fa967b', '日本'],
    ['cp932', '93fa967b', '日本'],
    ['EUC_JP', 'c6fccbdc', '日本'],
    ['euc_kr', 'c7d1', '한'],
    ['big5', 'a4a4', '中'],
    ['cp866', 'afe0', 'пр'],
    ['mac_roman', '8e', 'é'],
    ['utf-16', 'fffe6800e900', 'hé'],
    ['utf-16', 'feff006800e9', 'hé'],
    ['utf_16', '6800e900', 'hé'],
    ['utf-16', '68', '\ufffd'],
    ['utf-16-be', '006800e900', 'hé\ufffd'],
    ['utf-16-le', 'fffe6800', '\ufeffh'],
    ['UTF-16BE', 'feff0068', '\ufeffh'],
    ['utf-16-le', '00d86100', '\ufffda'],
    ['utf-32', 'fffe000068000000', 'h'],
    ['utf-32', '0000feff0001f600', '😀'],
    ['utf32', '68000000', 'h'],
    ['utf-32-be', '0000feff00000068', '\ufeffh'],
    ['utf-32-le', '00d80000ffffffff6100000062', '\ufffd\ufffda\ufffd'],
  ])('reads %j %s', (encoding, bytes, expected) => {
    expect(decodeText(hex(bytes), encoding)).toBe(expected)
  })

  it.each([
    ['', ''],
    ['616263', 'abc'],
    ['c3a9', 'é'],
    ['e9', 'é'],
    ['80', '€'],
    ['efbbbf61', 'a'],
    ['fffe6100', 'a'],
    ['feff0061', 'a'],
    ['fffe000061000000', 'a'],
    ['0000feff00000061', 'a'],
    ['efbbbf61ff', 'a\ufffd'],
  ])('asks the bytes %s without an encoding', (bytes, expected) => {
    expect(decodeText(hex(bytes), null)).toBe(expected)
    expect(decodeText(hex(bytes), detectEncoding(hex(bytes)))).toBe(expected)
  })

  it('reads a part of a buffer and no more', () => {
    const part = new Uint8Array(Uint8Array.from([0x78, 0xc3, 0xa9, 0x78]).buffer, 1, 2)
    expect(decodeText(part, 'utf-8')).toBe('é')
    expect(decodeText(part, 'latin-1')).toBe('Ã©')
  })

  it('replaces invalid UTF-8 as the Encoding standard does', () => {
    const reference = new TextDecoder('utf-8', { ignoreBOM: true })
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0x80, 0xa0, 0xbf))
    fc.assert(
      fc.property(fc.array(byte), (bytes) => {
        expect(decodeText(Uint8Array.from(bytes), 'utf-8')).toBe(reference.decode(Uint8Array.from(bytes)))
      }),
    )
  })

  it('reads back every text it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        const text = given.toWellFormed()
        expect(decodeText(Buffer.from(text), 'utf-8')).toBe(text)
        expect(decodeText(Buffer.from(text, 'utf16le'), 'utf-16le')).toBe(text)
        expect(decodeText(Buffer.from(text, 'utf16le').swap16(), 'utf-16be')).toBe(text)
        expect(decodeText(Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16')).toBe(text)
        expect(decodeText(encodeUtf32(text, true), 'utf-32le')).toBe(text)
        expect(decodeText(encodeUtf32(`\ufeff${text}`, false), 'utf-32')).toBe(text)
      }),
    )
  })

  it('throws for no name and no bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.option(fc.string()), (bytes, encoding) => void decodeText(bytes, encoding)),
    )
  })

  it('reads 1 MB of anything in linear time', () => {
    const names = [
      null,
      'utf-8',
      'utf-8-sig',
      'utf-16',
      'utf-32',
      'latin-1',
      'ascii',
      'cp1252',
      'cp1251',
      'gbk',
      'bogus',
    ]
    for (const fill of [0x00, 0x22, 0x80, 0xc3, 0xff]) {
      for (const name of names) expectFast(() => decodeText(Buffer.alloc(1_000_000, fill), name))
      expectFast(() => decodeJsonBytes(Buffer.alloc(1_000_000, fill)))
    }
    expectFast(() => decodeText(Buffer.from('a'), '-'.repeat(1_000_000)))
  })
})

describe('detectEncoding', () => {
  it.each([
    ['', 'utf-8'],
    ['61', 'utf-8'],
    ['c3a9', 'utf-8'],
    ['e9', 'windows-1252'],
    ['efbbbf61', 'utf-8-sig'],
    ['fffe', 'utf-16'],
    ['feff', 'utf-16'],
    ['fffe0000', 'utf-32'],
    ['0000feff', 'utf-32'],
  ])('of %s is %s', (bytes, expected) => {
    expect(detectEncoding(hex(bytes))).toBe(expected)
  })
})

describe('createTextDecoder', () => {
  const names = ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-be', 'utf-32', 'utf-32-le', 'latin-1', 'ascii', 'cp1252']
  it.each([...names, 'cp1251', 'gbk', 'shift_jis', 'bogus', ''])(
    'gives for %j the same wherever the bytes are cut',
    (name) => {
      const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xff, 0xfe, 0xef, 0xbb, 0xbf, 0x00, 0xc3, 0xe2, 0x82, 0xac))
      fc.assert(
        fc.property(fc.array(fc.array(byte, { maxLength: 5 })), (chunks) => {
          const decoder = createTextDecoder(name)
          let text = ''
          for (const chunk of chunks) text += decoder.decode(Uint8Array.from(chunk))
          expect(text + decoder.end()).toBe(decodeText(Uint8Array.from(chunks.flat()), name))
        }),
      )
    },
  )

  it('replaces a character that is cut off at the end', () => {
    const decoder = createTextDecoder('utf-8')
    expect([decoder.decode(hex('61e282')), decoder.end()]).toEqual(['a', '\ufffd'])
  })

  it('holds a character until it is complete', () => {
    const decoder = createTextDecoder('utf-8')
    expect([decoder.decode(hex('e2')), decoder.decode(hex('82')), decoder.decode(hex('ac61')), decoder.end()]).toEqual([
      '',
      '',
      '€a',
      '',
    ])
  })

  it('reads UTF-8 without its byte order mark if there is no encoding', () => {
    const decoder = createTextDecoder(null)
    expect([decoder.decode(hex('efbb')), decoder.decode(hex('bf61ff')), decoder.end()].join('')).toBe('a\ufffd')
  })
})

describe('decodeJsonBytes', () => {
  const text = '{"k": "é日😀\ufffd"}'
  it.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${text}`)],
    ['UTF-16LE', Buffer.from(text, 'utf16le')],
    ['UTF-16BE', Buffer.from(text, 'utf16le').swap16()],
    ['UTF-16LE with a byte order mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16BE with a byte order mark', Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-32LE', encodeUtf32(text, true)],
    ['UTF-32BE', encodeUtf32(text, false)],
    ['UTF-32LE with a byte order mark', encodeUtf32(`\ufeff${text}`, true)],
    ['UTF-32BE with a byte order mark', encodeUtf32(`\ufeff${text}`, false)],
  ])('reads %s (RFC 8259 section 8.1)', (_name, bytes) => {
    expect(decodeJsonBytes(bytes)).toBe(text)
  })

  it('reads short texts', () => {
    expect(decodeJsonBytes(hex(''))).toBe('')
    expect(decodeJsonBytes(hex('31'))).toBe('1')
    expect(decodeJsonBytes(hex('3100'))).toBe('1')
    expect(decodeJsonBytes(hex('0031'))).toBe('1')
    expect(decodeJsonBytes(hex('31000000'))).toBe('1')
    expect(decodeJsonBytes(hex('5b315d'))).toBe('[1]')
    expect(decodeJsonBytes(Buffer.from('"日"', 'utf16le'))).toBe('"日"')
    expect(decodeJsonBytes(Buffer.from('"日"', 'utf16le').swap16())).toBe('"日"')
  })

  it('falls back to the text of bytes that are invalid', () => {
    expect(decodeJsonBytes(hex('22e922'))).toBe('"é"')
    expect(() => JSON.parse(decodeJsonBytes(hex('22006100 2200 00d8')))).toThrow(SyntaxError)
    expect(decodeJsonBytes(hex('00000000'))).toBe('\0\0\0\0')
  })

  it('throws for nothing', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeJsonBytes(bytes)))
  })
})
