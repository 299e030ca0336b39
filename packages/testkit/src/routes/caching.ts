import type { OutgoingHttpHeaders } from 'node:http'
import { sendBytes, sendEmpty, sendJson } from '../reply.ts'
import { describeHead } from '../request-description.ts'
import { param, parseCount, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { on } from '../router.ts'

const lastModified = 'Thu, 01 Jan 2026 00:00:00 GMT'
const alphabet = 'abcdefghijklmnopqrstuvwxyz'

/** Routes with validators and ranges: `/etag/:etag`, `/cache`, `/cache/:seconds`, `/range/:n`. */
export function cachingRoutes(): readonly TestRoute[] {
  return [
    on('GET', '/etag/:etag', sendTagged),
    on('GET', '/cache', sendCached),
    on('GET', '/cache/:seconds', sendFresh),
    on('GET', '/range/:n', sendRange),
  ]
}

/** RFC 9110 section 13.2.2: If-Match first, then If-None-Match. */
function sendTagged(context: RouteContext): void {
  const { headers } = context.request
  const etag = `"${param(context, 'etag')}"`
  const ifMatch = headers['if-match']
  context.response.setHeader('ETag', etag)
  if (ifMatch !== undefined && !namesTag(ifMatch, etag)) sendEmpty(context.response, 412)
  else if (namesTag(headers['if-none-match'] ?? '', etag)) sendEmpty(context.response, 304)
  else sendJson(context.response, describeHead(context))
}

function namesTag(list: string, etag: string): boolean {
  const tags = list.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}

function sendCached(context: RouteContext): void {
  const { headers } = context.request
  const isConditional = headers['if-modified-since'] !== undefined || headers['if-none-match'] !== undefined
  context.response.setHeader('Last-Modified', lastModified)
  context.response.setHeader('ETag', '"cached"')
  if (isConditional) sendEmpty(context.response, 304)
  else sendJson(context.response, describeHead(context))
}

function sendFresh(context: RouteContext): void {
  const seconds = parseCount(param(context, 'seconds'))
  context.response.setHeader('Cache-Control', `public, max-age=${seconds}`)
  sendJson(context.response, describeHead(context))
}

/** RFC 9110 section 14: one range of the repeated alphabet; several ranges get the whole. */
function sendRange(context: RouteContext): void {
  const { headers } = context.request
  const length = parseCount(param(context, 'n'))
  if (length > 104_857_600) throw new RouteError(400, 'At most 100 MiB')
  const etag = `"range${length}"`
  const body = Buffer.alloc(length, alphabet)
  const ifRange = headers['if-range']
  const applies = ifRange === undefined || ifRange === etag
  const range = applies ? parseRange(headers.range ?? '', length) : null
  const common = { ETag: etag, 'Accept-Ranges': 'bytes', 'Content-Type': 'application/octet-stream' }
  if (range === 'unsatisfiable') {
    sendEmpty(context.response, 416, { ...common, 'Content-Range': `bytes */${length}` })
  } else if (range === null) {
    sendBytes(context.response, body, common)
  } else {
    const part: OutgoingHttpHeaders = { 'Content-Range': `bytes ${range.first}-${range.last}/${length}` }
    sendBytes(context.response, body.subarray(range.first, range.last + 1), { ...common, ...part }, 206)
  }
}

type ByteRange = { readonly first: number; readonly last: number }

function parseRange(header: string, length: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header.trim())
  if (match === null) return null
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return null
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from)
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (from !== '' && to !== '' && Number(to) < first) return null
  return first >= length || first > last ? 'unsatisfiable' : { first, last }
}
