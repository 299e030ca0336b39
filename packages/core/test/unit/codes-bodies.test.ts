import { ContentDecodingError, Headers, InvalidHeader, LimitExceededError, Request } from '@entreat/core'
import * as fc from 'fast-check'
import { Readable } from 'node:stream'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { CookieJar } from '../../src/cookie-jar.ts'
import { charsetOf } from '../../src/message/charset.ts'
import { codingsOf, decodeStream, decodeSync } from '../../src/message/content-coding.ts'
import { encodeMultipart } from '../../src/message/multipart.ts'
import { encodeHead } from '../../src/transport/wire-head.ts'
import { expectFast, FAMILIES, textOf } from './adversarial.ts'
import { cutAt } from './fake-socket.ts'

const ENCODERS: Readonly<Record<string, readonly [coding: string, encode: (bytes: Uint8Array) => Buffer]>> = {
  gzip: ['gzip', gzipSync],
  'x-gzip': ['x-gzip', gzipSync],
  deflate: ['deflate', deflateSync],
  'bare deflate': ['deflate', deflateRawSync],
  br: ['br', brotliCompressSync],
}
const bytesOfAnySize = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc.nat(100_000).map((length) => new Uint8Array(length)),
)
const places = fc.array(fc.nat(), { maxLength: 10 })

async function decodePieces(pieces: readonly Uint8Array[], codings: readonly string[]): Promise<Buffer> {
  const decoded: Uint8Array[] = []
  for await (const piece of decodeStream(Readable.from(pieces), codings)) decoded.push(piece)
  return Buffer.concat(decoded)
}

describe.each(Object.entries(ENCODERS))('a body in %s', (_name, [coding, encode]) => {
  it('is decoded to what it was, at once or in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(bytesOfAnySize, places, async (bytes, cuts) => {
        const encoded = encode(bytes)
        expect(decodeSync(encoded, [coding], 1_000_000).equals(bytes)).toBe(true)
        expect((await decodePieces(cutAt(encoded, cuts), [coding])).equals(bytes)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('that was changed or cut is an error of its own class, or something that fits the limit', async () => {
    const change = fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }), cut: fc.nat(60) })
    await fc.assert(
      fc.asyncProperty(bytesOfAnySize, change, async (bytes, { at, by, cut }) => {
        const encoded = encode(bytes)
        encoded.writeUInt8(encoded.readUInt8(at % encoded.length) ^ by, at % encoded.length)
        const broken = encoded.subarray(0, Math.max(1, encoded.length - cut))
        const whole = await Promise.resolve()
          .then(() => decodeSync(broken, [coding], 100_000))
          .catch((error: unknown) => error)
        if (whole instanceof Error)
          expect(whole instanceof ContentDecodingError || whole instanceof LimitExceededError).toBe(true)
        else expect((whole as Buffer).length).toBeLessThanOrEqual(100_000)
        const pieces = await decodePieces([broken], [coding]).catch((error: unknown) => error)
        if (pieces instanceof Error) expect(pieces).toBeInstanceOf(ContentDecodingError)
      }),
      { numRuns: 60 },
    )
  })
})

describe('codings over each other', () => {
  it('are undone in turn', async () => {
    const names = fc.array(fc.constantFrom(...Object.keys(ENCODERS)), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), names, async (bytes, chosen) => {
        const layers = chosen.map((name) => ENCODERS[name] as (typeof ENCODERS)[string])
        const encoded = layers.reduce<Uint8Array>((body, [, encode]) => encode(body), bytes)
        const codings = codingsOf(layers.map(([coding]) => coding).join(', '), 5)
        expect(decodeSync(Buffer.from(encoded), codings, 1_000_000).equals(bytes)).toBe(true)
        expect((await decodePieces([encoded], codings)).equals(bytes)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it.each(Object.entries(FAMILIES))('are named in linear time by 1 MB of %s', (_name, text) => {
    expectFast(() => {
      try {
        codingsOf(text, 5)
      } catch (error) {
        expect(error).toBeInstanceOf(ContentDecodingError)
      }
    })
  })
})

describe('multipart/form-data', () => {
  it('is read back by another parser', async () => {
    // What the WHATWG encoding cannot tell apart: a quote and its escape, and kinds of line breaks in values.
    const name = textOf('ab "\';:=éß\\,<>').filter((text) => text.trim() === text)
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text))
    const file = fc.record({ name, filename: name, content: fc.uint8Array({ maxLength: 200 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value)), fc.array(file), async (fields, files) => {
        fc.pre(fields.length + files.length > 0)
        const given = files.map(({ name, filename, content }) => [name, [filename, content, 'text/x-y']] as const)
        const { body, contentType } = encodeMultipart(fields, given)
        const response = new Response(await body.bytes(1_000_000), { headers: { 'Content-Type': contentType } })
        const form = [...(await response.formData())]
        expect(form.slice(0, fields.length)).toEqual(fields)
        for (const [index, [field, read]] of form.slice(fields.length).entries()) {
          const { name, filename, content } = files[index] as (typeof files)[number]
          expect([field, (read as File).name]).toEqual([name, filename])
          expect(Buffer.from(await (read as File).arrayBuffer()).equals(content)).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('knows its length', async () => {
    const pair = fc.tuple(fc.string(), fc.uint8Array({ maxLength: 100 }))
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { minLength: 1 }), async (files) => {
        const { body } = encodeMultipart(null, files)
        expect((await body.bytes(1_000_000)).byteLength).toBe(body.length)
      }),
    )
  })
})

describe('the head of a request', () => {
  it('holds one line a header, whatever the headers are', async () => {
    const name = fc.oneof(fc.constantFrom('Host', 'Content-Length', 'Expect', 'Keep-Alive', 'X'), fc.string())
    const value = fc.oneof(fc.string({ unit: 'binary' }), textOf('a\r\n\0:\t é'))
    const bare = await new Request('GET', 'http://host.test/').prepare()
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (lines) => {
        const request = bare.copy()
        try {
          for (const [key, text] of lines) request.headers.append(key, text)
          const head = encodeHead(request, false)
          for (const line of head.lines) expect(line).not.toMatch(/[\r\n\0]/)
          expect(head.refused).toMatch(/^(?:[^\r\n\0]*\r\n)*$/)
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidHeader)
        }
      }),
      { numRuns: 500 },
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time for 1 MB of %s', (_name, text) => {
    expectFast(() => {
      try {
        new Headers({ 'X-A': text })
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidHeader)
      }
    })
  })
})

describe('Set-Cookie', () => {
  const url = 'https://host.test/path/'
  /** What the exchange does with a response; no public name. */
  const receive = (jar: CookieJar, line: string): void => {
    ;(jar as unknown as { receive(lines: readonly string[], url: string): void }).receive([line], url)
  }

  it('that can be sent is sent back', () => {
    const token = fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,20}$/)
    const value = fc.stringMatching(/^[!#-+\--:<-[\]-~]{0,40}$/)
    fc.assert(
      fc.property(token, value, (name, text) => {
        fc.pre(!/^__(?:secure|host)-/i.test(name))
        const jar = new CookieJar()
        receive(jar, `${name}=${text}; Path=/; Secure`)
        expect(jar.tough.getCookieStringSync(url)).toBe(`${name}=${text}`)
      }),
    )
  })

  it('breaks nothing, whatever it says', () => {
    const word = fc.constantFrom(
      'a=b',
      '=',
      ';',
      ' ',
      'Domain=',
      'Path=/',
      'Expires=',
      'Max-Age=',
      '9',
      'Thu, 01 Jan',
      '\0',
      'é',
      '""',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word).map((words) => words.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (line) => {
          const jar = new CookieJar()
          receive(jar, line)
          expect(jar.tough.getCookieStringSync(url)).not.toMatch(/[\r\n\0]/)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time for 1 MB of %s', (_name, text) => {
    for (const start of ['', 'a=b; Expires=']) expectFast(() => receive(new CookieJar(), start + text))
  })
})

describe('charsetOf', () => {
  it('reads back every charset that it is given', () => {
    const charset = fc.stringMatching(/^[a-z0-9_-]{1,12}$/)
    const other = fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), textOf('ab;=, é')).filter(([name]) => name !== 'charset')
    fc.assert(
      fc.property(charset, fc.array(other, { maxLength: 3 }), fc.boolean(), (name, others, isQuoted) => {
        const params = others.map(([key, text]) => `${key}="${text}"`)
        const header = ['text/plain', ...params, `charset=${isQuoted ? `"${name}"` : name}`].join('; ')
        expect(charsetOf(header)).toBe(name)
      }),
    )
  })

  it('throws for nothing', () => {
    fc.assert(fc.property(textOf('text/;charset="=\\\' é'), (header) => void charsetOf(header)))
  })
})
