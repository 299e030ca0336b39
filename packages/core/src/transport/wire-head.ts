import { InvalidHeader } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'

/** A request's headers as undici takes them. */
export interface WireHead {
  /** Names and values in turn, beginning with Host. */
  readonly lines: readonly string[]
  /** Lines that undici refuses to write, ended by CRLF. */
  readonly refused: string
}

/** Methods for which undici writes Content-Length: 0 by itself. */
const UNDICI_WRITES_ZERO = new Set(['PUT', 'POST', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH'])

/**
 * Lays out a request's headers for the wire. Content-Length and Transfer-Encoding follow from the body, whatever the headers say.
 *
 * @param isTunnelled - Proxy-Authorization was for the proxy that opened the tunnel, and stays outside.
 * @throws InvalidHeader for a header that cannot be sent.
 */
export function encodeHead(request: PreparedRequest, isTunnelled: boolean): WireHead {
  const { body, headers, parsedUrl: url } = request
  const lines: string[] = []
  let refused = ''
  if (!headers.has('host')) lines.push('Host', url.port === '' ? url.host : `${url.host}:${url.port}`)
  for (const { name, value, key } of headers.lines) {
    if (key === 'content-length') {
      if (body?.length) lines.push('content-length', String(body.length))
      else if (body?.length !== null && !UNDICI_WRITES_ZERO.has(request.method)) refused += `${name}: ${value}\r\n`
    } else if (key === 'connection') {
      if (/^(?:close|keep-alive)$/i.test(value)) lines.push(name, value)
      else throw unsendable(name)
    } else if (key === 'expect' || key === 'keep-alive' || key === 'upgrade') {
      refused += `${name}: ${value}\r\n`
    } else if (key !== 'transfer-encoding' && !(isTunnelled && key === 'proxy-authorization')) {
      lines.push(name, value)
    }
  }
  return { lines, refused }
}

function unsendable(name: string): InvalidHeader {
  return new InvalidHeader(
    `Header ${name} may only be "close" or "keep-alive": other connection options are not supported`,
  )
}
