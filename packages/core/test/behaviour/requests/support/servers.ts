import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll } from 'vitest'
import { type RecordedRequest, TestServer, type TestServerOptions } from '@entreat/testkit'

/** Answers one path of a {@link Site}. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** The embedded server, with routes that a test adds. Paths are not shared between tests. */
export class Site {
  readonly server: TestServer
  readonly #answers: Map<string, Answer>

  constructor(server: TestServer, answers: Map<string, Answer>) {
    this.server = server
    this.#answers = answers
  }

  /** Origin as `http://127.0.0.1:PORT`. */
  get url(): string {
    return this.server.url
  }

  /** The same server under another host name. */
  get otherHostUrl(): string {
    return this.server.url.replace('127.0.0.1', 'localhost')
  }

  /** Adds a route and gives its URL. */
  on(path: string, answer: Answer): string {
    this.#answers.set(path, answer)
    return this.url + path
  }

  /** Requests received for a path, whatever their query. */
  received(path: string): readonly RecordedRequest[] {
    return this.server.requests.filter((request) => request.url === path || request.url.startsWith(`${path}?`))
  }

  /** The last request received for a path. */
  last(path: string): RecordedRequest {
    const request = this.received(path).at(-1)
    if (request === undefined) throw new Error(`Nothing was received for ${path}`)
    return request
  }
}

/** Starts a server for the tests of one file and closes it after them; call the result for it. */
export function useSite(options: Omit<TestServerOptions, 'handler'> = {}): () => Site {
  let site: Site | undefined
  beforeAll(async () => {
    const answers = new Map<string, Answer>()
    const server = await TestServer.start({
      ...options,
      async handler(request, response) {
        const answer = answers.get((request.url ?? '').split('?', 1)[0] ?? '')
        if (answer === undefined) return false
        await answer(request, response)
        return true
      },
    })
    site = new Site(server, answers)
  })
  afterAll(() => site?.server.close())
  return () => {
    if (site === undefined) throw new Error('The server has not started')
    return site
  }
}

/** Answers with a status, headers and text, once the request has been read. */
export function reply(statusCode: number, headers: Record<string, string | string[]> = {}, body = ''): Answer {
  return async (request, response) => {
    for await (const _ of request);
    response.writeHead(statusCode, {
      ...(statusCode === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) }),
      ...headers,
    })
    response.end(body)
  }
}

/** A TCP server that writes what a test says, for responses that no honest server sends. */
export class RawServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** What arrived, a text for each connection. */
  readonly heard: string[] = []

  private constructor(onRequest: (socket: Socket, head: string, connection: number) => void) {
    this.#server = createServer((socket) => {
      const connection = this.heard.push('')
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
      let head = ''
      socket.on('data', (chunk) => {
        this.heard[connection - 1] += chunk.toString('latin1')
        head += chunk.toString('latin1')
        if (!head.includes('\r\n\r\n')) return
        const request = head
        head = ''
        onRequest(socket, request, connection)
      })
    })
  }

  /** @param onRequest - called with each head that arrives, and the number of its connection from 1. */
  static async start(onRequest: (socket: Socket, head: string, connection: number) => void): Promise<RawServer> {
    const raw = new RawServer(onRequest)
    await new Promise<void>((resolve) => raw.#server.listen(0, '127.0.0.1', resolve))
    return raw
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get connectionCount(): number {
    return this.heard.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Resolves when a condition holds; looks at it whenever the event loop comes round. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('It did not fail')
}
