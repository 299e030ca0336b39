import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Options of {@link TestSocksProxy.start}. */
export interface TestSocksProxyOptions {
  /** Ask for user and password (RFC 1929); SOCKS 4 then wants the user alone. Default: let everybody in. */
  readonly credentials?: { readonly username: string; readonly password: string }
  /** Chooses where to connect instead of the requested target. */
  readonly resolve?: (host: string, port: number) => { host: string; port: number }
}

/** What a client asked a {@link TestSocksProxy} for. */
export interface SocksRequest {
  readonly version: 4 | 5
  /** An address, or a name where the client left it to the proxy to resolve it. */
  readonly host: string
  readonly port: number
  readonly username: string | null
}

/** A SOCKS proxy inside this process on a free loopback port: versions 4, 4A and 5, connections only. Whoever starts it closes it. */
export class TestSocksProxy {
  readonly port: number
  /** Every connection that was asked for, refused ones too. */
  readonly requests: SocksRequest[] = []
  readonly #server: Server
  readonly #options: TestSocksProxyOptions
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, options: TestSocksProxyOptions) {
    this.#server = server
    this.#options = options
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket: Socket) => {
      this.#track(socket)
      this.#serve(socket).catch(() => socket.destroy())
    })
  }

  static async start(options: TestSocksProxyOptions = {}): Promise<TestSocksProxy> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TestSocksProxy(server, options)
  }

  /** Its URL for a scheme of SOCKS, such as `socks5h`, without credentials. */
  url(scheme: 'socks4' | 'socks4a' | 'socks5' | 'socks5h'): string {
    return `${scheme}://127.0.0.1:${this.port}`
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
  }

  async #serve(socket: Socket): Promise<void> {
    const take = reader(socket)
    const [version] = await take(1)
    if (version === 5) await this.#serve5(socket, take)
    else if (version === 4) await this.#serve4(socket, take)
    else socket.destroy()
  }

  async #serve5(socket: Socket, take: Take): Promise<void> {
    const [count = 0] = await take(1)
    const methods = await take(count)
    const { credentials } = this.#options
    const method = credentials === undefined ? 0 : 2
    if (!methods.includes(method)) return void socket.end(Buffer.from([5, 255]))
    socket.write(Buffer.from([5, method]))
    const username = credentials === undefined ? null : await this.#signIn(socket, take)
    if (credentials !== undefined && username === null) return
    const [, , , type] = await take(4)
    const [length = 0] = type === 3 ? await take(1) : []
    const bytes = await take(type === 1 ? 4 : type === 4 ? 16 : length)
    const host = type === 1 ? bytes.join('.') : type === 4 ? groupsOf(bytes) : bytes.toString()
    const port = (await take(2)).readUInt16BE()
    await this.#open(socket, { version: 5, host, port, username }, (isOpen) => [
      5,
      isOpen ? 0 : 5,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
    ])
  }

  async #signIn(socket: Socket, take: Take): Promise<string | null> {
    const [, userLength = 0] = await take(2)
    const username = (await take(userLength)).toString()
    const [passwordLength = 0] = await take(1)
    const password = (await take(passwordLength)).toString()
    const { credentials } = this.#options
    const isRight = username === credentials?.username && password === credentials.password
    socket.write(Buffer.from([1, isRight ? 0 : 1]))
    if (!isRight) socket.end()
    return isRight ? username : null
  }

  async #serve4(socket: Socket, take: Take): Promise<void> {
    await take(1)
    const port = (await take(2)).readUInt16BE()
    const address = await take(4)
    const username = await text(take)
    // 0.0.0.x is no address: a name follows (SOCKS 4A).
    const isName = address[0] === 0 && address[1] === 0 && address[2] === 0 && address[3] !== 0
    const host = isName ? await text(take) : address.join('.')
    const reply = (isOpen: boolean): number[] => [0, isOpen ? 0x5a : 0x5b, 0, 0, 0, 0, 0, 0]
    const request: SocksRequest = { version: 4, host, port, username }
    if (this.#options.credentials === undefined || this.#options.credentials.username === username)
      return this.#open(socket, request, reply)
    this.requests.push(request)
    socket.end(Buffer.from(reply(false)))
  }

  async #open(socket: Socket, request: SocksRequest, reply: (isOpen: boolean) => number[]): Promise<void> {
    this.requests.push(request)
    const { host, port } = this.#options.resolve?.(request.host, request.port) ?? request
    const target = connect({ host, port, allowHalfOpen: true })
    this.#track(target)
    const isOpen = await once(target, 'connect').then(
      () => true,
      () => false,
    )
    const answer = Buffer.from(reply(isOpen))
    if (!isOpen) return void socket.end(answer)
    socket.write(answer)
    socket.pipe(target)
    target.pipe(socket)
    socket.once('close', () => target.destroy())
    target.once('close', () => socket.destroy())
  }

  /** Stops listening and ends every connection at once. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** The same as {@link TestSocksProxy.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

type Take = (length: number) => Promise<Buffer>

/** Takes so many bytes off a socket, and leaves the rest in it. */
function reader(socket: Socket): Take {
  return async (length) => {
    if (length === 0) return Buffer.alloc(0)
    for (;;) {
      const bytes = socket.read(length) as Buffer | null
      if (bytes !== null && bytes.length === length) return bytes
      if (socket.readableEnded || socket.destroyed) throw new Error('the client left')
      await once(socket, 'readable')
    }
  }
}

/** Text up to a NUL. */
async function text(take: Take): Promise<string> {
  const bytes: number[] = []
  for (let [byte = 0] = await take(1); byte !== 0; [byte = 0] = await take(1)) bytes.push(byte)
  return Buffer.from(bytes).toString()
}

function groupsOf(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(':')
}
