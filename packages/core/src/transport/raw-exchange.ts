import type { Socket } from 'node:net'
import { LimitExceededError, ProxyError } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { Response } from '../message/response.ts'
import type { ResolvedLimits } from '../limits.ts'
import { SocketReader } from './socket-reader.ts'

/** What came back on a raw socket, and whether the socket can carry another exchange. */
export interface RawReply {
  readonly response: Response
  readonly keepsAlive: boolean
}

/**
 * One CONNECT exchange on a raw socket (RFC 9112 section 3.2.3, RFC 9110 section 9.3.6). After a 2xx nothing more is read: what follows belongs to the tunnel.
 *
 * @throws ProxyError for a reply that is no HTTP/1; LimitExceededError for a head past `limits.headerBytes`.
 */
export async function exchangeRaw(
  socket: Socket,
  request: PreparedRequest,
  authority: string,
  limits: ResolvedLimits,
): Promise<RawReply> {
  socket.write(encodeConnect(request, authority), 'latin1')
  const reader = new SocketReader(socket)
  try {
    let head = await readHead(reader, limits.headerBytes)
    // Interim responses count: there is no end to them otherwise, and perhaps no timeout.
    for (let read = head.size; head.statusCode < 200; read += head.size)
      head = await readHead(reader, limits.headerBytes - read)
    const { statusCode, reason, headers, version } = head
    const isTunnel = statusCode < 300
    const body = isTunnel ? null : await readBody(reader, headers, limits.drainedBytes)
    const stays =
      version === 1 &&
      !/\bclose\b/i.test(headers.get('connection') ?? '') &&
      !/\bclose\b/i.test(headers.get('proxy-connection') ?? '')
    const response = new Response({ request, statusCode, reason, headers, body: body?.bytes ?? null })
    response.limits = limits
    await response.drain()
    return { response, keepsAlive: isTunnel || (stays && body?.isFramed === true) }
  } finally {
    reader.detach()
  }
}

function encodeConnect(request: PreparedRequest, authority: string): string {
  let head = `CONNECT ${authority} HTTP/1.1\r\n`
  if (!request.headers.has('host')) head += `Host: ${authority}\r\n`
  for (const { name, value } of request.headers.lines) head += `${name}: ${value}\r\n`
  return `${head}\r\n`
}

interface Head {
  readonly statusCode: number
  readonly reason: string
  readonly version: number
  readonly headers: Headers
  /** Bytes of all its lines. */
  readonly size: number
}

async function readHead(reader: SocketReader, maxBytes: number): Promise<Head> {
  const statusLine = await reader.line(maxBytes)
  if (maxBytes <= 0) throw tooLong()
  if (statusLine === null) throw new ProxyError('the proxy closed the connection instead of answering CONNECT')
  const match = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/.exec(statusLine)
  if (match === null) throw new ProxyError('the proxy answered CONNECT with something that is not HTTP/1')
  const headers = new Headers()
  let size = statusLine.length + 4
  for (let line = await reader.line(maxBytes); line !== ''; line = await reader.line(maxBytes)) {
    const colon = line?.indexOf(':') ?? -1
    size += line?.length ?? 0
    if (line === null || colon < 1) throw new ProxyError("the head of the proxy's answer to CONNECT is malformed")
    if (size > maxBytes) throw tooLong()
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return { version: Number(match[1]), statusCode: Number(match[2]), reason: match[3] ?? '', headers, size }
}

function tooLong(): LimitExceededError {
  return new LimitExceededError("the proxy's answer has a head longer than limits.headerBytes")
}

interface RawBody {
  readonly bytes: Buffer
  /** Whether its end was told by the framing, so that the socket can be used again. */
  readonly isFramed: boolean
}

async function readBody(reader: SocketReader, headers: Headers, maxBytes: number): Promise<RawBody> {
  if (headers.has('transfer-encoding')) return readChunks(reader, maxBytes)
  const length = headers.get('content-length')
  if (length !== null && !/^[0-9]{1,15}$/.test(length))
    throw new ProxyError("the proxy's answer has an invalid Content-Length")
  const wanted = length === null ? Infinity : Number(length)
  while (reader.length < Math.min(wanted, maxBytes)) if (!(await reader.more())) break
  const isFramed = wanted <= maxBytes && reader.length >= wanted
  return { bytes: reader.take(Math.min(wanted, maxBytes, reader.length)), isFramed }
}

/** RFC 9112 section 7.1: a size in hexadecimal digits and nothing else, then perhaps extensions. */
const CHUNK_SIZE = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/

async function readChunks(reader: SocketReader, maxBytes: number): Promise<RawBody> {
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    const line = await reader.line(maxBytes)
    const size = Number.parseInt(CHUNK_SIZE.exec(line ?? '')?.[1] ?? '', 16)
    if (Number.isNaN(size)) throw new ProxyError("the proxy's answer is badly chunked")
    total += size
    if (total > maxBytes) return { bytes: Buffer.concat(chunks), isFramed: false }
    if (size === 0) {
      return { bytes: Buffer.concat(chunks), isFramed: await skipsTrailers(reader, maxBytes) }
    }
    const chunk = await reader.bytes(size)
    const lineBreak = chunk === null ? null : await reader.bytes(2)
    if (chunk === null || lineBreak === null) throw new ProxyError("the proxy's answer broke off")
    if (lineBreak.toString('latin1') !== '\r\n') throw new ProxyError("the proxy's answer is badly chunked")
    chunks.push(chunk)
  }
}

/** Whether the trailers end, and within so many bytes. */
async function skipsTrailers(reader: SocketReader, maxBytes: number): Promise<boolean> {
  let size = 0
  for (let line = await reader.line(maxBytes); line !== ''; line = await reader.line(maxBytes)) {
    size += (line?.length ?? 0) + 2
    if (line === null || size > maxBytes) return false
  }
  return true
}
