import type { Response, Session } from '@entreat/core'
import type { RequestOptions, Timeouts } from '@entreat/core'
import { BlackHole } from '../support/black-hole.ts'
import { signalOf } from '../support/failure.ts'
import { type RawHandler, RawServer, type RawServerOptions } from '../support/raw-server.ts'

/** One place where a call can be held up for ever. */
export interface Stall {
  /** Completes "held up …". */
  readonly where: string
  /** The time that is for this place alone, and the code of its error. */
  readonly own?: { readonly timeout: Timeouts; readonly code: string }
  /** Connections that are none of the call's any more: somebody else's, or idle. */
  readonly keeps?: number
  readonly begin: (stage: Stage, session: Session, options: RequestOptions) => Promise<unknown>
}

/** The servers of one test, and when the call has come as far as it gets. */
export class Stage {
  readonly #reached = signalOf()
  readonly #servers: RawServer[] = []
  readonly #closers: (() => unknown)[] = []

  /** Resolves when the call is held up. */
  get reached(): Promise<void> {
    return this.#reached.promise
  }

  /** The call is where it should be. */
  readonly reach = (): void => this.#reached.fire()

  /** Waits a moment first: what is about to be done is asynchronous and says nothing. */
  readonly reachSoon = (): void => void setTimeout(this.reach, 30)

  async server(handler: RawHandler, options: RawServerOptions = {}): Promise<RawServer> {
    const server = await RawServer.start(handler, options)
    this.#servers.push(server)
    return server
  }

  /** A server that is reached with the first byte of a request and says `text` and no more. */
  async saying(text: string | Uint8Array): Promise<string> {
    const server = await this.server(({ socket }) => {
      socket.write(text)
      this.reachSoon()
    })
    return server.url
  }

  /** A server that takes connections, is reached with their first byte, answers with `replies` one by one, and then no more. */
  async speaking(...replies: Uint8Array[]): Promise<RawServer> {
    return this.server(() => {}, {
      onConnection: (socket) => {
        const left = [...replies]
        socket.on('data', () => {
          const next = left.shift()
          if (next !== undefined) socket.write(next)
          if (left.length === 0) this.reachSoon()
        })
      },
    })
  }

  async blackHole(): Promise<BlackHole> {
    const hole = await BlackHole.open()
    this.#closers.push(() => hole[Symbol.asyncDispose]())
    return hole
  }

  onClose(close: () => unknown): void {
    this.#closers.push(close)
  }

  /** Servers that did not read begin to, so that they see what became of their connections. */
  resume(): void {
    for (const { open } of this.#servers) for (const socket of open) socket.resume()
  }

  /** Connections that are open. */
  get openCount(): number {
    return this.#servers.reduce((sum, { open }) => sum + open.size, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers) await close()
    await Promise.all(this.#servers.map((server) => server.close()))
  }
}

/** Reads a streamed response by one of its readers, until it fails. */
export async function readBy(
  how: 'iterContent' | 'iterLines' | 'read' | 'raw' | 'toWeb',
  response: Response,
): Promise<unknown> {
  switch (how) {
    case 'read':
      return response.read()
    case 'iterLines':
      for await (const _line of response.iterLines()) continue
      return null
    case 'iterContent':
      for await (const _piece of response.iterContent()) continue
      return null
    case 'raw':
      for await (const _piece of response.raw) continue
      return null
    case 'toWeb':
      return response.toWeb().arrayBuffer()
  }
}
