import { CHUNKED, type Fault, STATUS, TEN, TWO } from './fault.ts'
import { brokenBody, malformedHead, noHead, silence, tooMuch, tooSlow } from './refusals.ts'

const SOON = { timeout: { read: 150 } }

/** Connections that end, stall or never stop. */
export const CONNECTION_FAULTS: readonly Fault[] = [
  { name: 'ok', writes: `${TWO}\r\nok`, buffered: { status: 200 } },
  { name: 'fin-before-reply', next: 'end', buffered: noHead(/UND_ERR_SOCKET.*other side closed/) },
  { name: 'rst-before-reply', next: 'reset', buffered: noHead(/ECONNRESET/) },
  { name: 'never-reply', request: SOON, buffered: silence('head') },
  {
    name: 'fin-mid-headers',
    writes: `${STATUS}X-A: 1\r\nX-B`,
    next: 'end',
    buffered: noHead(/UND_ERR_SOCKET.*other side closed/),
  },
  { name: 'rst-mid-headers', writes: `${STATUS}X-A: 1\r\n`, next: 'reset', buffered: noHead(/ECONNRESET/) },
  { name: 'fin-mid-status', writes: 'HTTP/1.1 2', next: 'end', buffered: noHead(/UND_ERR_SOCKET/) },
  { name: 'rst-mid-body-cl', writes: `${TEN}seven b`, next: 'reset', buffered: brokenBody(/ECONNRESET/) },
  { name: 'short-cl', writes: `${TEN}seven b`, next: 'end', buffered: brokenBody(/UND_ERR_SOCKET/, 7) },
  {
    name: 'rst-mid-body-close',
    writes: `${STATUS}Connection: close\r\n\r\nseven b`,
    next: 'reset',
    buffered: brokenBody(/ECONNRESET/),
  },
  {
    // Data and reset are there at once: libuv tells of an end and of no error.
    name: 'rst-with-body-close',
    serve: (socket) => {
      socket.write(`${STATUS}Connection: close\r\n\r\nseven b`)
      socket.resetAndDestroy()
    },
    buffered: brokenBody(/ECONNRESET/),
  },
  {
    name: 'fin-mid-body-close',
    writes: `${STATUS}Connection: close\r\n\r\nok`,
    next: 'end',
    buffered: { status: 200 },
  },
  {
    name: 'rst-mid-body-cl-close',
    writes: `${STATUS}Connection: close\r\nContent-Length: 10\r\n\r\nseven b`,
    next: 'reset',
    buffered: brokenBody(/ECONNRESET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HTTPParserError/),
  },
  {
    name: 'fin-mid-body-cl-close',
    writes: `${STATUS}Connection: close\r\nContent-Length: 10\r\n\r\nseven b`,
    next: 'end',
    buffered: brokenBody(/UND_ERR_RES_CONTENT_LENGTH_MISMATCH/, 7),
  },
  { name: 'stall-body-cl', writes: `${TEN}seven b`, request: SOON, buffered: silence('body', 7) },
  { name: 'stall-body-chunked', writes: `${CHUNKED}5\r\nhello\r\n`, request: SOON, buffered: silence('body', 5) },
  { name: 'slowloris-headers', writes: STATUS, next: { drip: 'X: 1\r\n' }, request: SOON, buffered: silence('head') },
  {
    name: 'slow-body',
    writes: `${STATUS}Content-Length: 1000000\r\n\r\n`,
    next: { drip: '.' },
    request: { timeout: { total: 250 } },
    buffered: tooSlow,
  },
  {
    name: 'infinite-body',
    writes: `${STATUS}Connection: close\r\n\r\n`,
    next: { flood: Buffer.alloc(64 * 1024, '.') },
    request: { limits: { decodedBytes: 1_000_000 } },
    buffered: tooMuch('body'),
    streamed: { endless: true },
  },
  {
    name: 'infinite-chunked',
    writes: CHUNKED,
    next: { flood: `8000\r\n${'.'.repeat(0x8000)}\r\n` },
    request: { limits: { decodedBytes: 1_000_000 } },
    buffered: tooMuch('body'),
    streamed: { endless: true },
  },
  {
    name: 'header-bomb',
    writes: STATUS,
    next: { flood: 'X-A: 0123456789\r\n'.repeat(100) },
    buffered: tooMuch('head', /UND_ERR_HEADERS_OVERFLOW/),
  },
  {
    name: 'one-long-header',
    writes: `${STATUS}X-A: ${'x'.repeat(200_000)}\r\n\r\n`,
    buffered: tooMuch('head', /UND_ERR_HEADERS_OVERFLOW/),
  },
  {
    name: 'endless-header-name',
    writes: STATUS,
    next: { flood: 'x'.repeat(4096) },
    buffered: tooMuch('head', /UND_ERR_HEADERS_OVERFLOW/),
  },
  {
    name: 'endless-status',
    writes: 'HTTP/1.1 200 ',
    next: { flood: 'x'.repeat(4096) },
    buffered: tooMuch('head', /UND_ERR_HEADERS_OVERFLOW/),
  },
  {
    name: 'endless-trailers',
    writes: `${CHUNKED}2\r\nok\r\n0\r\n`,
    next: { flood: 'X-A: 0123456789\r\n'.repeat(100) },
    buffered: tooMuch('body', /UND_ERR_HEADERS_OVERFLOW/),
  },
  {
    name: 'endless-chunk-extension',
    writes: `${CHUNKED}2;`,
    next: { flood: 'x'.repeat(4096) },
    request: SOON,
    buffered: silence('body', 0),
  },
  {
    name: '1xx-flood',
    next: { flood: 'HTTP/1.1 102 Processing\r\n\r\n' },
    request: SOON,
    buffered: silence('head'),
  },
  { name: 'endless-empty-lines', next: { flood: '\r\n' }, request: SOON, buffered: silence('head') },
  { name: 'endless-garbage', next: { flood: '\x00\x01\xff' }, buffered: malformedHead('Expected HTTP/') },
]
