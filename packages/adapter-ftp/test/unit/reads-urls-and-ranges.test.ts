import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { InvalidURL, Request } from '@entreat/core'
import { type FTPUrl, parseFTPUrl } from '../../src/ftp-url.ts'
import { LocalLineEnds, networkLineEnds } from '../../src/line-ends.ts'
import { parseRange, uploadOffset } from '../../src/range.ts'

async function parse(url: string): Promise<FTPUrl> {
  return parseFTPUrl(await new Request('GET', url).prepare())
}

test.each([
  ['ftp://h', '', true, null],
  ['ftp://h/', '', true, null],
  ['ftp://h/a/b.txt', 'a/b.txt', false, null],
  ['ftp://h/a/', 'a/', true, null],
  ['ftp://h/%2Fetc/motd', '/etc/motd', false, null],
  ['ftp://h//etc/motd', '/etc/motd', false, null],
  ['ftp://h/%2F', '/', true, null],
  ['ftp://h/a%20b%3Fc%23d%25', 'a b?c#d%', false, null],
  ['ftp://h/a;b', 'a;b', false, null],
  ['ftp://h/a;type=A', 'a', false, 'a'],
  ['ftp://h/a;type=i', 'a', false, 'i'],
  ['ftp://h/dir;type=d', 'dir', false, 'd'],
  ['ftp://h/ü', 'ü', false, null],
  ['ftp://h/a#part', 'a', false, null],
  ['FTP://H/a', 'a', false, null],
])('the path of %s is %j (RFC 1738 section 3.2)', async (url, path, isDirectory, type) => {
  const parsed = await parse(url)
  expect([parsed.path.toString(), parsed.isDirectory, parsed.type]).toEqual([path, isDirectory, type])
})

test.each([
  ['ftp://h/', 'h', 21],
  ['ftps://h/', 'h', 990],
  ['ftp://h:2121/', 'h', 2121],
  ['ftp://[::1]:2121/', '::1', 2121],
  ['ftp://[fe80::1%25eth0]/', 'fe80::1%eth0', 21],
])('%s is dialled at %s, port %i', async (url, host, port) => {
  const parsed = await parse(url)
  expect([parsed.host, parsed.port]).toEqual([host, port])
})

test.each([
  'ftp:///a',
  'ftp://h/a?b',
  'ftp://h/%',
  'ftp://h/%zz',
  'ftp://h/a;type=x',
  'ftp://h/%0D',
  'ftp://h/%0a',
  'ftp://h/%00',
  'ftp://h:0/',
  'ftp://h:99999/',
  'ftp://h h/',
])('%s is an InvalidURL', async (url) => {
  await expect(parse(url)).rejects.toBeInstanceOf(InvalidURL)
})

test('bytes of any kind survive percent-encoding, but for those that would end the command', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 40 }), async (bytes) => {
      const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
      const isRefused = bytes.some((byte) => [0, 10, 13].includes(byte))
      const outcome = await parse(`ftp://h/${encoded}`).catch((error: unknown) => error)
      if (isRefused) expect(outcome).toBeInstanceOf(InvalidURL)
      else expect((outcome as FTPUrl).path.equals(bytes)).toBe(true)
    }),
  )
})

test.each([
  [null, 10, null],
  ['bytes=0-', 10, { first: 0, last: null }],
  ['bytes=2-5', 10, { first: 2, last: 5 }],
  ['bytes=2-9', 10, { first: 2, last: null }],
  ['bytes=2-99', 10, { first: 2, last: null }],
  ['bytes=-3', 10, { first: 7, last: null }],
  ['bytes=-30', 10, { first: 0, last: null }],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=5-2', 10, null],
  ['bytes=1-2,4-5', 10, null],
  ['lines=1-2', 10, null],
  ['bytes=-', 10, null],
  ['bytes=-3', null, null],
])('Range: %s of %s bytes is %j', (header, size, range) => {
  expect(parseRange(header, size)).toEqual(range)
})

test.each([
  [null, 0],
  ['bytes 5-9/10', 5],
  ['bytes 5-9/*', 5],
  ['bytes 5-/*', 5],
  ['bytes */10', null],
  ['5', null],
])('Content-Range: %s begins an upload at %s', (header, offset) => {
  expect(uploadOffset(header)).toBe(offset)
})

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString()
}

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size))
}

test('line ends are turned to the network’s and back, however the text is cut', async () => {
  const text = fc
    .array(fc.constantFrom('a', '\n', '\r', '\r\n', 'bc'), { maxLength: 30 })
    .map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (given, size) => {
      const network = await collect(networkLineEnds(cut(given, size)))
      expect(network).toBe(given.replace(/\r\n|\n/g, '\r\n'))
      const pieces = cut(network, size)
      const source = {
        read: async () => (await pieces.next()).value ?? null,
        collect: () => Promise.reject(new Error('not asked')),
        destroy: () => {},
      }
      expect((await new LocalLineEnds(source).collect(1000)).toString()).toBe(network.replaceAll('\r\n', '\n'))
    }),
  )
})
