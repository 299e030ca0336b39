import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { type Files, post, type RequestOptions, UsageError } from '@entreat/core'
import { reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })
const folder = mkdtempSync(join(tmpdir(), 'parts-'))
afterAll(() => rmSync(folder, { recursive: true }))

let posts = 0

/** Posts with a known boundary, and gives the body as it went over the wire. */
async function bodyOf(options: RequestOptions): Promise<string> {
  const path = `/form-${++posts}`
  const headers = { 'Content-Type': 'multipart/form-data; boundary=B' }
  await post(site().on(path, reply(200)), { headers, ...options })
  const { body } = site().last(path)
  const length = site().last(path).header('content-length')
  expect(length === null || length === String(body.length)).toBe(true)
  return body.toString()
}

/** One part. */
function part(disposition: string, content: string, ...headers: string[]): string {
  return ['--B', `Content-Disposition: form-data; ${disposition}`, ...headers, '', content, ''].join('\r\n')
}

const END = '--B--\r\n'

test.each<[what: string, files: Files, body: string]>([
  ['content under the name of its field', { f: 'text' }, part('name="f"; filename="f"', 'text')],
  ['bytes', { f: new Uint8Array([104, 105]) }, part('name="f"; filename="f"', 'hi')],
  [
    'a Blob with its type',
    { f: new Blob(['hi'], { type: 'x/y' }) },
    part('name="f"; filename="f"', 'hi', 'Content-Type: x/y'),
  ],
  ['a File with its name', { f: new File(['hi'], 'n.txt') }, part('name="f"; filename="n.txt"', 'hi')],
  ['a filename', { f: ['n.txt', 'hi'] }, part('name="f"; filename="n.txt"', 'hi')],
  [
    'a filename and a type',
    { f: ['n.txt', 'hi', 'x/y'] },
    part('name="f"; filename="n.txt"', 'hi', 'Content-Type: x/y'),
  ],
  [
    'extra headers after the type',
    { f: ['n', 'hi', 'x/y', { 'X-Z': '1' }] },
    part('name="f"; filename="n"', 'hi', 'Content-Type: x/y', 'X-Z: 1'),
  ],
  [
    'no Content-Location (RFC 7578 section 4.8)',
    { f: ['n', 'hi', null, { 'Content-Location': '/l', 'X-Z': '1' }] },
    part('name="f"; filename="n"', 'hi', 'X-Z: 1'),
  ],
  ['no filename for null', { f: [null, 'hi'] }, part('name="f"', 'hi')],
  ['an empty filename', { f: ['', 'hi'] }, part('name="f"; filename=""', 'hi')],
  [
    'a repeated field, from pairs',
    [
      ['f', 'a'],
      ['f', 'b'],
    ],
    part('name="f"; filename="f"', 'a') + part('name="f"; filename="f"', 'b'),
  ],
  ['nothing for null', { f: null, g: 'x' }, part('name="g"; filename="g"', 'x')],
  ['nothing for null content', { f: ['n', null], g: 'x' }, part('name="g"; filename="g"', 'x')],
  ['names with quotes', { 'a"b': ['c"d', 'x'] }, part('name="a%22b"; filename="c%22d"', 'x')],
  ['names with line breaks', { 'a\r\nb': ['c\nX: y', 'x'] }, part('name="a%0D%0Ab"; filename="c%0AX: y"', 'x')],
  ['names beyond ASCII as UTF-8', { ключ: ['файл☃.txt', 'x'] }, part('name="ключ"; filename="файл☃.txt"', 'x')],
  [
    'backslashes and percent signs as they are',
    { 'a\\b%22': ['c\\d', 'x'] },
    part('name="a\\b%22"; filename="c\\d"', 'x'),
  ],
  ['a one-shot stream', { f: ['n', Readable.from(['h', 'i'])] }, part('name="f"; filename="n"', 'hi')],
  ['a factory', { f: ['n', () => Readable.from(['h', 'i'])] }, part('name="f"; filename="n"', 'hi')],
])('sends %s', async (_what, files, body) => {
  expect(await bodyOf({ files })).toBe(body + END)
})

test('sends only the end where every file is null', async () => {
  expect(await bodyOf({ files: { f: null } })).toBe(END)
})

test('sends fields before files, repeated and without nulls', async () => {
  const body = await bodyOf({ data: { a: [1, 'é'], b: null, c: true }, files: { f: 'x' } })
  const fields = part('name="a"', '1') + part('name="a"', 'é') + part('name="c"', 'true')
  expect(body).toBe(fields + part('name="f"; filename="f"', 'x') + END)
})

test('sends files rather than json', async () => {
  expect(await bodyOf({ json: { a: 1 }, files: { f: 'x' } })).toBe(part('name="f"; filename="f"', 'x') + END)
})

test('sends a file stream under its base name, with the length of the whole', async () => {
  const path = join(folder, 'note.txt')
  writeFileSync(path, 'from disk')
  expect(await bodyOf({ files: { f: createReadStream(path) } })).toBe(
    part('name="f"; filename="note.txt"', 'from disk') + END,
  )
  expect(site().last(`/form-${posts}`).header('content-length')).not.toBeNull()
})

test('sends a form in chunks where the length of a part is unknown', async () => {
  await bodyOf({ files: { f: ['n', Readable.from(['x'])] } })
  expect(site().last(`/form-${posts}`).header('transfer-encoding')).toBe('chunked')
})

test('sends a FormData as data', async () => {
  const form = new FormData()
  form.append('a', '1')
  form.append('f', new Blob(['hi'], { type: 'x/y' }), 'n.txt')
  expect(await bodyOf({ data: form })).toBe(
    part('name="a"', '1') + part('name="f"; filename="n.txt"', 'hi', 'Content-Type: x/y') + END,
  )
})

test('makes a boundary of 32 hexadecimal digits, new for each form', async () => {
  const types = []
  for (const path of ['/boundary-1', '/boundary-2']) {
    await post(site().on(path, reply(200)), { files: { f: 'x' } })
    types.push(site().last(path).header('content-type'))
  }
  expect(types[0]).toMatch(/^multipart\/form-data; boundary=[0-9a-f]{32}$/)
  expect(types[0]).not.toBe(types[1])
})

test.each([
  'multipart/form-data; boundary="a b"',
  'multipart/form-data; charset=utf-8; boundary=xyz',
  'Multipart/Form-Data; Boundary=xyz',
])('writes the body with the boundary of %s (RFC 2046 section 5.1.1)', async (type) => {
  const path = `/own-boundary-${++posts}`
  await post(site().on(path, reply(200)), { files: { f: 'x' }, headers: { 'Content-Type': type } })
  const boundary = /boundary="?([^"]+)/i.exec(type)?.[1] as string
  expect(site().last(path).header('content-type')).toBe(type)
  expect(site().last(path).body.toString()).toMatch(new RegExp(`^--${boundary}\r\n[^]*\r\n--${boundary}--\r\n$`))
})

test('never sends a multipart body under a type that does not tell its boundary', async () => {
  const path = '/no-boundary'
  const headers = { 'Content-Type': 'multipart/form-data' }
  const outcome = await post(site().on(path, reply(200)), { files: { f: 'x' }, headers }).then(
    () => /boundary=/.test(site().last(path).header('content-type') ?? ''),
    (error: unknown) => error instanceof UsageError || (error as { code: string }).code === 'ERR_INVALID_HEADER',
  )
  expect(outcome).toBe(true)
})

test.each<[what: string, options: RequestOptions]>([
  ['data as text', { data: 'x', files: { f: 'x' } }],
  ['data as bytes', { data: Buffer.from('x'), files: { f: 'x' } }],
  ['data as a stream', { data: Readable.from(['x']), files: { f: 'x' } }],
  ['a list that holds no pairs', { files: ['x'] as never }],
  ['a file of one member', { files: { f: ['n'] as never } }],
  ['a file of five members', { files: { f: ['n', 'x', 'y', {}, 1] as never } }],
  ['a file that is a number', { files: { f: 5 as never } }],
  ['content that is an object', { files: { f: ['n', {} as never] } }],
])('refuses %s', async (_what, options) => {
  await expect(post(`${site().url}/post`, options)).rejects.toThrow(UsageError)
})

test('refuses part headers with line breaks', async () => {
  const call = post(`${site().url}/post`, { files: { f: ['n', 'x', 'a/b\r\nX-Evil: 1'] } })
  await expect(call).rejects.toMatchObject({ code: 'ERR_INVALID_HEADER' })
})
