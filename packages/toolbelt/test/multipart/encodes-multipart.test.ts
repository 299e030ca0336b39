import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { InvalidHeader, UnrewindableBodyError, UsageError } from '@entreat/core'
import { afterAll, describe, expect, test } from 'vitest'
import { BodyLengthError, fileBody, sizedBody } from '@entreat/toolbelt/body'
import { MultipartEncoder, type MultipartFields, type Part, type PartValue } from '@entreat/toolbelt/multipart'
import { bytesOf } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'multipart-'))
const file = join(folder, 'whale.txt')
writeFileSync(file, 'white')
afterAll(() => rmSync(folder, { recursive: true }))

/** The body of one form with boundary B; its length is checked. */
async function encode(fields: MultipartFields): Promise<string> {
  const encoder = new MultipartEncoder(fields, { boundary: 'B' })
  const bytes = await bytesOf(encoder)
  if (encoder.length !== null) expect(encoder.length).toBe(bytes.length)
  return bytes.toString()
}

function part(disposition: string, content: string, ...headers: string[]): string {
  return ['--B', `Content-Disposition: form-data; ${disposition}`, ...headers, '', content, ''].join('\r\n')
}

const END = '--B--\r\n'

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts
}

describe('a form', () => {
  test.each<[what: string, value: PartValue, expected: string]>([
    ['text', 'call me', part('name="f"', 'call me')],
    ['empty text', '', part('name="f"', '')],
    ['a number', 4.5, part('name="f"', '4.5')],
    ['a bigint', 9007199254740993n, part('name="f"', '9007199254740993')],
    ['a boolean', true, part('name="f"', 'true')],
    ['a Date', new Date(0), part('name="f"', '1970-01-01T00:00:00.000Z')],
    ['bytes', Uint8Array.of(104, 105), part('name="f"', 'hi')],
    ['an ArrayBuffer', new Uint8Array([104, 105]).buffer, part('name="f"', 'hi')],
    [
      'a Blob with its type and no name',
      new Blob(['hi'], { type: 'x/y' }),
      part('name="f"', 'hi', 'Content-Type: x/y'),
    ],
    ['a File with its name', new File(['hi'], 'a.txt'), part('name="f"; filename="a.txt"', 'hi')],
    ['[filename, content]', ['a.txt', 'hi'], part('name="f"; filename="a.txt"', 'hi')],
    [
      '[filename, content, type]',
      ['a.txt', 'hi', 'x/y'],
      part('name="f"; filename="a.txt"', 'hi', 'Content-Type: x/y'),
    ],
    [
      '[filename, content, type, headers]',
      ['a.txt', 'hi', 'x/y', { 'X-A': 'b' }],
      part('name="f"; filename="a.txt"', 'hi', 'Content-Type: x/y', 'X-A: b'),
    ],
    [
      '[null, content, type]',
      [null, '{}', 'application/json'],
      part('name="f"', '{}', 'Content-Type: application/json'),
    ],
    [
      'a part by name',
      { content: '{}', type: 'application/json', filename: 'a.json', headers: { 'X-A': 'b' } },
      part('name="f"; filename="a.json"', '{}', 'Content-Type: application/json', 'X-A: b'),
    ],
    ['a part whose name is left out', { content: new File(['hi'], 'a.txt'), filename: null }, part('name="f"', 'hi')],
    [
      'a part whose header names the field otherwise',
      { content: 'x', headers: { 'Content-Disposition': 'inline' } },
      part('name="f"', 'x'),
    ],
    ['null, which is left out', null, ''],
    ['undefined, which is left out', undefined, ''],
    ['an empty filename', ['', 'hi'], part('name="f"; filename=""', 'hi')],
  ])('sends %s', async (_what, value, expected) => {
    expect(await encode({ f: value })).toBe(expected + END)
  })

  test('sends streams, functions and files', async () => {
    expect(await encode({ f: pieces('a', 'b') })).toBe(part('name="f"', 'ab') + END)
    expect(await encode({ f: () => pieces('a', 'b') })).toBe(part('name="f"', 'ab') + END)
    expect(await encode({ f: createReadStream(file) })).toBe(part('name="f"; filename="whale.txt"', 'white') + END)
    expect(await encode({ f: await fileBody(file) })).toBe(part('name="f"; filename="whale.txt"', 'white') + END)
  })

  test('is only the end for no fields', async () => {
    expect(await encode({})).toBe(END)
  })

  test('repeats a name given in pairs, in order', async () => {
    expect(
      await encode([
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ]),
    ).toBe(part('name="a"', '1') + part('name="b"', '2') + part('name="a"', '3') + END)
  })

  test('takes a FormData', async () => {
    const form = new FormData()
    form.append('a', '1')
    form.append('f', new File(['hi'], 'x.bin', { type: 'x/y' }))
    expect(await encode(form)).toBe(
      part('name="a"', '1') + part('name="f"; filename="x.bin"', 'hi', 'Content-Type: x/y') + END,
    )
  })

  test('escapes what would end a name, and sends the rest as UTF-8 (RFC 7578 section 5.1)', async () => {
    expect(await encode({ 'a"\r\nb\u00e9': ['naïve "x".txt', ''] })).toBe(
      part('name="a%22%0D%0Abé"; filename="naïve %22x%22.txt"', '') + END,
    )
  })

  test('announces no length when a part has none', () => {
    expect(new MultipartEncoder({ a: '1', b: pieces('x') }).length).toBeNull()
  })

  test('sends a large form without joining it', async () => {
    const content = Buffer.alloc(300_000, 'x')
    const encoder = new MultipartEncoder({ a: content, b: new Blob([content]) })
    expect((await bytesOf(encoder)).length).toBe(encoder.length)
  })
})

describe('a form refuses', () => {
  test.each<[what: string, fields: unknown, message: RegExp]>([
    ['a symbol', { f: Symbol('x') }, /field "f" is of type symbol/],
    ['a Map of a class it does not know', { f: new (class Whale {})() }, /field "f" is a Whale/],
    ['a record without content', { f: { type: 'x/y' } }, /field "f" is an object without content/],
    [
      'a record with an unknown key',
      { f: { content: 'x', filname: 'y' } },
      /field "f" has no option "filname"\. Did you mean "filename"/,
    ],
    ['a list of one', { f: ['a'] }, /field "f" is a list of 1.*pairs/],
    ['a list of five', { f: ['a', 'b', 'c', {}, 'e'] }, /field "f" is a list of 5/],
    ['a list without filename', { f: [5, 'b'] }, /begins with no filename/],
    ['null as content', { f: ['a', null] }, /field "f" is null/],
    ['pairs of three', [['a', 'b', 'c']], /\[name, value\] pairs/],
    ['parts without names', [{ content: 'x' }], /pairs.*subtype/],
    ['text', 'a=b', /record, pairs or a FormData/],
  ])('%s', (_what, fields, message) => {
    const make = (): MultipartEncoder => new MultipartEncoder(fields as MultipartFields)
    expect(make).toThrow(UsageError)
    expect(make).toThrow(message)
  })

  test('header values that must not travel', () => {
    expect(() => new MultipartEncoder({ f: ['a', 'b', 'x/y\r\nX: y'] })).toThrow(InvalidHeader)
    expect(() => new MultipartEncoder({ f: { content: 'x', headers: { 'X Y': 'z' } } })).toThrow(InvalidHeader)
  })

  test.each(['', 'a'.repeat(71), 'a b ', 'ä', 'a"b', 'a\r\nb'])(
    '%j as a boundary (RFC 2046 section 5.1.1)',
    (boundary) => {
      expect(() => new MultipartEncoder({}, { boundary })).toThrow(UsageError)
    },
  )

  test('an unknown option', () => {
    expect(() => new MultipartEncoder({}, { boundry: 'x' } as never)).toThrow('Did you mean "boundary"?')
  })
})

describe('the Content-Type', () => {
  test('quotes a boundary that is no token', () => {
    expect(new MultipartEncoder({}, { boundary: 'a b:c' }).contentType).toBe('multipart/form-data; boundary="a b:c"')
  })

  test('has a boundary of 32 digits that differs each time', () => {
    const types = [new MultipartEncoder({}).contentType, new MultipartEncoder({}).contentType]
    expect(types[0]).toMatch(/^multipart\/form-data; boundary=[0-9a-f]{32}$/)
    expect(types[0]).not.toBe(types[1])
  })
})

describe('other subtypes', () => {
  test('take parts without names', async () => {
    const parts: Part[] = [
      { content: '{}', type: 'application/json' },
      { content: 'hi', filename: 'a.txt' },
      { content: 'x', headers: { 'Content-ID': '<x>' } },
    ]
    const encoder = new MultipartEncoder(parts, { boundary: 'B', subtype: 'mixed' })
    expect(encoder.contentType).toBe('multipart/mixed; boundary=B')
    const expected =
      '--B\r\nContent-Type: application/json\r\n\r\n{}\r\n' +
      '--B\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nhi\r\n' +
      '--B\r\nContent-ID: <x>\r\n\r\nx\r\n--B--\r\n'
    expect((await bytesOf(encoder)).toString()).toBe(expected)
    expect(encoder.length).toBe(expected.length)
  })

  test('related names the type of its root and takes parameters (RFC 2387 section 3)', () => {
    const parts: Part[] = [{ content: '<a/>', type: 'application/xop+xml; charset=utf-8' }]
    const { contentType } = new MultipartEncoder(parts, {
      boundary: 'B',
      subtype: 'related',
      parameters: { start: '<root>' },
    })
    expect(contentType).toBe('multipart/related; boundary=B; type="application/xop+xml"; start="<root>"')
  })

  test('can be parts of each other', async () => {
    const inner = new MultipartEncoder([{ content: 'a' }, { content: 'b' }], { boundary: 'I', subtype: 'mixed' })
    const outer = new MultipartEncoder({ f: inner }, { boundary: 'B' })
    expect((await bytesOf(outer)).toString()).toBe(
      part('name="f"', '--I\r\n\r\na\r\n--I\r\n\r\nb\r\n--I--\r\n', 'Content-Type: multipart/mixed; boundary=I') + END,
    )
  })

  test('refuse names', () => {
    expect(() => new MultipartEncoder({ a: 'b' }, { subtype: 'mixed' })).toThrow(/multipart\/mixed have no names/)
    expect(() => new MultipartEncoder([['a', 'b']], { subtype: 'mixed' })).toThrow(/part 1 is a pair/)
    expect(() => new MultipartEncoder([], { subtype: 'a/b' })).toThrow(UsageError)
  })
})

describe('sending again', () => {
  test('gives the same bytes each time, from files, Blobs, bytes and functions', async () => {
    const encoder = new MultipartEncoder({
      a: await fileBody(file),
      b: new Blob(['b']),
      c: 'c',
      d: () => pieces('d'),
      e: new MultipartEncoder({ x: 'y' }),
    })
    expect(encoder.isReplayable).toBe(true)
    expect(await bytesOf(encoder)).toEqual(await bytesOf(encoder))
  })

  test('is refused if one part is a stream (never an empty body)', async () => {
    const encoder = new MultipartEncoder({ a: 'a', b: pieces('b') })
    expect([encoder.isReplayable, encoder.isSpent]).toEqual([false, false])
    await bytesOf(encoder)
    expect([encoder.isReplayable, encoder.isSpent]).toEqual([false, true])
    expect(() => encoder.open()).toThrow(UnrewindableBodyError)
  })

  test('is possible once bytes() has read it', async () => {
    const encoder = new MultipartEncoder({ b: pieces('b') }, { boundary: 'B' })
    const bytes = await encoder.bytes(1000)
    expect(encoder.isReplayable).toBe(true)
    expect(await bytesOf(encoder)).toEqual(Buffer.from(bytes))
  })
})

describe('the length', () => {
  test('is enforced for each part', async () => {
    const encoder = new MultipartEncoder({ a: sizedBody(5, () => pieces('four')), b: 'b' })
    await expect(bytesOf(encoder)).rejects.toThrow(BodyLengthError)
  })

  test('is enforced for a file that becomes shorter', async () => {
    const shrinking = join(folder, 'shrinking')
    writeFileSync(shrinking, 'x'.repeat(100_000))
    const encoder = new MultipartEncoder({ f: await fileBody(shrinking) })
    writeFileSync(shrinking, 'x')
    await expect(bytesOf(encoder)).rejects.toThrow(/ended after 1 of the 100000 bytes/)
  })
})

test('lets go of the part it is reading as soon as it is stopped', async () => {
  let isStopped = false
  const never: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => never,
    next: () => new Promise(() => {}),
    return: () => {
      isStopped = true
      return Promise.resolve({ done: true, value: undefined })
    },
  }
  const iterator = (new MultipartEncoder({ f: never }).open() as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  await iterator.next()
  void iterator.next()
  await setImmediate()
  await iterator.return?.()
  expect(isStopped).toBe(true)
})
