import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignInError } from '../errors.ts'
import { PAGE_HEADERS, type SignInPage, signInPage } from './sign-in-page.ts'

/** What {@link LoopbackRedirect.listen} takes. */
export interface LoopbackRedirectOptions {
  /** How the redirect URI names this machine. Listening is on 127.0.0.1 in any case. */
  readonly hostname: '127.0.0.1' | 'localhost'
  /** 0: a free one. */
  readonly port: number
  /** Begins with a slash. */
  readonly path: string
}

/** The user came back. */
export interface Callback {
  /** Path and query. */
  readonly url: string
  /** Shows the user a page. Resolves when it is sent, or the browser is gone. */
  answer(page: SignInPage): Promise<void>
}

const MOST_CONNECTIONS = 200
const REQUEST_TIMEOUT_MS = 10_000

/**
 * The address on this machine that an authorization server sends the user back to.
 *
 * Other programs and web pages on this machine can reach it too, so it answers only requests that name it as their Host, with the state that was asked for,
 * and only one of those.
 *
 * @see RFC 8252 sections 7.3 and 8.3
 */
export class LoopbackRedirect {
  /** What the authorization request says as `redirect_uri`. */
  readonly redirectUri: string
  readonly #server: Server
  readonly #host: string
  readonly #path: string
  #state: string | null = null
  #arrived: ((callback: Callback) => void) | null = null

  private constructor(server: Server, { hostname, path }: LoopbackRedirectOptions) {
    const { port } = server.address() as AddressInfo
    this.#server = server
    this.#host = `${hostname}:${port}`
    this.#path = path
    this.redirectUri = `http://${this.#host}${path}`
    server.on('request', (request, response) => this.#receive(request, response))
  }

  /** @throws SignInError if the port is taken. */
  static async listen(options: LoopbackRedirectOptions): Promise<LoopbackRedirect> {
    const server = createServer({
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
    })
    server.maxConnections = MOST_CONNECTIONS
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(notListening(options.port, error)))
      server.listen(options.port, '127.0.0.1', resolve)
    })
    return new LoopbackRedirect(server, options)
  }

  /**
   * Waits for the user.
   *
   * @param state - of the authorization request: who comes with another is sent away, and waiting goes on.
   * @throws the signal's reason.
   */
  async callback(state: string, signal: AbortSignal): Promise<Callback> {
    signal.throwIfAborted()
    this.#state = state
    let onAbort = (): void => {}
    try {
      return await new Promise<Callback>((resolve, reject) => {
        this.#arrived = resolve
        onAbort = () => reject(signal.reason as Error)
        signal.addEventListener('abort', onAbort, { once: true })
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Stops listening, and ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    const refusal = this.#refusal(request)
    if (refusal !== null) {
      void send(response, refusal)
      return
    }
    const arrived = this.#arrived
    this.#arrived = null
    arrived?.({ url: request.url ?? '', answer: (page) => send(response, page) })
  }

  #refusal({ method, url = '', headers }: IncomingMessage): SignInPage | null {
    // A page of another site can make its own name lead here (DNS rebinding); it cannot change the Host that the browser sends.
    if (headers.host?.toLowerCase() !== this.#host) return signInPage(421, 'Wrong host')
    const [path, query = ''] = url.split('?', 2)
    if (path !== this.#path) return signInPage(404, 'Not found')
    if (method !== 'GET') return signInPage(405, 'Method not allowed')
    if (this.#state === null || !isSame(new URLSearchParams(query).get('state') ?? '', this.#state)) {
      return signInPage(
        400,
        'This is not the sign-in that was asked for',
        'Go back to the program, and use the link that it shows.',
      )
    }
    return this.#arrived === null ? signInPage(410, 'This link was used', 'You can close this window.') : null
  }
}

function notListening(port: number, cause: Error): SignInError {
  const where = port === 0 ? 'a free port' : `port ${port}`
  return new SignInError(`Cannot listen on ${where} of 127.0.0.1 for the sign-in to come back to: ${cause.message}`, {
    cause,
  })
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function send(response: ServerResponse, { status, html }: SignInPage): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve)
    response.writeHead(status, { ...PAGE_HEADERS, 'Content-Length': String(Buffer.byteLength(html)) }).end(html)
  })
}
