import type { IncomingMessage, ServerResponse } from 'node:http'
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

  get url(): string {
    return this.server.url
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
}

/** Starts a server for the tests of one file and closes it after them; call the result for it. */
export function useSite(options: Omit<TestServerOptions, 'handler'> = { tls: false }): () => Site {
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
    response.writeHead(statusCode, { 'Content-Length': Buffer.byteLength(body), ...headers })
    response.end(body)
  }
}
