import * as zlib from 'node:zlib'
import { expect, test } from 'vitest'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()
const zstdDecompressSync = (zlib as { zstdDecompressSync?: (content: Buffer) => Buffer }).zstdDecompressSync

test.each([
  ['/gzip', 'gzip', 'gzipped', zlib.gunzipSync],
  ['/deflate', 'deflate', 'deflated', zlib.inflateSync],
  ['/deflate-raw', 'deflate', 'deflated', zlib.inflateRawSync],
  ['/brotli', 'br', 'brotli', zlib.brotliDecompressSync],
] as const)('%s is coded as %s', async (path, coding, mark, decode) => {
  const answer = await exchange(server().url + path)
  expect(answer.headers['content-encoding']).toBe(coding)
  expect(JSON.parse(decode(answer.body).toString())).toMatchObject({ [mark]: true, method: 'GET' })
})

test('/zstd is coded, or 501 where Node has no zstd', async () => {
  const answer = await exchange(`${server().url}/zstd`)
  expect(answer.status).toBe(zstdDecompressSync === undefined ? 501 : 200)
  if (zstdDecompressSync) expect(zstdDecompressSync(answer.body).toString()).toContain('"zstd": true')
})

test('/codings applies a list in order', async () => {
  const answer = await exchange(`${server().url}/codings/gzip,br?bytes=1000`)
  expect(answer.headers['content-encoding']).toBe('gzip, br')
  expect(zlib.gunzipSync(zlib.brotliDecompressSync(answer.body))).toEqual(Buffer.alloc(1000))
  expect((await exchange(`${server().url}/codings/rot13`)).status).toBe(400)
})

test.each([
  ['/html', 'text/html; charset=utf-8', 'Moby-Dick'],
  ['/xml', 'application/xml', '<slideshow'],
  ['/json', 'application/json', '"slideshow"'],
  ['/robots.txt', 'text/plain', 'Disallow: /deny'],
  ['/encoding/utf8', 'text/html; charset=utf-8', 'Καλημέρα'],
])('%s is %s', async (path, type, text) => {
  const answer = await exchange(server().url + path)
  expect(answer.headers['content-type']).toBe(type)
  expect(answer.text).toContain(text)
})

test('/links links to all pages but this one', async () => {
  const { text } = await exchange(`${server().url}/links/3/1`)
  expect(text.match(/href='[^']+'/g)).toEqual(["href='/links/3/0'", "href='/links/3/2'"])
})

test('/link-header names next, prev, first and last (RFC 8288)', async () => {
  const relations = async (page: number) => {
    const { headers } = await exchange(`${server().url}/link-header?page=${page}`)
    return [...String(headers['link']).matchAll(/[?]page=(\d).*?rel="(\w+)"/g)].map(([, to, rel]) => `${rel} ${to}`)
  }
  expect(await relations(1)).toEqual(['next 2', 'first 1', 'last 3'])
  expect(await relations(2)).toEqual(['next 3', 'prev 1', 'first 1', 'last 3'])
  expect(await relations(3)).toEqual(['prev 2', 'first 1', 'last 3'])
})

test.each([
  [{}, 200],
  [{ 'If-None-Match': '"abc"' }, 304],
  [{ 'If-None-Match': 'W/"abc", "x"' }, 304],
  [{ 'If-None-Match': '"x"' }, 200],
  [{ 'If-Match': '"x"' }, 412],
  [{ 'If-Match': '*' }, 200],
])('/etag/abc with %j is %i', async (headers, status) => {
  const answer = await exchange(`${server().url}/etag/abc`, { headers })
  expect([answer.status, answer.headers.etag]).toEqual([status, '"abc"'])
})

test('/cache is 304 for a conditional request, and /cache/:seconds says how long', async () => {
  const headers = { 'If-Modified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT' }
  expect((await exchange(`${server().url}/cache`)).headers['last-modified']).toBeDefined()
  expect((await exchange(`${server().url}/cache`, { headers })).status).toBe(304)
  expect((await exchange(`${server().url}/cache/60`)).headers['cache-control']).toBe('public, max-age=60')
})

test.each([
  [{}, 200, undefined, 'abcdefghijklmnopqrstuvwxyzabcd'],
  [{ Range: 'bytes=2-4' }, 206, 'bytes 2-4/30', 'cde'],
  [{ Range: 'bytes=27-' }, 206, 'bytes 27-29/30', 'bcd'],
  [{ Range: 'bytes=-2' }, 206, 'bytes 28-29/30', 'cd'],
  [{ Range: 'bytes=25-99' }, 206, 'bytes 25-29/30', 'zabcd'],
  [{ Range: 'bytes=30-' }, 416, 'bytes */30', ''],
  [{ Range: 'bytes=0-1', 'If-Range': '"range30"' }, 206, 'bytes 0-1/30', 'ab'],
  [{ Range: 'bytes=0-1', 'If-Range': '"old"' }, 200, undefined, 'abcdefghijklmnopqrstuvwxyzabcd'],
])('/range/30 with %j is %i', async (headers, status, contentRange, text) => {
  const answer = await exchange(`${server().url}/range/30`, { headers })
  expect([answer.status, answer.headers['content-range'], answer.text]).toEqual([status, contentRange, text])
})
