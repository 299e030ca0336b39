import * as zlib from 'node:zlib'
import { sendBytes } from '../reply.ts'
import { describeHeaders } from '../request-description.ts'
import { param, parseCount, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { on } from '../router.ts'

type Encode = (content: Buffer) => Buffer

/**
 * Routes that answer with a Content-Encoding, asked for or not: `/gzip`, `/deflate` (zlib), `/deflate-raw` (no zlib
 * header, as some servers send), `/brotli`, `/zstd` (501 where this Node has none), and `/codings/:list?bytes=`,
 * which applies a comma-separated list in order to JSON, or to that many zero bytes.
 */
export function codingRoutes(): readonly TestRoute[] {
  return [
    on('GET', '/gzip', (context) => sendCoded(context, ['gzip'], { gzipped: true })),
    on('GET', '/deflate', (context) => sendCoded(context, ['deflate'], { deflated: true })),
    on('GET', '/deflate-raw', (context) => sendCoded(context, ['deflate-raw'], { deflated: true })),
    on('GET', '/brotli', (context) => sendCoded(context, ['br'], { brotli: true })),
    on('GET', '/zstd', (context) => sendCoded(context, ['zstd'], { zstd: true })),
    on('GET', '/codings/:list', (context) => sendCoded(context, param(context, 'list').split(','), { coded: true })),
  ]
}

function sendCoded(context: RouteContext, codings: readonly string[], mark: object): void {
  const bytes = context.query.get('bytes')
  let body = bytes === null ? describe(context, mark) : Buffer.alloc(parseCount(bytes))
  for (const coding of codings) body = encoderOf(coding)(body)
  sendBytes(context.response, body, {
    'Content-Type': bytes === null ? 'application/json' : 'application/octet-stream',
    'Content-Encoding': codings.map((coding) => coding.replace('-raw', '')).join(', '),
  })
}

function describe(context: RouteContext, mark: object): Buffer {
  const { method, socket } = context.request
  const head = { headers: describeHeaders(context), method, origin: socket.remoteAddress }
  return Buffer.from(`${JSON.stringify({ ...mark, ...head }, null, 2)}\n`)
}

function encoderOf(coding: string): Encode {
  switch (coding) {
    case 'gzip':
      return (content) => zlib.gzipSync(content)
    case 'deflate':
      return (content) => zlib.deflateSync(content)
    case 'deflate-raw':
      return (content) => zlib.deflateRawSync(content)
    case 'br':
      return (content) => zlib.brotliCompressSync(content)
    case 'zstd':
      return zstdEncoder()
    case 'identity':
      return (content) => content
    default:
      throw new RouteError(400, `Unknown content coding ${JSON.stringify(coding)}`)
  }
}

// Node has zstd since 22.15; the types are those of the oldest Node we support.
function zstdEncoder(): Encode {
  const { zstdCompressSync } = zlib as { zstdCompressSync?: Encode }
  if (zstdCompressSync === undefined) throw new RouteError(501, 'This version of Node has no zstd')
  return (content) => zstdCompressSync(content)
}
