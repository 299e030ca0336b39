import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { TestServer } from '@entreat/testkit'

/** A request as it reached an endpoint. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly form: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

/** What an endpoint answers: an object is sent as JSON, text as it is. */
export interface FakeAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Destroys the socket instead. */
  readonly breaks?: boolean
}

type Endpoint = (request: SeenRequest, count: number) => FakeAnswer | Promise<FakeAnswer>

/** Endpoints that answer what a test wants, and remember what they were sent. */
export class FakeServer {
  readonly url: string
  readonly seen: SeenRequest[] = []
  readonly server: TestServer

  private constructor(server: TestServer, seen: SeenRequest[]) {
    this.server = server
    this.url = server.url
    this.seen = seen
  }

  /** @param endpoints - by path; `*` for any other. */
  static async start(
    endpoints: Readonly<Record<string, Endpoint>>,
    options: { tls?: boolean } = {},
  ): Promise<FakeServer> {
    const seen: SeenRequest[] = []
    const handler = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
      const url = new URL(request.url ?? '/', 'http://server.invalid')
      const endpoint = endpoints[url.pathname] ?? endpoints['*']
      const form = new URLSearchParams(await text(request))
      const { method = '', headers } = request
      const one: SeenRequest = { method, path: url.pathname, query: url.searchParams, form, headers }
      seen.push(one)
      if (endpoint === undefined) return reply(response, { status: 404, body: { error: 'not_found' } })
      const count = seen.filter(({ path }) => path === url.pathname).length
      return reply(response, await endpoint(one, count))
    }
    return new FakeServer(await TestServer.start({ tls: options.tls ?? false, handler }), seen)
  }

  /** Requests to one path. */
  to(path: string): SeenRequest[] {
    return this.seen.filter((request) => request.path === path)
  }

  get metadata(): { issuer: string; token_endpoint: string; authorization_endpoint: string } {
    const { url } = this
    return { issuer: url, token_endpoint: `${url}/token`, authorization_endpoint: `${url}/authorize` }
  }

  close(): Promise<void> {
    return this.server.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function reply(response: ServerResponse, answer: FakeAnswer): boolean {
  if (answer.breaks === true) {
    response.socket?.destroy()
    return true
  }
  const isText = typeof answer.body === 'string'
  const type = isText ? 'text/html' : 'application/json'
  response.writeHead(answer.status ?? 200, { 'Content-Type': type, ...answer.headers })
  response.end(isText ? answer.body : JSON.stringify(answer.body ?? {}))
  return true
}

/** A plain Bearer token. */
export function bearer(accessToken: string, more: Readonly<Record<string, unknown>> = {}): FakeAnswer {
  return { body: { access_token: accessToken, token_type: 'Bearer', expires_in: 3600, ...more } }
}
