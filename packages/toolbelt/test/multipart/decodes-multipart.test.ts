import {
  Headers,
  LimitExceededError,
  type PreparedRequest,
  Request,
  Response,
  StreamConsumedError,
  UsageError,
} from '@entreat/core'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  MultipartDecoder,
  MultipartEncoder,
  MultipartError,
  NonMultipartContentTypeError,
  streamParts,
} from '@entreat/toolbelt/multipart'
import { bytesOf, inPieces, trickyContent } from './support.ts'

const TYPE = 'multipart/mixed; boundary=B'

function decode(text: string, type = TYPE): [headers: Record<string, string>, content: string][] {
  return new MultipartDecoder(Buffer.from(text, 'latin1'), type).parts.map(({ headers, content }) => [
    Object.fromEntries(headers),
    content.toString('latin1'),
  ])
}

describe('parts', () => {
  test.each<[what: string, text: string, contents: string[]]>([
    ['in CRLF lines', '--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n--B--\r\n', ['one', 'two']],
    ['in LF lines', '--B\n\none\n--B\n\ntwo\n--B--\n', ['one', 'two']],
    ['after a preamble', 'This is multipart.\r\n--B\r\n\r\none\r\n--B--', ['one']],
    ['after an empty line', '\r\n--B\r\n\r\none\r\n--B--', ['one']],
    ['after a preamble that nearly looks like a boundary', '--Bx\r\n-B\r\n--B\r\n\r\none\r\n--B--', ['one']],
    ['before an epilogue', '--B\r\n\r\none\r\n--B--\r\nwhat follows\r\n--B\r\n', ['one']],
    ['with blanks after the boundary', '--B \t\r\n\r\none\r\n--B  \r\n\r\ntwo\r\n--B-- \r\n', ['one', 'two']],
    ['without content', '--B\r\n\r\n\r\n--B--', ['']],
    ['without content and its line break', '--B\r\nX: y\r\n\r\n--B\r\n\r\n--B--', ['', '']],
    ['whose content begins like the boundary', '--B\r\n\r\n--Bx\r\n--Bfoo\r\n--B--', ['--Bx\r\n--Bfoo']],
    ['whose content has the boundary after a bare LF', '--B\r\n\r\na\n--B\nb\r\n--B--', ['a\n--B\nb']],
    ['none at all', '--B--\r\n', []],
  ])('are found %s', (_what, text, contents) => {
    expect(decode(text).map(([, content]) => content)).toEqual(contents)
  })

  test('have headers: repeated, folded, without case', () => {
    const [part] = new MultipartDecoder(
      Buffer.from('--B\r\nX-A: 1\r\nx-a: 2\r\nX-Long: a\r\n  b\r\nX-Empty:\r\n\r\n\r\n--B--'),
      TYPE,
    ).parts
    expect(part?.headers.getAll('X-a')).toEqual(['1', '2'])
    expect([part?.headers.get('x-long'), part?.headers.get('x-empty')]).toEqual(['a b', ''])
  })

  test.each<[type: string]>([
    ['multipart/mixed; boundary=B'],
    ['Multipart/Form-Data;charset=x; Boundary="B"'],
    ['multipart/related; type="a;b"; boundary=B; x'],
  ])('are found for %s', (type) => {
    expect(decode('--B\r\n\r\none\r\n--B--', type).length).toBe(1)
  })

  test('are found for a quoted boundary with a semicolon and blanks', () => {
    expect(decode('--a; b\r\n\r\none\r\n--a; b--', 'multipart/mixed; boundary="a; b"').length).toBe(1)
  })
})

describe('names', () => {
  test.each<[disposition: string, name: string | null, filename: string | null]>([
    ['form-data; name="a"', 'a', null],
    ['form-data; name=a; filename=b.txt', 'a', 'b.txt'],
    ['form-data; NAME="a"; FileName="b c.txt"', 'a', 'b c.txt'],
    ['form-data; name="a"; filename="a\\"b.txt"', 'a', 'a"b.txt'],
    ['form-data; name="a"; filename="C:\\dir\\file.txt"', 'a', 'C:\\dir\\file.txt'],
    ['form-data; name="a"; filename="C:\\dir\\"; x=y', 'a', 'C:\\dir\\'],
    ['form-data; name="a%22b%0D%0Ac"', 'a"b\r\nc', null],
    ["form-data; name=a; filename=x; filename*=UTF-8''na%C3%AFve.txt", 'a', 'naïve.txt'],
    ["form-data; name=a; filename*=iso-8859-1'en'na%EFve.txt", 'a', 'naïve.txt'],
    ["form-data; name=a; filename=x; filename*=UTF-8''%FF", 'a', 'x'],
    ["form-data; name=a; filename=x; filename*=utf-16''%FF", 'a', 'x'],
    ['attachment; filename="a;b=c"', null, 'a;b=c'],
    ['form-data', null, null],
    ['form-data; name="unclosed', 'unclosed', null],
  ])('are read from %s', (disposition, name, filename) => {
    const [part] = new MultipartDecoder(
      Buffer.from(`--B\r\nContent-Disposition: ${disposition}\r\n\r\n\r\n--B--`),
      TYPE,
    ).parts
    expect([part?.name, part?.filename]).toEqual([name, filename])
  })

  test('are read as UTF-8, and as Latin-1 where they are not that', () => {
    const named = (name: Buffer): string | null | undefined =>
      new MultipartDecoder(
        Buffer.concat([
          Buffer.from('--B\r\nContent-Disposition: form-data; name="'),
          name,
          Buffer.from('"\r\n\r\n\r\n--B--'),
        ]),
        TYPE,
      ).parts[0]?.name
    expect(named(Buffer.from('né'))).toBe('né')
    expect(named(Buffer.from('né', 'latin1'))).toBe('né')
  })
})

test('text is in the charset of the part, else of the decoder', () => {
  const body = Buffer.from(
    '--B\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe9\r\n--B\r\n\r\n\xe9\r\n--B--',
    'latin1',
  )
  expect(new MultipartDecoder(body, TYPE).parts.map(({ text }) => text)).toEqual(['é', '\ufffd'])
  expect(new MultipartDecoder(body, TYPE, { encoding: 'windows-1252' }).parts.map(({ text }) => text)).toEqual([
    'é',
    'é',
  ])
})

test('byte ranges know which they are (RFC 9110 section 14.6)', () => {
  const text =
    '--B\r\nContent-Range: bytes 0-4/10\r\n\r\n01234\r\n--B\r\nContent-Range: bytes 8-9/*\r\n\r\n89\r\n--B\r\nContent-Range: bytes 9-8/10\r\n\r\n\r\n--B--'
  const { parts } = new MultipartDecoder(Buffer.from(text), 'multipart/byteranges; boundary=B')
  expect(parts.map(({ contentRange }) => contentRange)).toEqual([
    { unit: 'bytes', first: 0, last: 4, total: 10 },
    { unit: 'bytes', first: 8, last: 9, total: null },
    null,
  ])
})

describe('a body that is none', () => {
  test.each<[what: string, type: string | null, error: typeof MultipartError, message: RegExp]>([
    ['without Content-Type', null, NonMultipartContentTypeError, /no Content-Type/],
    ['of another type', 'text/html; charset=x', NonMultipartContentTypeError, /text\/html is not multipart/],
    ['without boundary', 'multipart/mixed', MultipartError, /without a boundary/],
    ['with an empty boundary', 'multipart/mixed; boundary=""', MultipartError, /without a boundary/],
    [
      'with a boundary that is too long',
      `multipart/mixed; boundary=${'a'.repeat(300)}`,
      MultipartError,
      /no body can have/,
    ],
  ])('%s is an error', (_what, type, error, message) => {
    const make = (): MultipartDecoder => new MultipartDecoder(Buffer.from('--B--'), type)
    expect(make).toThrow(error)
    expect(make).toThrow(message)
  })

  test.each<[what: string, text: string, message: RegExp]>([
    ['empty', '', /no boundary/],
    ['without the boundary', 'hello', /no boundary/],
    ['that ends in header lines', '--B\r\nX: y\r\n', /Part 1 ends within its header lines/],
    ['that ends in content', '--B\r\n\r\nhello', /breaks off in part 1/],
    ['that ends before its closing boundary', '--B\r\n\r\nhello\r\n--B\r\n\r\nx\r\n--B', /breaks off in part 2/],
    ['with a line that is no header', '--B\r\nhello\r\n\r\nx\r\n--B--', /header line that is none/],
    ['with control characters in a header', '--B\r\nX: a\0b\r\n\r\nx\r\n--B--', /header line that is none/],
  ])('%s is a MultipartError', async (_what, text, message) => {
    expect(() => new MultipartDecoder(Buffer.from(text), TYPE)).toThrow(MultipartError)
    expect(() => new MultipartDecoder(Buffer.from(text), TYPE)).toThrow(message)
    const read = async (): Promise<void> => {
      for await (const part of streamParts(inPieces(Buffer.from(text), [0.5]), { contentType: TYPE })) await part.read()
    }
    await expect(read()).rejects.toThrow(message)
  })
})

describe('limits', () => {
  const forms = new MultipartEncoder(
    [
      ['a', '1'],
      ['b', 'x'.repeat(100)],
    ],
    { boundary: 'B' },
  )

  test.each([
    ['parts', { parts: 1 }],
    ['headerBytes', { headerBytes: 20 }],
    ['partBytes', { partBytes: 99 }],
  ])('%s is one', async (name, limits) => {
    const bytes = await bytesOf(forms)
    const make = (): MultipartDecoder => new MultipartDecoder(bytes, TYPE, { limits })
    expect(make).toThrow(LimitExceededError)
    expect(make).toThrow(`limits.${name}`)
  })

  test('depth is one', () => {
    let encoder = new MultipartEncoder([{ content: 'x' }], { subtype: 'mixed' })
    for (let depth = 0; depth < 3; depth++) encoder = new MultipartEncoder([{ content: encoder }], { subtype: 'mixed' })
    return bytesOf(encoder).then((bytes) => {
      const open = (depth: number): unknown => {
        let { parts } = new MultipartDecoder(bytes, encoder.contentType, { limits: { depth } })
        for (let inside = 0; inside < 3; inside++) parts = parts[0]?.parts ?? []
        return parts[0]?.text
      }
      expect(open(3)).toBe('x')
      expect(() => open(2)).toThrow(LimitExceededError)
    })
  })

  test('must be numbers', () => {
    expect(() => new MultipartDecoder(Buffer.from(''), TYPE, { limits: { parts: -1 } })).toThrow(UsageError)
    expect(() => new MultipartDecoder(Buffer.from(''), TYPE, { limits: { part: 1 } as never })).toThrow(
      'Did you mean "parts"?',
    )
  })
})

describe('streamed parts', () => {
  const body = '--B\r\nX: 1\r\n\r\none\r\n--B\r\nX: 2\r\n\r\ntwo\r\n--B--\r\nepilogue'
  const source = (): AsyncIterable<Uint8Array> => inPieces(Buffer.from(body), [0.1, 0.2, 0.3, 0.5, 0.8])

  test('come one after the other, with their content', async () => {
    const seen: unknown[] = []
    for await (const part of streamParts(source(), { contentType: TYPE }))
      seen.push([part.headers.get('x'), await part.text()])
    expect(seen).toEqual([
      ['1', 'one'],
      ['2', 'two'],
    ])
  })

  test('are skipped where they are not read, and cannot be read afterwards', async () => {
    const parts = []
    for await (const part of streamParts(source(), { contentType: TYPE })) parts.push(part)
    expect(parts.map((part) => part.headers.get('x'))).toEqual(['1', '2'])
    await expect(parts[0]?.read()).rejects.toThrow(/was skipped/)
    await expect(parts[0]?.read()).rejects.toBeInstanceOf(StreamConsumedError)
  })

  test('can be read once', async () => {
    for await (const part of streamParts(source(), { contentType: TYPE })) {
      await part.read()
      await expect(part.read()).rejects.toThrow(/already read/)
    }
  })

  test('can be left half read and read on', async () => {
    for await (const part of streamParts(
      inPieces(Buffer.from('--B\r\n\r\nabcdefghijklmnopqrstuvwxyz\r\n--B--'), [0.3, 0.6]),
      { contentType: TYPE },
    )) {
      let seen = ''
      for await (const piece of part) {
        seen += piece.toString()
        break
      }
      expect(seen.length).toBeLessThan(26)
      expect(seen + (await part.text())).toBe('abcdefghijklmnopqrstuvwxyz')
    }
  })

  test('are not read into memory past a limit', async () => {
    for await (const part of streamParts(source(), { contentType: TYPE })) {
      await expect(part.read(2)).rejects.toThrow(LimitExceededError)
      break
    }
  })

  test('let go of the source when the loop is left', async () => {
    let isStopped = false
    const stoppable = {
      async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
        try {
          yield* source()
        } finally {
          isStopped = true
        }
      },
    }
    for await (const _part of streamParts(stoppable, { contentType: TYPE })) break
    expect(isStopped).toBe(true)
  })

  test('can be multiparts themselves', async () => {
    const inner = new MultipartEncoder([
      ['a', '1'],
      ['b', '2'],
    ])
    const outer = new MultipartEncoder([{ content: 'x' }, { content: inner }, { content: 'y' }], { subtype: 'mixed' })
    const seen: unknown[] = []
    for await (const part of streamParts(inPieces(await bytesOf(outer), [0.2, 0.4, 0.6, 0.8]), {
      contentType: outer.contentType,
    })) {
      if (part.isMultipart) for await (const nested of part.parts()) seen.push(nested.name, await nested.text())
      else seen.push(await part.text())
    }
    expect(seen).toEqual(['x', 'a', '1', 'b', '2', 'y'])
  })

  test('of a response take its Content-Type', async () => {
    const request: PreparedRequest = await new Request('GET', 'http://localhost/').prepare()
    const response = new Response({
      request,
      statusCode: 200,
      headers: new Headers({ 'Content-Type': TYPE }),
      body: source(),
    })
    const names: unknown[] = []
    for await (const part of streamParts(response)) names.push(part.headers.get('x'))
    expect(names).toEqual(['1', '2'])
  })
})

describe('properties', () => {
  test('what is encoded is decoded, whatever its content and however it arrives', async () => {
    const property = fc.asyncProperty(
      fc.array(trickyContent, { maxLength: 5 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
      async (contents, cuts) => {
        const encoder = new MultipartEncoder(
          contents.map((content) => ({ content })),
          { boundary: 'B', subtype: 'mixed' },
        )
        const bytes = await bytesOf(encoder)
        const buffered = new MultipartDecoder(bytes, encoder.contentType).parts.map(({ content }) => content)
        expect(buffered).toEqual(contents)
        const streamed: Buffer[] = []
        for await (const part of streamParts(inPieces(bytes, cuts), { contentType: encoder.contentType }))
          streamed.push(await part.read())
        expect(streamed).toEqual(contents)
      },
    )
    await fc.assert(property, { numRuns: 400 })
  })

  test('names are decoded as they were, but for escapes that were there before', async () => {
    const name = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .filter((text) => !/%22|%0D|%0A|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text))
    const property = fc.asyncProperty(name, name, async (field, filename) => {
      const encoder = new MultipartEncoder([[field, { content: 'x', filename }]])
      const [part] = new MultipartDecoder(await bytesOf(encoder), encoder.contentType).parts
      expect([part?.name, part?.filename]).toEqual([field, filename])
    })
    await fc.assert(property, { numRuns: 300 })
  })

  test('any bytes decode to parts or a MultipartError, the same however they arrive', async () => {
    const anything = fc
      .array(fc.constantFrom('--B', '\r\n', '\n', '--', 'X: y', ' ', 'a', '\r'), { maxLength: 20 })
      .map((pieces) => Buffer.from(pieces.join('')))
    const property = fc.asyncProperty(
      anything,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
      async (bytes, cuts) => {
        const streamed: string[] = []
        let streamError: unknown = null
        try {
          for await (const part of streamParts(inPieces(bytes, cuts), { contentType: TYPE }))
            streamed.push((await part.read()).toString())
        } catch (error) {
          streamError = error
        }
        try {
          expect(new MultipartDecoder(bytes, TYPE).parts.map(({ content }) => content.toString())).toEqual(streamed)
        } catch (error) {
          if (!(error instanceof MultipartError)) throw error
          expect((streamError as Error | null)?.message).toBe(error.message)
        }
      },
    )
    await fc.assert(property, { numRuns: 1000 })
  })

  test.each<[what: string, text: string]>([
    ['false boundaries', '\r\n--Bx'.repeat(150_000)],
    ['carriage returns', '\r'.repeat(1_000_000)],
    ['boundaries with blanks', `\r\n--B${' '.repeat(1000)}x`.repeat(1000)],
    ['line breaks', '\r\n'.repeat(500_000)],
  ])('1 MB of %s takes time in proportion', (_what, text) => {
    const time = (content: string): number => {
      const body = Buffer.from(`--B\r\n\r\n${content}\r\n--B--`)
      const started = performance.now()
      new MultipartDecoder(body, TYPE)
      return performance.now() - started
    }
    time(text.slice(0, text.length / 4))
    // A quadratic parser takes 16 times as long for four times as much, and minutes in all.
    expect(time(text)).toBeLessThan(3000)
  })
})
