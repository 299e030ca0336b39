import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What a server says to a command: text as it stands, line ends included; or what it does instead. */
export type Answer = string | ((socket: Socket) => void | Promise<void>)

/** Answers that let a client come as far as RETR, with a data connection to `dataPort`. */
function politeAnswers(dataPort: number): Record<string, Answer> {
  return {
    connect: '220 hello\r\n',
    USER: '331 and?\r\n',
    PASS: '230 in\r\n',
    FEAT: '502 no\r\n',
    TYPE: '200 ok\r\n',
    SIZE: '213 100\r\n',
    PWD: '257 "/" here\r\n',
    CWD: '550 no\r\n',
    EPSV: `229 ok (|||${dataPort}|)\r\n`,
    RETR: '150 coming\r\n',
    NOOP: '200 ok\r\n',
    ABOR: '226 ok\r\n',
  }
}

/** A server that follows a script, to the letter. */
export class HostileServer {
  /** What each connection is answered, by verb; `connect` for the greeting. Other verbs get 500. */
  readonly answers: Record<string, Answer>
  /** Lines that arrived. */
  readonly lines: string[] = []
  /** What is written to each data connection; it is ended after that, unless it is `null`. */
  data: Buffer | null = Buffer.alloc(0)
  dataConnections = 0
  readonly #control: Server
  readonly #dataServer: Server
  readonly #sockets = new Set<Socket>()

  private constructor(control: Server, dataServer: Server) {
    this.#control = control
    this.#dataServer = dataServer
    this.answers = politeAnswers(portOf(dataServer))
    control.on('connection', (socket: Socket) => this.#converse(socket))
    dataServer.on('connection', (socket: Socket) => {
      this.dataConnections++
      this.#track(socket)
      if (this.data !== null) socket.resume().end(this.data)
    })
  }

  static async start(): Promise<HostileServer> {
    const servers = [createServer(), createServer({ allowHalfOpen: true })] as const
    for (const server of servers) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    return new HostileServer(...servers)
  }

  get port(): number {
    return portOf(this.#control)
  }

  get dataPort(): number {
    return portOf(this.#dataServer)
  }

  get url(): string {
    return `ftp://127.0.0.1:${this.port}`
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
  }

  #converse(socket: Socket): void {
    this.#track(socket)
    let buffered = ''
    socket.on('data', (chunk: Buffer) => {
      buffered += chunk.toString('latin1')
      const lines = buffered.split('\r\n')
      buffered = lines.pop() ?? ''
      for (const line of lines) {
        this.lines.push(line)
        this.#answer(socket, line.split(' ', 1)[0] ?? '')
      }
    })
    this.#answer(socket, 'connect')
  }

  #answer(socket: Socket, verb: string): void {
    const answer = this.answers[verb] ?? '500 what?\r\n'
    if (typeof answer === 'string') socket.write(answer)
    else void answer(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [this.#control, this.#dataServer].map(
      (server) => new Promise((resolve) => void server.close(resolve)),
    )
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
