import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CustomHandler, TestServer } from '@entreat/testkit'

/** What happens to a refresh before it is answered. */
export type OnRefresh = (commit: () => void, response: ServerResponse) => void | Promise<void>

/** A token endpoint whose refresh tokens serve once, and an API that takes the newest access token only. */
export class RotatingServer implements AsyncDisposable {
  readonly refreshToken = { current: 'refresh-0' }
  readonly accessToken = { current: 'access-0' }
  /** Refreshes that were carried out, and that were refused. */
  refreshed = 0
  refused = 0
  served = 0
  onRefresh: OnRefresh | null = null
  #server: TestServer | null = null

  static async start(): Promise<RotatingServer> {
    const own = new RotatingServer()
    const handler: CustomHandler = async (request, response) => own.#answer(request, response)
    own.#server = await TestServer.start({ tls: false, handler })
    return own
  }

  get url(): string {
    return (this.#server as TestServer).url
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (request.url === '/api') return this.#serve(request, response)
    if (request.url !== '/token') return false
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const isGood = new URLSearchParams(text).get('refresh_token') === this.refreshToken.current
    if (!isGood) {
      this.refused++
      response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":"invalid_grant"}')
      return true
    }
    const commit = (): void => {
      this.refreshed++
      this.refreshToken.current = `refresh-${randomUUID()}`
      this.accessToken.current = `access-${randomUUID()}`
    }
    if (this.onRefresh === null) commit()
    else await this.onRefresh(commit, response)
    if (response.destroyed) return true
    const [access_token, refresh_token] = [this.accessToken.current, this.refreshToken.current]
    const answer = JSON.stringify({ access_token, refresh_token, token_type: 'Bearer', expires_in: 3600 })
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(answer)
    return true
  }

  #serve(request: IncomingMessage, response: ServerResponse): boolean {
    const isGood = request.headers.authorization === `Bearer ${this.accessToken.current}`
    if (isGood) this.served++
    response.writeHead(isGood ? 200 : 401, isGood ? {} : { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end()
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close()
  }
}
