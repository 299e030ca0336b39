import type { IncomingMessage, ServerResponse } from 'node:http'
import { TestServer } from '@entreat/testkit'

/** A server that counts how many requests it serves at once, and answers with the path. Paths of a gate wait until they are let go. */
export class CountingServer {
  readonly server: TestServer
  /** Most at once, in all and for each Host. */
  readonly most = new Map<string, number>()
  readonly #now = new Map<string, number>()
  readonly #waiting: (() => void)[] = []
  readonly paths: string[] = []
  isGated = false

  private constructor(server: TestServer) {
    this.server = server
  }

  static async start(): Promise<CountingServer> {
    let own: CountingServer | null = null
    const server = await TestServer.start({
      tls: false,
      handler: (request, response) => (own as unknown as CountingServer).#answer(request, response),
    })
    own = new CountingServer(server)
    return own
  }

  get url(): string {
    return this.server.url
  }

  get otherHost(): string {
    return this.server.url.replace('127.0.0.1', 'localhost')
  }

  /** Requests that are being answered. */
  get running(): number {
    return this.#now.get('all') ?? 0
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Lets those go that wait. */
  open(): void {
    for (const go of this.#waiting.splice(0)) go()
  }

  reset(): void {
    this.most.clear()
    this.paths.length = 0
    this.isGated = false
    this.open()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = request.url ?? ''
    if (path.startsWith('/builtin/')) {
      request.url = path.slice('/builtin'.length)
      return false
    }
    this.paths.push(path)
    const keys = ['all', (request.headers.host ?? '').replace(/:.*/, '')]
    for (const key of keys) this.#count(key, 1)
    response.once('close', () => {
      for (const key of keys) this.#count(key, -1)
    })
    if (this.isGated) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    // Later requests may overtake.
    for (let turn = path.length % 3; turn > 0; turn--) await new Promise(setImmediate)
    if (path.startsWith('/fail')) response.destroy()
    else response.writeHead(path.startsWith('/404') ? 404 : 200).end(path)
    return true
  }

  #count(key: string, change: number): void {
    const now = (this.#now.get(key) ?? 0) + change
    this.#now.set(key, now)
    this.most.set(key, Math.max(this.most.get(key) ?? 0, now))
  }
}
