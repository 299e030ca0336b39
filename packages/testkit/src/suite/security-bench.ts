import type { IncomingMessage, ServerResponse } from 'node:http'
import { Session, type SessionOptions, type TransportAdapter } from '@entreat/core'
import type { RecordedRequest } from '../recorded-request.ts'
import type { CustomHandler } from '../request-listener.ts'
import { TestProxy, type TestProxyOptions } from '../test-proxy.ts'
import type { TestServer } from '../test-server.ts'
import { within } from './checks.ts'
import { WireServer, type WireScript } from './wire-server.ts'

/** Answers one path. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Starts an origin with a handler that goes before its own routes. */
export type StartServer = (options: { readonly handler: CustomHandler }) => Promise<TestServer>

interface SecurityWorld {
  readonly create: () => TransportAdapter | Promise<TransportAdapter>
  readonly startServer: StartServer
  readonly isSecure: boolean
}

/** One adapter under a whole Session, an origin that is trusted and another that is not, for one test. */
export class SecurityBench implements AsyncDisposable {
  readonly adapter: TransportAdapter
  /** Whom the credentials are for. */
  readonly server: TestServer
  /** Whom they are not for. */
  readonly stranger: TestServer
  readonly #isSecure: boolean
  readonly #answers: Map<string, Answer>
  readonly #opened: { close(): Promise<void> }[] = []
  #paths = 0

  private constructor(
    adapter: TransportAdapter,
    servers: readonly [TestServer, TestServer],
    answers: Map<string, Answer>,
    isSecure: boolean,
  ) {
    this.adapter = adapter
    ;[this.server, this.stranger] = servers
    this.#isSecure = isSecure
    this.#answers = answers
  }

  static async open({ create, startServer, isSecure }: SecurityWorld): Promise<SecurityBench> {
    const answers = new Map<string, Answer>()
    const handler: CustomHandler = async (request, response) => {
      const answer = answers.get((request.url ?? '').split('?', 1)[0] ?? '')
      if (answer === undefined) return false
      for await (const _ of request);
      await answer(request, response)
      return true
    }
    const servers = await Promise.all([startServer({ handler }), startServer({ handler })])
    return new SecurityBench(await create(), servers, answers, isSecure)
  }

  get subject(): string {
    return this.adapter.constructor.name
  }

  /** `scheme://host:port` of {@link server}. */
  get origin(): string {
    return this.#isSecure ? this.server.httpsUrl : this.server.url
  }

  /** The same host as {@link origin}, another port. */
  get otherPort(): string {
    return this.#isSecure ? this.stranger.httpsUrl : this.stranger.url
  }

  /** The same server as {@link origin}, under another name. */
  get otherHost(): string {
    return this.#isSecure
      ? this.origin.replace('localhost', '127.0.0.1')
      : this.origin.replace('127.0.0.1', 'localhost')
  }

  /** The same server as {@link origin} by the other scheme. */
  get otherScheme(): string {
    return this.#isSecure ? this.server.url.replace('127.0.0.1', 'localhost') : this.server.httpsUrl
  }

  /** A Session over the adapter that reads no environment and trusts the test authority; closed after the test. */
  session(options: SessionOptions = {}): Session {
    const session = new Session({ trustEnv: false, verify: this.server.ca, ...options })
    session.mount('http://', this.adapter, { owned: false }).mount('https://', this.adapter, { owned: false })
    this.#opened.unshift(session)
    return session
  }

  /** A path of its own on both servers. */
  on(answer: Answer): string {
    const path = `/security-${++this.#paths}`
    this.#answers.set(path, answer)
    return path
  }

  /** A path that answers with these headers and bytes. */
  serve(headers: Readonly<Record<string, string | readonly string[]>>, body: Uint8Array = Buffer.alloc(0)): string {
    return this.on((_request, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      response.end(body)
    })
  }

  /** A URL of the origin that redirects. */
  redirect(target: string, statusCode: number, from: string = this.origin): string {
    return `${from}/redirect-to?status_code=${statusCode}&url=${encodeURIComponent(target)}`
  }

  /** What both servers have received for a path, whatever the query. */
  received(path: string): readonly RecordedRequest[] {
    const isFor = ({ url }: RecordedRequest): boolean =>
      url === path || url.startsWith(`${path}?`) || url.endsWith(path)
    return [...this.server.requests, ...this.stranger.requests].filter(isFor)
  }

  /** A proxy, closed after the test. */
  async proxy(options: TestProxyOptions = {}): Promise<TestProxy> {
    const proxy = await TestProxy.start(options)
    this.#opened.push(proxy)
    return proxy
  }

  /** A server that writes what it is told, closed after the test. */
  async wire(script: WireScript): Promise<WireServer> {
    const wire = await WireServer.start(script)
    this.#opened.push(wire)
    return wire
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened) await within(opened.close(), 'close').catch(() => {})
    await within(this.adapter.close(), 'close').catch(() => {})
    await Promise.all([this.server.close(), this.stranger.close()])
  }
}
