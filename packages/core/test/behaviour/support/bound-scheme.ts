import { AuthBase, type AuthContext, type Connection, type PreparedRequest, type Response } from '@entreat/core'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'

/**
 * A scheme that authenticates the socket, as NTLM does: two steps on a new connection, nothing on one that is authenticated.
 */
export class SocketAuth extends AuthBase {
  readonly #authenticated = new WeakMap<Connection, true>()
  readonly #user: string

  constructor(user = 'user') {
    super()
    this.#user = user
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const connection = await context.bind()
    if (this.#authenticated.has(connection)) {
      yield request
      return
    }
    // The body goes with the leg that is not going to be refused.
    const opening = request.withoutBody()
    context.authorize(opening, `Socket hello ${this.#user}`)
    const answer = yield opening
    const [challenge] = context.challenges(answer)
    if (challenge === undefined) return
    context.authorize(request, `Socket proof ${this.#user}`)
    const { statusCode } = yield request
    if (statusCode !== 401 && statusCode !== 407) this.#authenticated.set(connection, true)
  }
}

/** The same through {@link AuthBase.connectionBound}. */
export class BoundSocketAuth extends SocketAuth {
  override readonly connectionBound = true
}

interface SocketState {
  user: string | null
  greeted: string | null
}

/** What a server does that authenticates sockets. */
class SocketGate {
  readonly #states = new WeakMap<Socket, SocketState>()
  /** Requests, refused ones included. */
  requestCount = 0

  /** @returns the user, or the challenge to refuse with. */
  admit(socket: Socket, authorization: string | undefined): { user: string } | { challenge: string } {
    this.requestCount++
    const state = this.#states.get(socket) ?? { user: null, greeted: null }
    this.#states.set(socket, state)
    const [, step, user] = /^Socket (hello|proof) (\w+)$/.exec(authorization ?? '') ?? []
    if (step === 'hello' && user !== undefined) {
      state.user = null
      state.greeted = user
      return { challenge: 'Socket nonce="1"' }
    }
    if (step === 'proof' && user !== undefined && state.greeted === user) state.user = user
    return state.user === null ? { challenge: 'Socket' } : { user: state.user }
  }
}

/** An origin that authenticates sockets; answers with the user and the number of bytes it was sent. */
export class SocketAuthServer {
  readonly gate = new SocketGate()
  readonly url: string
  connectionCount = 0
  /** Who was let in, in order. */
  readonly users: string[] = []
  /** Close the connection of the next request instead of answering. */
  dropNext = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(): Promise<SocketAuthServer> {
    const server = createServer({ keepAliveTimeout: 60_000 })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const own = new SocketAuthServer(server)
    server.on('connection', (socket: Socket) => {
      own.connectionCount++
      own.#sockets.add(socket)
      socket.once('close', () => own.#sockets.delete(socket))
    })
    server.on('request', (request, response) => void own.#answer(request, response))
    return own
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let bytes = 0
    for await (const chunk of request) bytes += (chunk as Buffer).length
    if (this.dropNext) {
      this.dropNext = false
      request.socket.destroy()
      return
    }
    if (request.url === '/open') return void response.end('open')
    const verdict = this.gate.admit(request.socket, request.headers.authorization)
    if ('challenge' in verdict) {
      response.writeHead(401, { 'WWW-Authenticate': verdict.challenge }).end('who are you?')
      return
    }
    this.users.push(verdict.user)
    if (request.url === '/redirect') return void response.writeHead(302, { Location: '/' }).end()
    response.end(`${verdict.user} sent ${bytes}`)
  }

  /** Ends every connection, and waits until it has gone. */
  async dropConnections(): Promise<void> {
    const gone = [...this.#sockets].map((socket) => once(socket, 'close'))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(gone)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}
