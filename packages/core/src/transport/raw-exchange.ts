import type { Socket } from 'node:net'
import { LimitExceededError, ProxyError } from '../errors.ts'
import { Headers } from '../message/headers.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { Response } from '../message/response.ts'
import type { ResolvedLimits } from '../limits.ts'

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
    while (head.statusCode < 200) head = await readHead(reader, limits.headerBytes)
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
  request.headers.eachLine((name, value) => {
    head += `${name}: ${value}\r\n`
  })
  return `${head}\r\n`
}

/** Pulls bytes from a socket; what it did not use goes back when it lets go. */
class SocketReader {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** More bytes, or `false` at the end. */
  async more(): Promise<boolean> {
    const chunk = (this.#socket.read() as Buffer | null) ?? (await this.#wait())
    if (chunk === null) return false
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    return true
  }

  #wait(): Promise<Buffer | null> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError)
      }
      const onEnd = (): void => {
        stop()
        resolve(null)
      }
      const onError = (error: Error): void => {
        stop()
        reject(error)
      }
      const onReadable = (): void => {
        const chunk = socket.read() as Buffer | null
        if (chunk === null) return
        stop()
        resolve(chunk)
      }
      if (socket.destroyed || socket.readableEnded) return onEnd()
      socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError)
    })
  }

  get length(): number {
    return this.#bytes.length
  }

  indexOf(text: string): number {
    return this.#bytes.indexOf(text, 0, 'latin1')
  }

  take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  /** A line without its CRLF, or `null` at the end. */
  async line(maxBytes: number): Promise<string | null> {
    for (;;) {
      const end = this.indexOf('\r\n')
      if (end !== -1) return this.take(end + 2).toString('latin1', 0, end)
      if (this.length > maxBytes)
        throw new LimitExceededError(`the proxy's answer has a head longer than limits.headerBytes = ${maxBytes}`)
      if (!(await this.more())) return null
    }
  }

  detach(): void {
    if (this.#bytes.length > 0 && !this.#socket.destroyed && !this.#socket.readableEnded)
      this.#socket.unshift(this.#bytes)
  }
}

interface Head {
  readonly statusCode: number
  readonly reason: string
  readonly version: number
  readonly headers: Headers
}

async function readHead(reader: SocketReader, maxBytes: number): Promise<Head> {
  const statusLine = await reader.line(maxBytes)
  if (statusLine === null) throw new ProxyError('the proxy closed the connection instead of answering CONNECT')
  const match = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/.exec(statusLine)
  if (match === null) throw new ProxyError('the proxy answered CONNECT with something that is not HTTP/1')
  const headers = new Headers()
  let size = statusLine.length
  for (let line = await reader.line(maxBytes); line !== ''; line = await reader.line(maxBytes)) {
    const colon = line?.indexOf(':') ?? -1
    size += line?.length ?? 0
    if (line === null || colon < 1) throw new ProxyError("the head of the proxy's answer to CONNECT is malformed")
    if (size > maxBytes)
      throw new LimitExceededError(`the proxy's answer has a head longer than limits.headerBytes = ${maxBytes}`)
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return { version: Number(match[1]), statusCode: Number(match[2]), reason: match[3] ?? '', headers }
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

async function readChunks(reader: SocketReader, maxBytes: number): Promise<RawBody> {
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    const size = Number.parseInt((await reader.line(maxBytes)) ?? '', 16)
    if (!(size >= 0)) throw new ProxyError("the proxy's answer is badly chunked")
    total += size
    if (total > maxBytes) return { bytes: Buffer.concat(chunks), isFramed: false }
    if (size === 0) {
      while (await reader.line(maxBytes)) continue
      return { bytes: Buffer.concat(chunks), isFramed: true }
    }
    while (reader.length < size + 2) if (!(await reader.more())) throw new ProxyError("the proxy's answer broke off")
    chunks.push(reader.take(size))
    reader.take(2)
  }
}
