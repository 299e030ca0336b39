import { testCertificates } from '@entreat/testkit'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'

/** Frame types and flags of RFC 9113 section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
const END_STREAM = 1
const ACK = 1
export const END_HEADERS = 4
/** RFC 9113 section 7. */
export const CODE = {
  noError: 0,
  internal: 2,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
  http11Required: 13,
} as const

/** One frame as it came. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** One connection of {@link RawHttp2Server}. */
export class RawHttp2Connection {
  readonly socket: TLSSocket
  /** 1 for the server's first. */
  readonly number: number
  /** Frames received, in order. */
  readonly frames: Frame[] = []

  constructor(socket: TLSSocket, number: number) {
    this.socket = socket
    this.number = number
  }

  frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): void {
    if (!this.socket.destroyed) this.socket.write(encodeFrame(type, flags, stream, payload))
  }

  /** A head without Huffman coding or table. */
  head(stream: number, fields: Readonly<Record<string, string>>, { end = false } = {}): void {
    this.frame(FRAME.headers, END_HEADERS | (end ? END_STREAM : 0), stream, encodeFields(fields))
  }

  data(stream: number, text: string | Uint8Array, { end = false } = {}): void {
    this.frame(FRAME.data, end ? END_STREAM : 0, stream, Buffer.from(text as string))
  }

  /** A whole response. */
  answer(stream: number, text = 'ok', fields: Readonly<Record<string, string>> = {}): void {
    this.head(stream, { ':status': '200', ...fields })
    this.data(stream, text, { end: true })
  }

  reset(stream: number, code: number): void {
    this.frame(FRAME.rstStream, 0, stream, u32(code))
  }

  goaway(lastStream: number, code: number = CODE.noError): void {
    this.frame(FRAME.goaway, 0, 0, Buffer.concat([u32(lastStream), u32(code)]))
  }

  /** @param values - by the numbers of RFC 9113 section 6.5.2: 3 is MAX_CONCURRENT_STREAMS. */
  settings(values: Readonly<Record<number, number>>): void {
    const payload = Object.entries(values).map(([id, value]) => Buffer.concat([u16(Number(id)), u32(value)]))
    this.frame(FRAME.settings, 0, 0, Buffer.concat(payload))
  }

  /** Frames of one type that came so far. */
  received(type: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type)
  }
}

/** What a handler may do with each frame; the server itself answers the preface, SETTINGS and PING. */
export interface RawHttp2Handler {
  /** Instead of empty SETTINGS. */
  readonly onConnect?: (connection: RawHttp2Connection) => void
  /** The head of a request has come; `index` counts those of the connection from 1. */
  readonly onRequest?: (connection: RawHttp2Connection, stream: number, index: number) => void
  readonly onFrame?: (connection: RawHttp2Connection, frame: Frame) => void
  /** Whether SETTINGS and PING are answered. Default `true`. */
  readonly acks?: boolean
  /** What ALPN chooses from. Default HTTP/2 alone. */
  readonly protocols?: string[]
  /** Takes over connections that chose HTTP/1.1. */
  readonly onHttp1?: (socket: TLSSocket) => void
}

const PREFACE_BYTES = 24

/** A TLS server that speaks HTTP/2 frame by frame, for what well-behaved servers do not do. */
export class RawHttp2Server {
  readonly url: string
  readonly connections: RawHttp2Connection[] = []
  readonly #server: Server
  readonly #sockets = new Set<TLSSocket>()
  #isClosing = false

  private constructor(server: Server) {
    this.#server = server
    this.url = `https://localhost:${(server.address() as AddressInfo).port}`
  }

  static async start(handler: RawHttp2Handler): Promise<RawHttp2Server> {
    const server = createServer({ ...testCertificates().server, ALPNProtocols: handler.protocols ?? ['h2'] })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const own = new RawHttp2Server(server)
    server.on('secureConnection', (socket) => own.#accept(socket, handler))
    return own
  }

  #accept(socket: TLSSocket, handler: RawHttp2Handler): void {
    // Still in its handshake when the server closed.
    if (this.#isClosing) return void socket.destroy()
    this.#sockets.add(socket)
    socket.setNoDelay()
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    if (socket.alpnProtocol !== 'h2') return handler.onHttp1?.(socket)
    const connection = new RawHttp2Connection(socket, this.connections.length + 1)
    this.connections.push(connection)
    if (handler.onConnect === undefined) connection.settings({})
    else handler.onConnect(connection)
    readFrames(connection, handler)
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size
  }

  /** Requests that came, over all connections. */
  get requestCount(): number {
    return this.connections.reduce((sum, connection) => sum + connection.received(FRAME.headers).length, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

function readFrames(connection: RawHttp2Connection, handler: RawHttp2Handler): void {
  let bytes: Buffer = Buffer.alloc(0)
  let begun = false
  connection.socket.on('data', (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece])
    if (!begun && bytes.length >= PREFACE_BYTES) {
      begun = true
      bytes = bytes.subarray(PREFACE_BYTES)
    }
    if (!begun) return
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3)
      const [type, flags] = [bytes[3] as number, bytes[4] as number]
      const frame = { type, flags, stream: bytes.readUInt32BE(5), payload: bytes.subarray(9, end) }
      bytes = bytes.subarray(end)
      take(connection, handler, frame)
    }
  })
}

function take(connection: RawHttp2Connection, handler: RawHttp2Handler, frame: Frame): void {
  connection.frames.push(frame)
  const isAck = (frame.flags & ACK) !== 0
  if (handler.acks !== false && !isAck) {
    if (frame.type === FRAME.settings) connection.frame(FRAME.settings, ACK, 0)
    if (frame.type === FRAME.ping) connection.frame(FRAME.ping, ACK, 0, frame.payload)
  }
  handler.onFrame?.(connection, frame)
  if (frame.type === FRAME.headers)
    handler.onRequest?.(connection, frame.stream, connection.received(FRAME.headers).length)
}

function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 section 6.2.2: literal fields without indexing. */
export function encodeFields(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]))
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
