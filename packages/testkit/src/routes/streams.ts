import { createHash } from 'node:crypto'
import { pause, sendJson, sendText, writeChunk } from '../reply.ts'
import { describeBody, describeHead } from '../request-description.ts'
import { param, parseCount, type RouteContext, type TestRoute } from '../route-context.ts'
import { on, onAny, onUnread } from '../router.ts'
import { seededBlocks, seededBytes } from '../seeded-bytes.ts'

/**
 * Routes whose bodies take time or are long: `/delay/:seconds`, `/delay-body/:ms`, `/stream/:n`, `/stream-bytes/:n`,
 * `/drip`, `/lines/:n`, `/trailers`, `/upload`, `/download/:n`.
 */
export function streamRoutes(): readonly TestRoute[] {
  return [
    onAny('/delay/:seconds', sendLate),
    onAny('/delay-body/:ms', sendLateBody),
    on('GET', '/stream/:n', streamJson),
    on('GET', '/stream-bytes/:n', streamBytes),
    on('GET', '/drip', drip),
    on('GET', '/lines/:n', sendLines),
    on('GET', '/trailers', sendTrailers),
    onUnread('/upload', countUpload),
    on('GET', '/download/:n', download),
  ]
}

async function sendLate(context: RouteContext): Promise<void> {
  const seconds = parseCount(param(context, 'seconds'))
  if (!(await pause(context.response, seconds * 1000))) return
  sendJson(context.response, await describeBody(context))
}

/** The head at once, the body later: for read timeouts between the two. */
async function sendLateBody(context: RouteContext): Promise<void> {
  const { response } = context
  const body = Buffer.from(`${JSON.stringify(describeHead(context))}\n`)
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.flushHeaders()
  if (await pause(response, parseCount(param(context, 'ms')))) response.end(body)
}

async function streamJson(context: RouteContext): Promise<void> {
  const { response } = context
  const count = parseCount(param(context, 'n'))
  response.setHeader('Content-Type', 'application/json')
  for (let id = 0; id < count; id += 1) {
    const line = Buffer.from(`${JSON.stringify({ id, ...describeHead(context) })}\n`)
    if (!(await writeChunk(response, line))) return
  }
  response.end()
}

async function streamBytes(context: RouteContext): Promise<void> {
  const { query, response } = context
  const count = parseCount(param(context, 'n'))
  const chunkBytes = Math.max(1, parseCount(query.get('chunk_size'), 10_240))
  const bytes = seededBytes(count, parseCount(query.get('seed')))
  response.setHeader('Content-Type', 'application/octet-stream')
  for (let sent = 0; sent < count; sent += chunkBytes) {
    if (!(await writeChunk(response, bytes.subarray(sent, sent + chunkBytes)))) return
  }
  response.end()
}

/** `?numbytes=` (10) asterisks over `?duration=` (2) seconds, after `?delay=` (2) seconds, with status `?code=` (200). */
async function drip({ query, response }: RouteContext): Promise<void> {
  const count = Math.floor(parseCount(query.get('numbytes'), 10))
  const intervalMs = (parseCount(query.get('duration'), 2) * 1000) / Math.max(1, count)
  if (!(await pause(response, parseCount(query.get('delay'), 2) * 1000))) return
  response.writeHead(parseCount(query.get('code'), 200), {
    'Content-Type': 'application/octet-stream',
    'Content-Length': count,
  })
  response.flushHeaders()
  for (let sent = 0; sent < count; sent += 1) {
    if (sent > 0 && !(await pause(response, intervalMs))) return
    if (!(await writeChunk(response, Buffer.from('*')))) return
  }
  response.end()
}

/** `line 1` and so on, ended as `?eol=` says: `lf` (default), `crlf`, `cr` or `mixed` (CRLF and LF in turn). */
function sendLines(context: RouteContext): void {
  const count = parseCount(param(context, 'n'))
  const eol = context.query.get('eol') ?? 'lf'
  const ends = new Map([
    ['lf', ['\n']],
    ['crlf', ['\r\n']],
    ['cr', ['\r']],
    ['mixed', ['\r\n', '\n']],
  ]).get(eol) ?? ['\n']
  let text = ''
  for (let index = 0; index < count; index += 1) {
    text += `line ${index + 1}${ends[index % ends.length]}`
  }
  sendText(context.response, text, 'text/plain; charset=utf-8')
}

/** RFC 9110 section 6.5: a chunked body followed by a `Checksum` trailer. */
function sendTrailers({ response }: RouteContext): void {
  response.writeHead(200, { 'Content-Type': 'text/plain', Trailer: 'Checksum' })
  response.write('trailers follow\n')
  response.addTrailers({ Checksum: createHash('sha256').update('trailers follow\n').digest('hex') })
  response.end()
}

async function countUpload({ request, response }: RouteContext): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  sendJson(response, { method: request.method, bytes, sha256: hash.digest('hex') })
}

async function download(context: RouteContext): Promise<void> {
  const { query, request, response } = context
  const length = parseCount(param(context, 'n'))
  response.setHeader('Content-Type', 'application/octet-stream')
  response.setHeader('Content-Length', length)
  if (request.method === 'HEAD' || length === 0) {
    response.end()
    return
  }
  for (const block of seededBlocks(length, parseCount(query.get('seed')))) {
    if (!(await writeChunk(response, block))) return
  }
  response.end()
}
