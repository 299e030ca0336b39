import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** One connection that a SOCKS client asked for. */
interface SocksRequest {
  readonly version: 4 | 5
  /** As the client named it. */
  readonly host: string
  readonly port: number
  readonly username: string | null
  readonly password: string | null
}

export interface SocksServerOptions {
  /** Let in only who has this name and password (SOCKS5). */
  readonly credentials?: readonly [username: string, password: string]
  /** Where names lead, whatever they are. Default 127.0.0.1. */
  readonly address?: string
  /** Write one byte at a time. */
  readonly trickles?: boolean
}

/** A SOCKS server for versions 4, 4a and 5, in this process, on a loopback port. */
export class SocksServer {
  readonly port: number
  readonly requests: SocksRequest[] = []
  connectionCount = 0
  readonly #server: Server
  readonly #options: SocksServerOptions
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, options: SocksServerOptions) {
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    this.#options = options
  }

  static async start(options: SocksServerOptions = {}): Promise<SocksServer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const own = new SocksServer(server, options)
    server.on('connection', (socket) => {
      own.connectionCount++
      own.#keep(socket)
      own.#serve(socket).catch(() => socket.destroy())
    })
    return own
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
  }

  async #serve(socket: Socket): Promise<void> {
    const input = new Input(socket)
    const [version] = await input.take(1)
    const request = version === 5 ? await this.#readSocks5(socket, input) : await readSocks4(input)
    this.requests.push(request)
    const isName = !/^[\d.]+$|:/.test(request.host)
    const target = connect(request.port, isName ? (this.#options.address ?? '127.0.0.1') : request.host)
    this.#keep(target)
    await once(target, 'connect')
    await this.#write(socket, version === 5 ? [5, 0, 0, 1, 0, 0, 0, 0, 0, 0] : [0, 90, 0, 0, 0, 0, 0, 0])
    input.release()
    socket.pipe(target).pipe(socket)
  }

  async #readSocks5(socket: Socket, input: Input): Promise<SocksRequest> {
    const methods = await input.take((await input.take(1))[0] as number)
    const wants = this.#options.credentials
    const method = wants === undefined ? 0 : methods.includes(2) ? 2 : 255
    await this.#write(socket, [5, method])
    let [username, password]: [string | null, string | null] = [null, null]
    if (method === 2) {
      await input.take(1)
      username = (await input.take((await input.take(1))[0] as number)).toString()
      password = (await input.take((await input.take(1))[0] as number)).toString()
      const known = username === wants?.[0] && password === wants[1]
      await this.#write(socket, [1, known ? 0 : 1])
      if (!known) throw new Error('wrong password')
    }
    const [, , , type] = await input.take(4)
    let host: string
    if (type === 3) host = (await input.take((await input.take(1))[0] as number)).toString()
    else if (type === 1) host = [...(await input.take(4))].join('.')
    else host = (await input.take(16)).toString('hex').replace(/.{4}(?=.)/g, '$&:')
    return { version: 5, host, port: (await input.take(2)).readUInt16BE(), username, password }
  }

  async #write(socket: Socket, bytes: readonly number[]): Promise<void> {
    socket.setNoDelay(true)
    const pieces = this.#options.trickles === true ? bytes.map((byte) => [byte]) : [bytes]
    for (const piece of pieces) {
      await new Promise<void>((resolve) => socket.write(Buffer.from(piece), () => resolve()))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

async function readSocks4(input: Input): Promise<SocksRequest> {
  await input.take(1)
  const port = (await input.take(2)).readUInt16BE()
  const address = await input.take(4)
  const username = await input.takeText()
  const isNamed = address[0] === 0 && address[1] === 0 && address[2] === 0
  const host = isNamed ? await input.takeText() : [...address].join('.')
  return { version: 4, host, port, username, password: null }
}

/** Reads a socket in pieces of a wanted length. */
class Input {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #wake: (() => void) | null = null
  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    this.#wake?.()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#onData)
  }

  async take(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) await new Promise<void>((resolve) => (this.#wake = resolve))
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  async takeText(): Promise<string> {
    let text = ''
    for (let [byte] = await this.take(1); byte !== 0; [byte] = await this.take(1))
      text += String.fromCharCode(byte as number)
    return text
  }

  release(): void {
    this.#socket.off('data', this.#onData).pause()
    if (this.#bytes.length > 0) this.#socket.unshift(this.#bytes)
  }
}
