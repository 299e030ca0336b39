import { createServer, type IncomingMessage, request as sendRequest, type Server, type ServerResponse } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import {
  Headers,
  type PreparedRequest,
  readOptions,
  Response,
  TransportAdapter,
  type TransportOptions,
  UsageError,
} from '@entreat/core'
import { type InProcessExchange, InProcessExchanges } from './in-process-exchange.ts'

/** A handler as Node's HTTP server takes it; it may be async. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A handler as fetch-style frameworks and runtimes have it. */
export type FetchHandler = (request: globalThis.Request) => globalThis.Response | Promise<globalThis.Response>

/** Options of an {@link AppAdapter}. */
export interface AppAdapterOptions {
  /** The client's address, as a Node app sees it at `request.socket.remoteAddress`. Default `127.0.0.1`. */
  readonly remoteAddress?: string
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const OPTION_KEYS: ReadonlySet<string> = new Set<keyof AppAdapterOptions>(['remoteAddress'])
/** Methods whose WHATWG Request must have no body. */
const BODILESS_METHODS = new Set(['GET', 'HEAD'])

/** The head of an answer, and its body as received. */
interface Answer {
  readonly statusCode: number
  readonly reason: string
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array>
}

type App = (request: PreparedRequest, exchange: InProcessExchange) => Promise<Answer>

/**
 * Calls a web application inside this process: no port, no socket, the whole HTTP semantics.
 *
 * Mount it where the application would be: `session.mount('https://app.example.com', AppAdapter.node(app))`. `https:` URLs need no certificates.
 * What the application throws is the cause of the ConnectionError that the request rejects with.
 */
export class AppAdapter extends TransportAdapter {
  readonly #app: App
  readonly #exchanges = new InProcessExchanges()

  private constructor(app: App) {
    super()
    this.#app = app
  }

  /**
   * For a Node listener: Express, Koa's `callback()`, or any `(request, response)`. It runs behind Node's own HTTP server, which
   * reads from memory: framing, `100 Continue`, streaming and back-pressure are the real ones.
   *
   * @throws UsageError for an unknown option.
   */
  static node(listener: NodeHandler, options?: AppAdapterOptions): AppAdapter {
    const { remoteAddress = '127.0.0.1' } = readOptions(options, OPTION_KEYS, 'AppAdapter.node()')
    return new AppAdapter(nodeApp(listener, remoteAddress))
  }

  /** For a fetch handler: Hono's `app.fetch`, or any function from a WHATWG Request to a Response. */
  static fetch(handler: FetchHandler): AppAdapter {
    return new AppAdapter(fetchApp(handler))
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    if (!TOKEN.test(request.method))
      throw new UsageError(`Method ${JSON.stringify(request.method)} is not a token (RFC 9110 section 9.1)`, {
        request,
      })
    const exchange = this.#exchanges.begin(request, options)
    try {
      const answer = await exchange.wait(this.#app(request, exchange))
      const { statusCode, reason, headers } = answer
      return new Response({ request, statusCode, reason, headers, body: exchange.guard(answer.body) })
    } catch (error) {
      exchange.end()
      throw error
    }
  }

  close(): Promise<void> {
    this.#exchanges.endAll()
    return Promise.resolve()
  }
}

function nodeApp(listener: NodeHandler, remoteAddress: string): App {
  const failures = new WeakMap<Duplex, unknown>()
  const server = createServer({ keepAlive: false }, (request, response) => {
    const fail = (error: unknown): void => {
      failures.set(request.socket, error)
      request.socket.destroy()
    }
    try {
      Promise.resolve(listener(request, response)).catch(fail)
    } catch (error) {
      fail(error)
    }
  })
  server.requestTimeout = 0
  server.headersTimeout = 0
  return (request, exchange) => talk(server, { request, exchange, remoteAddress, failures })
}

interface Talk {
  readonly request: PreparedRequest
  readonly exchange: InProcessExchange
  readonly remoteAddress: string
  /** What the listener threw, by the server's side of the connection. */
  readonly failures: WeakMap<Duplex, unknown>
}

/** One request over a connection that is two ends of a pipe in memory. */
function talk(server: Server, { request, exchange, remoteAddress, failures }: Talk): Promise<Answer> {
  const [client, peer] = duplexPair()
  Object.assign(peer, { remoteAddress, encrypted: request.url.startsWith('https:') })
  peer.once('close', () => client.destroy())
  client.on('error', () => {})
  peer.on('error', () => {})
  server.emit('connection', peer)
  const headers = [...request.headers.items()].flat()
  if (!request.headers.has('host')) headers.push('Host', new URL(request.url).host)
  headers.push('Connection', 'close')
  const sent = sendRequest({
    createConnection: () => client,
    method: request.method,
    path: request.pathUrl,
    headers,
    setHost: false,
  })
  const hangUp = (): void => void (sent.destroy(), peer.destroy())
  exchange.signal.addEventListener('abort', hangUp, { once: true })
  return new Promise<Answer>((resolve, reject) => {
    sent.once('error', (error) => reject(exchange.failure(failures.get(peer) ?? error)))
    // A connection that is no longer HTTP is nothing that a Response could stand for.
    sent.once('upgrade', ({ statusCode }) => {
      reject(exchange.error(`the app switched protocols (${statusCode})`, new Error('switched protocols')))
      hangUp()
    })
    sent.once('response', (response) => resolve(answerOf(response, hangUp, () => failures.get(peer))))
    sendBody(request, exchange, (piece) => takes(sent, piece))
      .then(() => sent.end())
      .catch((error: unknown) => {
        reject(error)
        hangUp()
      })
  })
}

async function sendBody(
  request: PreparedRequest,
  exchange: InProcessExchange,
  send: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const opened = request.body?.open() ?? []
  for await (const piece of opened instanceof Uint8Array ? [opened] : opened) {
    exchange.signal.throwIfAborted()
    await send(piece)
    exchange.bytesSent += piece.byteLength
  }
}

/** Writes a piece, and waits while the reader is behind. A reader that has gone takes it and says so elsewhere. */
function takes(stream: NodeJS.WritableStream & { destroyed?: boolean }, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed === true || stream.write(piece)) return resolve()
    const go = (): void => {
      stream.removeListener('drain', go)
      stream.removeListener('close', go)
      resolve()
    }
    stream.on('drain', go)
    stream.on('close', go)
  })
}

function answerOf(response: IncomingMessage, hangUp: () => void, failure: () => unknown): Answer {
  const headers = new Headers()
  for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
    headers.append(response.rawHeaders[at] as string, response.rawHeaders[at + 1] as string)
  }
  const { statusCode = 0, statusMessage: reason = '' } = response
  return { statusCode, reason, headers, body: bodyOf(response, hangUp, failure) }
}

async function* bodyOf(
  response: IncomingMessage,
  hangUp: () => void,
  failure: () => unknown,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of response) yield piece as Buffer
  } catch (error) {
    throw failure() ?? error
  } finally {
    hangUp()
  }
}

function fetchApp(handler: FetchHandler): App {
  return async (request, exchange) => {
    const bodyFailure: { error?: unknown } = {}
    try {
      const answer = await handler(webRequest(request, exchange, bodyFailure))
      const { status: statusCode, statusText: reason } = answer
      const headers = new Headers([...answer.headers] as [string, string][])
      return { statusCode, reason, headers, body: (answer.body ?? nothing()) as AsyncIterable<Uint8Array> }
    } catch (error) {
      if ('error' in bodyFailure) throw bodyFailure.error
      throw exchange.failure(error)
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

/** The request as WHATWG has it. What its body throws is kept for the caller. */
function webRequest(
  request: PreparedRequest,
  exchange: InProcessExchange,
  bodyFailure: { error?: unknown },
): globalThis.Request {
  const { method, url, body } = request
  const headers = new globalThis.Headers()
  for (const [name, value] of request.headers.items()) headers.append(name, value)
  const init = { method, headers, signal: exchange.signal, redirect: 'manual' as const }
  if (body === null || BODILESS_METHODS.has(method)) return new globalThis.Request(url, init)
  const pieces = piecesOf(request, exchange, bodyFailure)
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const step = await pieces.next()
        if (step.done === true) controller.close()
        else controller.enqueue(step.value)
      } catch (error) {
        controller.error(error)
      }
    },
    cancel: () => void pieces.return(),
  })
  return new globalThis.Request(url, { ...init, body: stream, duplex: 'half' })
}

async function* piecesOf(
  request: PreparedRequest,
  exchange: InProcessExchange,
  bodyFailure: { error?: unknown },
): AsyncGenerator<Uint8Array, void, undefined> {
  const opened = request.body?.open() ?? []
  try {
    for await (const piece of opened instanceof Uint8Array ? [opened] : opened) {
      yield new Uint8Array(piece)
      exchange.bytesSent += piece.byteLength
    }
  } catch (error) {
    bodyFailure.error = error
    throw error
  }
}
