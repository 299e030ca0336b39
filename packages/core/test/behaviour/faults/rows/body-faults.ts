import { gzipSync } from 'node:zlib'
import { InvalidURL, TooManyRedirects } from '@entreat/core'
import { CHUNKED, type Fault, STATUS, TWO } from './fault.ts'
import { badCoding, brokenBody, malformedChunks, tooMuch } from './refusals.ts'

const OK = { status: 200 }
const GZIP = `${STATUS}Content-Encoding: gzip\r\n`
const zipped = gzipSync(Buffer.from('what was said, over and over. '.repeat(200)))
const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))

function gzipped(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${GZIP}Content-Length: ${body.length}\r\n\r\n`), body])
}

function changed(body: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(body)
  copy.writeUInt8(copy.readUInt8(copy.length + at) ^ 0xff, copy.length + at)
  return copy
}

async function* upload(): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < 500; count++) {
    yield Buffer.alloc(64 * 1024)
    await new Promise(setImmediate)
  }
}

/** Bodies that are longer, shorter or other than their framing or coding says, and redirects to nowhere. */
export const BODY_FAULTS: readonly Fault[] = [
  {
    name: 'long-cl',
    writes: `${STATUS}Content-Length: 3\r\nConnection: close\r\n\r\nlonger`,
    next: 'end',
    buffered: { ...OK, text: 'lon' },
  },
  { name: 'long-cl-keepalive', writes: `${TWO}\r\nok and more`, buffered: OK },
  { name: 'rst-mid-chunk', writes: `${CHUNKED}a\r\nhello`, next: 'reset', buffered: brokenBody(/ECONNRESET/) },
  { name: 'fin-mid-chunk', writes: `${CHUNKED}a\r\nthr`, next: 'end', buffered: brokenBody(/UND_ERR_SOCKET/, 3) },
  {
    name: 'fin-no-last-chunk',
    writes: `${CHUNKED}5\r\nhello\r\n`,
    next: 'end',
    buffered: brokenBody(/UND_ERR_SOCKET/, 5),
  },
  {
    name: 'fin-no-last-chunk-close',
    writes: `${STATUS}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    next: 'end',
    buffered: brokenBody(/HTTPParserError.*Invalid EOF state/, 5),
  },
  {
    name: 'fin-in-trailers',
    writes: `${CHUNKED}2\r\nok\r\n0\r\nX-T: v\r\n`,
    next: 'end',
    buffered: brokenBody(/UND_ERR_SOCKET/, 2),
  },
  {
    name: 'bad-chunk-size',
    writes: `${CHUNKED}xyz\r\nhello\r\n`,
    buffered: malformedChunks('Invalid character in chunk size', 0),
  },
  {
    name: 'neg-chunk-size',
    writes: `${CHUNKED}-5\r\nhello\r\n`,
    buffered: malformedChunks('Invalid character in chunk size', 0),
  },
  {
    name: 'chunk-no-crlf',
    writes: `${CHUNKED}5\r\nhelloworld`,
    buffered: malformedChunks('Expected LF after chunk data', 5),
  },
  {
    name: 'chunk-size-overflow',
    writes: `${CHUNKED}ffffffffffffffffff\r\nhello\r\n`,
    buffered: malformedChunks('Chunk size overflow', 0),
  },
  { name: 'chunk-ext', writes: `${CHUNKED}2;a=b;c="d"\r\nok\r\n0\r\n\r\n`, buffered: OK },
  {
    name: 'chunk-lf-only',
    writes: `${CHUNKED}5\nhello\n0\n\n`,
    buffered: malformedChunks('Missing expected CR after chunk size', 0),
  },
  { name: 'chunk-trailers', writes: `${CHUNKED}2\r\nok\r\n0\r\nX-T: v\r\n\r\n`, buffered: OK },
  { name: 'chunk-huge-ext', writes: `${CHUNKED}2;${'x'.repeat(100_000)}\r\nok\r\n0\r\n\r\n`, buffered: OK },
  {
    name: 'gzip-bomb',
    isWhole: true,
    writes: gzipped(bomb),
    request: { limits: { decodedBytes: 1_000_000 } },
    buffered: tooMuch('body'),
    streamed: { endless: true },
  },
  {
    name: 'gzip-bomb-in-gzip',
    isWhole: true,
    writes: Buffer.concat([
      Buffer.from(`${STATUS}Content-Encoding: gzip, gzip\r\nContent-Length: ${gzipSync(bomb).length}\r\n\r\n`),
      gzipSync(bomb),
    ]),
    request: { limits: { decodedBytes: 1_000_000 } },
    buffered: tooMuch('body'),
    streamed: { endless: true },
  },
  { name: 'gzip-bad', isWhole: true, writes: gzipped(Buffer.from('not gzip!')), buffered: badCoding(/Z_DATA_ERROR/) },
  {
    name: 'gzip-truncated',
    isWhole: true,
    writes: gzipped(zipped.subarray(0, 39)),
    buffered: badCoding(/Z_BUF_ERROR/),
  },
  { name: 'gzip-crc', isWhole: true, writes: gzipped(changed(zipped, -8)), buffered: badCoding(/Z_DATA_ERROR/) },
  { name: 'gzip-length', isWhole: true, writes: gzipped(changed(zipped, -1)), buffered: badCoding(/Z_DATA_ERROR/) },
  {
    name: '204-with-body',
    writes: 'HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison',
    buffered: { status: 204, text: '' },
  },
  {
    name: '304-with-cl',
    writes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n',
    buffered: { status: 304, text: '' },
  },
  {
    name: 'head-with-body',
    writes: `${STATUS}Content-Length: 6\r\n\r\npoison`,
    request: { method: 'HEAD' },
    buffered: { ...OK, text: '' },
  },
  { name: 'extra-pipelined-response', writes: `${TWO}\r\nok${TWO}\r\nno`, buffered: OK },
  {
    name: 'early-response-while-upload',
    isEarly: true,
    writes: 'HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok',
    request: { method: 'POST', data: () => upload() },
    buffered: { status: 413 },
  },
  {
    name: 'redirect-loop',
    isWhole: true,
    serve: (socket) => void socket.write('HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n'),
    request: { maxRedirects: 5 },
    buffered: { error: TooManyRedirects, code: 'ERR_TOO_MANY_REDIRECTS', phase: 'head', cause: null },
  },
  {
    name: 'redirect-bad-location',
    isWhole: true,
    writes: 'HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n',
    buffered: { error: InvalidURL, code: 'ERR_INVALID_URL', phase: 'head', cause: null },
  },
]
