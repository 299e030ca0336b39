import { InvalidHeader } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'

/** A request's head as node:http2 takes it: pseudo-header fields, then fields by lower-case name, with a list where there are several lines. */
export type Http2Head = Record<string, string | string[]>

/** RFC 9113 section 8.2.2: what speaks of one connection has no place in a message that shares one. Content-Length follows from the body. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/**
 * Lays out a request's head for HTTP/2 (RFC 9113 section 8.3.1). Host becomes `:authority`; a Cookie header becomes one field for each cookie
 * (section 8.2.3), so that a cookie that changes does not spoil the compression of the others.
 *
 * @param isTunnelled - Proxy-Authorization was for the proxy that opened the tunnel, and stays outside.
 * @throws InvalidHeader for connection options other than `close` and `keep-alive`: what they name would have to be left out.
 */
export function encodeHttp2Head(request: PreparedRequest, isTunnelled: boolean): Http2Head {
  const { body, headers, parsedUrl: url } = request
  const head = Object.create(null) as Http2Head
  head[':method'] = request.method
  head[':scheme'] = url.scheme
  head[':authority'] = url.port === '' ? url.host : `${url.host}:${url.port}`
  head[':path'] = request.pathUrl
  for (const { name, value, key } of headers.lines) {
    if (key === 'host') head[':authority'] = value
    else if (key === 'content-length') {
      if (body?.length !== null) head[key] = body === null ? value : String(body.length)
    } else if (key === 'cookie') add(head, key, value.split('; '))
    else if (key === 'connection') checkConnection(name, value)
    else if (key === 'te') head[key] = onlyTrailers(name, value)
    else if (!LEFT_OUT.has(key) && !(isTunnelled && key === 'proxy-authorization')) add(head, key, value)
  }
  return head
}

function add(head: Http2Head, key: string, value: string | string[]): void {
  const before = head[key]
  head[key] = before === undefined ? value : [before, value].flat()
}

function checkConnection(name: string, value: string): void {
  if (/^(?:close|keep-alive)$/i.test(value)) return
  throw new InvalidHeader(
    `Header ${name} may only be "close" or "keep-alive": other connection options are not supported`,
  )
}

/** RFC 9113 section 8.2.2: TE may say nothing else. */
function onlyTrailers(name: string, value: string): string {
  if (value.toLowerCase() === 'trailers') return 'trailers'
  throw new InvalidHeader(`Header ${name} may only be "trailers" over HTTP/2 (RFC 9113 section 8.2.2)`)
}
