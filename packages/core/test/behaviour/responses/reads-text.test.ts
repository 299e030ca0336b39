import { detect } from 'chardet'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Request, Response, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'

const JAPANESE = '日本語、テスト\r\n二行目\n三\r四 end'
const EVERYTHING = `${JAPANESE}😀`
const CHINESE = '繁體中文\r\n二行\n三\r四 end'
const KOREAN = '한국어\r\n둘\n셋\r넷 end'
const RUSSIAN = 'Привет\r\nдва\nтри\rчетыре end'
const LATIN = 'é§à\r\nß\nü\rñ end'

const VECTORS: readonly (readonly [encoding: string, text: string, hex: string])[] = [
  ['shift_jis', JAPANESE, '93fa967b8cea81418365835883670d0a93f18d7396da0a8e4f0d8e6c20656e64'],
  ['euc-jp', JAPANESE, 'c6fccbdcb8eca1a2a5c6a5b9a5c80d0ac6f3b9d4ccdc0abbb00dbbcd20656e64'],
  [
    'iso-2022-jp',
    JAPANESE,
    '1b2442467c4b5c386c21222546253925481b28420d0a1b2442467339544c5c1b28420a1b24423b301b28420d1b24423b4d1b284220656e64',
  ],
  ['gb18030', EVERYTHING, 'c8d5b1bed55aa1a2a5c6a5b9a5c80d0ab6fed0d0c4bf0ac8fd0dcbc420656e649439fc36'],
  ['big5', CHINESE, 'c163c5e9a4a4a4e50d0aa447a6e60aa4540da57c20656e64'],
  ['euc-kr', KOREAN, 'c7d1b1b9beee0d0ab5d10abcc20db3dd20656e64'],
  [
    'utf-8',
    EVERYTHING,
    'e697a5e69cace8aa9ee38081e38386e382b9e383880d0ae4ba8ce8a18ce79bae0ae4b8890de59b9b20656e64f09f9880',
  ],
  [
    'utf-16',
    EVERYTHING,
    'fffee5652c679e8a0130c630b930c8300d000a008c4e4c88ee760a00094e0d00db56200065006e0064003dd800de',
  ],
  ['utf-16le', EVERYTHING, 'e5652c679e8a0130c630b930c8300d000a008c4e4c88ee760a00094e0d00db56200065006e0064003dd800de'],
  ['utf-16be', EVERYTHING, '65e5672c8a9e300130c630b930c8000d000a4e8c884c76ee000a4e09000d56db00200065006e0064d83dde00'],
  ['unicodefffe', JAPANESE, '65e5672c8a9e300130c630b930c8000d000a4e8c884c76ee000a4e09000d56db00200065006e0064'],
  ['csunicode', JAPANESE, 'e5652c679e8a0130c630b930c8300d000a008c4e4c88ee760a00094e0d00db56200065006e006400'],
  [
    'utf-32',
    EVERYTHING,
    'fffe0000e56500002c6700009e8a000001300000c6300000b9300000c83000000d0000000a0000008c4e00004c880000ee7600000a000000094e00000d000000db56000020000000650000006e0000006400000000f60100',
  ],
  ['koi8-r', RUSSIAN, 'f0d2c9d7c5d40d0ac4d7c10ad4d2c90ddec5d4d9d2c520656e64'],
  ['windows-1251', RUSSIAN, 'cff0e8e2e5f20d0ae4e2e00af2f0e80df7e5f2fbf0e520656e64'],
  ['iso-8859-1', LATIN, 'e9a7e00d0adf0afc0df120656e64'],
  ['iso-8859-15', LATIN, 'e9a7e00d0adf0afc0df120656e64'],
]

const request = await new Request('GET', 'http://example.com/').prepare()

/** A streamed response that arrives in pieces of so many bytes. */
function arriving(bytes: Uint8Array, size: number, type: string): Response {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
  }
  return new Response({ request, statusCode: 200, headers: { 'Content-Type': type }, body: pieces() })
}

describe.each(VECTORS)('text in %s', (encoding, text, hex) => {
  const bytes = Buffer.from(hex, 'hex')
  const type = `text/plain; charset=${encoding}`

  it('is read whole', async () => {
    const response = arriving(bytes, 7, type)
    await response.read()
    expect(response.text).toBe(text)
  })

  it.each([1, 2, 3, 5, 1000])('is read in pieces of %i bytes, no character torn', async (size) => {
    const pieces: string[] = []
    for await (const piece of arriving(bytes, size, type).iterContent(size, { decodeUnicode: true })) pieces.push(piece)
    expect(pieces.join('')).toBe(text)
    expect(pieces.every((piece) => piece.isWellFormed())).toBe(true)
  })

  it.each([1, 2, 3, 5, 1000])('is read line by line from pieces of %i bytes', async (size) => {
    const lines: string[] = []
    for await (const line of arriving(bytes, size, type).iterLines()) lines.push(line)
    expect(lines).toEqual(text.split(/\r\n|\r|\n/))
  })

  it.each([1, 3, 1000])('is cut at a delimiter beyond ASCII from pieces of %i bytes', async (size) => {
    const delimiter = Array.from(text)[1] as string
    const lines: string[] = []
    for await (const line of arriving(bytes, size, type).iterLines({ delimiter })) lines.push(line)
    expect(lines).toEqual(text.split(delimiter))
  })
})

it('a delimiter that is a part of a character ends no line', async () => {
  // In Shift_JIS the second byte of 表 is that of a backslash.
  const bytes = Buffer.from('955c5c93fa', 'hex')
  const lines: string[] = []
  for await (const line of arriving(bytes, 1, 'text/plain; charset=shift_jis').iterLines({ delimiter: '\\' }))
    lines.push(line)
  expect(lines).toEqual(['表', '日'])
})

it('text never throws, whatever the bytes and the label', async () => {
  const label = fc.oneof(
    fc.string(),
    fc.constantFrom('utf-8', 'utf-16', 'iso-2022-kr', 'replacement', '', '"', 'base64'),
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), label, async (bytes, charset) => {
      const response = new Response({ request, statusCode: 200, body: bytes })
      response.encoding = charset
      await response.read()
      expect(typeof response.text).toBe('string')
    }),
  )
})

describe('JSON in Unicode of any kind (RFC 8259 section 8.1)', () => {
  const value = { k: 'é日😀' }
  const text = JSON.stringify(value)
  const utf32 = (littleEndian: boolean): Buffer => {
    const codes = Array.from(text, (character) => character.codePointAt(0) as number)
    const bytes = Buffer.alloc(codes.length * 4)
    for (const [index, code] of codes.entries()) {
      if (littleEndian) bytes.writeUInt32LE(code, index * 4)
      else bytes.writeUInt32BE(code, index * 4)
    }
    return bytes
  }
  const le = Buffer.from(text, 'utf16le')
  const be = Buffer.from(le).swap16()

  it.each<[what: string, bytes: Buffer, type: string | null]>([
    ['UTF-8 without type', Buffer.from(text), null],
    ['UTF-16LE without type', le, null],
    ['UTF-16BE without type', be, null],
    ['UTF-32LE without type', utf32(true), null],
    ['UTF-32BE without type', utf32(false), null],
    ['UTF-16 with a mark, as text', Buffer.concat([Buffer.from([0xff, 0xfe]), le]), 'text/plain'],
    ['UTF-8 with a mark, as text', Buffer.from(`\ufeff${text}`), 'text/plain'],
    ['UTF-16LE that says so', le, 'application/json; charset=utf-16le'],
    ['UTF-16 that says so', Buffer.concat([Buffer.from([0xfe, 0xff]), be]), 'application/json; charset=utf-16'],
    ['UTF-32 that says so', utf32(true), 'application/json; charset=utf-32'],
  ])('is read from %s', async (_what, body, type) => {
    const headers = type === null ? {} : { 'Content-Type': type }
    const response = new Response({ request, statusCode: 200, headers, body })
    await response.read()
    expect(response.json()).toEqual(value)
  })

  it.each<[what: string, bytes: Buffer]>([
    ['UTF-16LE', le],
    ['UTF-16BE', be],
    ['UTF-32LE', utf32(true)],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`)],
    ['UTF-16LE with a mark', Buffer.concat([Buffer.from([0xff, 0xfe]), le])],
  ])('is read from %s under application/json, which says nothing of the encoding', async (_what, body) => {
    const headers = { 'Content-Type': 'application/json' }
    const response = new Response({ request, statusCode: 200, headers, body })
    await response.read()
    expect(response.json()).toEqual(value)
  })
})

describe('a detector of a library', () => {
  it('reads what names no charset, and only that', async () => {
    await using server = await TestServer.start({
      tls: false,
      handler: (incoming, response) => {
        const bytes = Buffer.from(
          'cff0e8e2e5f22c20eae0ea20e4e5ebe03f20c2f1e520e2e5f9e820f5eef0eef8e8e52c20e2f1e5e3e4e020f2e0ea2e',
          'hex',
        )
        response.setHeader('Content-Type', incoming.url === '/named' ? 'text/plain; charset=koi8-r' : 'text/plain')
        response.end(bytes)
        return true
      },
    })
    await using session = new Session({ trustEnv: false, detectEncoding: (bytes) => detect(bytes) })
    const found = await session.get(`${server.url}/unnamed`)
    expect([found.encoding, found.apparentEncoding]).toEqual([null, 'windows-1251'])
    expect(found.text).toBe('Привет, как дела? Все вещи хорошие, всегда так.')
    const given = await session.get(`${server.url}/named`)
    expect([given.encoding, given.text.startsWith('оПХБЕР')]).toEqual(['koi8-r', true])
  })

  it('that knows nothing leaves it to the bytes', async () => {
    await using server = await TestServer.start({ tls: false })
    await using session = new Session({ trustEnv: false, detectEncoding: () => null })
    const response = await session.get(`${server.url}/encoding/utf8`)
    expect(response.apparentEncoding).toBe('utf-8')
  })
})
