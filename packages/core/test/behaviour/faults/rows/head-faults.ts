import { type Fault, STATUS, TWO } from './fault.ts'
import { contradictingLengths, malformedHead, noHead } from './refusals.ts'

const OK = { status: 200 }
const EMPTY = { status: 200, text: '' }
const COLON = `${TWO}X-A`

/** Status lines and headers that are odd or broken, lengths that contradict each other, and what may come instead of a response. */
export const HEAD_FAULTS: readonly Fault[] = [
  { name: 'header-15k', writes: `${STATUS}X-A: ${'x'.repeat(15_000)}\r\nContent-Length: 0\r\n\r\n`, buffered: EMPTY },
  { name: '1000-headers', writes: `${STATUS}${'X-A: 1\r\n'.repeat(1000)}Content-Length: 0\r\n\r\n`, buffered: EMPTY },
  { name: '100-then-ok', writes: `HTTP/1.1 100 Continue\r\n\r\n${TWO}\r\nok`, buffered: OK },
  {
    name: '103-then-ok',
    writes: `HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${TWO}\r\nok`,
    buffered: OK,
  },
  {
    name: '101-unasked',
    writes: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    buffered: noHead(/UND_ERR_SOCKET.*bad upgrade/),
  },
  { name: 'bad-status-line', writes: 'HTTP/1.1 abc OK\r\n\r\n', buffered: malformedHead('Invalid status code') },
  { name: 'status-99', writes: 'HTTP/1.1 99 Low\r\n\r\n', buffered: malformedHead('Invalid status code') },
  { name: 'status-000', writes: 'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n', buffered: noHead(/./) },
  { name: 'status-099', writes: 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n', buffered: noHead(/./) },
  { name: 'status-999', writes: 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok', buffered: { status: 999 } },
  { name: 'status-1000', writes: 'HTTP/1.1 1000 High\r\n\r\n', buffered: malformedHead('Invalid response status') },
  { name: 'status-no-reason', writes: 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', buffered: OK },
  { name: 'status-no-sp', writes: 'HTTP/1.1 200OK\r\n\r\n', buffered: malformedHead('Invalid response status') },
  { name: 'http-0.9', writes: '<html>hello</html>', next: 'end', buffered: malformedHead('Expected HTTP/') },
  {
    name: 'http-1.0',
    writes: 'HTTP/1.0 200 OK\r\n\r\nold and without end',
    next: 'end',
    buffered: { status: 200, text: 'old and without end' },
  },
  { name: 'http-2-preface', writes: 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok', buffered: noHead(/HTTP.2/) },
  { name: 'http-3.7', writes: 'HTTP/3.7 200 OK\r\n\r\n', buffered: malformedHead('Invalid HTTP version') },
  { name: 'icy', writes: 'ICY 200 OK\r\n\r\n', buffered: malformedHead('Expected HTTP/') },
  { name: 'tls-alert', writes: Buffer.from('15030100020246', 'hex'), buffered: malformedHead('Expected HTTP/') },
  { name: 'leading-crlf', writes: `\r\n\r\n${TWO}\r\nok`, buffered: OK },
  {
    name: 'lf-only',
    writes: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
    buffered: malformedHead('Missing expected CR after response line'),
  },
  {
    name: 'obs-fold',
    writes: `${COLON}: a\r\n b\r\n\r\nok`,
    buffered: malformedHead('Unexpected whitespace after header value'),
  },
  { name: 'dup-cl-same', writes: `${TWO}Content-Length: 2\r\n\r\nok`, buffered: contradictingLengths },
  { name: 'dup-cl-diff', writes: `${TWO}Content-Length: 3\r\n\r\nok`, buffered: contradictingLengths },
  {
    name: 'cl-list',
    writes: `${STATUS}Content-Length: 2, 2\r\n\r\nok`,
    buffered: malformedHead('Invalid character in Content-Length'),
  },
  {
    name: 'cl-neg',
    writes: `${STATUS}Content-Length: -2\r\n\r\nok`,
    buffered: malformedHead('Invalid character in Content-Length'),
  },
  {
    name: 'cl-plus',
    writes: `${STATUS}Content-Length: +2\r\n\r\nok`,
    buffered: malformedHead('Invalid character in Content-Length'),
  },
  {
    name: 'cl-text',
    writes: `${STATUS}Content-Length: two\r\n\r\nok`,
    buffered: malformedHead('Invalid character in Content-Length'),
  },
  {
    name: 'cl-hex',
    writes: `${STATUS}Content-Length: 0x2\r\n\r\nok`,
    buffered: malformedHead('Invalid character in Content-Length'),
  },
  {
    name: 'cl-overflow',
    writes: `${STATUS}Content-Length: 99999999999999999999\r\n\r\nok`,
    buffered: malformedHead('Content-Length overflow'),
  },
  {
    name: 'cl-and-te',
    writes: `${STATUS}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    buffered: contradictingLengths,
  },
  {
    name: 'te-and-cl',
    writes: `${STATUS}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    buffered: contradictingLengths,
  },
  {
    name: 'te-unknown',
    writes: `${STATUS}Transfer-Encoding: foo\r\n\r\nuntil shut`,
    next: 'end',
    buffered: { status: 200, text: 'until shut' },
  },
  {
    name: 'te-gzip-chunked',
    writes: `${STATUS}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    buffered: OK,
  },
  {
    name: 'te-chunked-twice',
    writes: `${STATUS}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    buffered: OK,
  },
  { name: 'header-no-colon', writes: `${TWO}no colon\r\n\r\nok`, buffered: malformedHead('Invalid header token') },
  { name: 'header-space-name', writes: `${TWO}X A: 1\r\n\r\nok`, buffered: malformedHead('Invalid header token') },
  { name: 'header-sp-before-colon', writes: `${COLON} : 1\r\n\r\nok`, buffered: malformedHead('Invalid header token') },
  {
    name: 'header-nul',
    writes: `${COLON}: a\x00b\r\n\r\nok`,
    buffered: malformedHead('Invalid header value char'),
  },
  {
    name: 'header-cr',
    writes: `${COLON}: a\rb\r\n\r\nok`,
    buffered: malformedHead('Missing expected LF after header value'),
  },
  { name: 'header-latin1', writes: `${COLON}: caf\xe9\r\n\r\nok`, buffered: { ...OK, headers: { 'x-a': 'caf\xe9' } } },
  {
    name: 'header-utf8',
    writes: Buffer.from(`${COLON}: café\r\n\r\nok`),
    buffered: { ...OK, headers: { 'x-a': 'caf\xc3\xa9' } },
  },
  { name: 'header-empty-name', writes: `${TWO}: 1\r\n\r\nok`, buffered: malformedHead('Invalid header token') },
]
