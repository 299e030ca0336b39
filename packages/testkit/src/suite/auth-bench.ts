import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AuthBase, type AuthInit, type Response, Session, type SessionOptions } from '@entreat/core'
import type { ProxyAuthenticator } from '../proxy-state.ts'
import type { RecordedRequest } from '../recorded-request.ts'
import type { CustomHandler } from '../request-listener.ts'
import { TestProxy } from '../test-proxy.ts'
import { TestServer } from '../test-server.ts'
import type { AuthTarget } from './auth-target.ts'
import { within } from './checks.ts'

const ODD_CHALLENGE = '/odd-challenge'

/** What a bench is made of. */
interface AuthWorld {
  readonly create: () => AuthInit | Promise<AuthInit>
  readonly createWith: ((username: string, password: string) => AuthInit | Promise<AuthInit>) | undefined
  readonly target: AuthTarget
  readonly secrets: readonly string[]
  readonly isBound: boolean
}

/** What answers in a bench. */
interface AuthServers {
  readonly server: TestServer
  readonly stranger: TestServer
  readonly oddChallenges: string[]
}

/** One scheme, a server that asks for it and another that does not, for one test. */
export class AuthBench implements AsyncDisposable {
  /** What the author gave, as a Session sees it. */
  readonly scheme: AuthBase
  readonly target: AuthTarget
  readonly secrets: readonly string[]
  /** Whether the scheme is declared to bind its exchanges to connections. */
  readonly isBound: boolean
  /** Asks for credentials. */
  readonly server: TestServer
  /** Another origin, which must not see any. */
  readonly stranger: TestServer
  /** By their places in the query of what asks for them. */
  readonly #oddChallenges: string[]
  readonly #createWith: AuthWorld['createWith']
  #sharedSession: Session | null = null
  readonly #opened: { close(): Promise<void> }[] = []

  private constructor(scheme: AuthBase, world: AuthWorld, { server, stranger, oddChallenges }: AuthServers) {
    this.scheme = scheme
    this.target = world.target
    this.secrets = world.secrets
    this.isBound = world.isBound
    this.#createWith = world.createWith
    this.server = server
    this.#oddChallenges = oddChallenges
    this.stranger = stranger
    this.#opened.push(server, stranger)
  }

  /** Starts the servers and makes a scheme. */
  static async open(world: AuthWorld): Promise<AuthBench> {
    const { auth } = new Session({ auth: await world.create() })
    assert.ok(auth !== null, 'create() gave no scheme')
    const own = world.target.handler?.()
    const oddChallenges: string[] = []
    const handler: CustomHandler = (request, response) =>
      challengeOddly(oddChallenges, request, response) || (own?.(request, response) ?? false)
    const server = await TestServer.start({ handler })
    const stranger = await TestServer.start({ tls: false })
    return new AuthBench(auth, world, { server, stranger, oddChallenges })
  }

  get subject(): string {
    return this.scheme.constructor.name
  }

  /** One Session for the whole test, with no scheme of its own. */
  get sharedSession(): Session {
    return (this.#sharedSession ??= this.session())
  }

  /** The scheme with other credentials. */
  createWith(username: string, password: string): AuthInit | Promise<AuthInit> {
    assert.ok(this.#createWith !== undefined, 'the suite has no createWith()')
    return this.#createWith(username, password)
  }

  /** Where credentials are asked for. */
  get url(): string {
    return this.server.url + this.target.path
  }

  /** Where they are never good enough. */
  get refusingUrl(): string {
    return this.server.url + (this.target.refusingPath ?? '/status/401')
  }

  /** The same server as {@link url}, under another name. */
  get otherHostUrl(): string {
    return this.server.url.replace('127.0.0.1', 'localhost')
  }

  /** A path that answers 401 with this as its challenge. */
  oddChallenge(value: string): string {
    return `${this.server.url}${ODD_CHALLENGE}?${this.#oddChallenges.push(value) - 1}`
  }

  /** A Session that reads no environment and trusts the test authority; closed after the test. */
  session(options: SessionOptions = {}): Session {
    const session = new Session({ trustEnv: false, verify: this.server.ca, ...options })
    this.#opened.unshift(session)
    return session
  }

  /** A proxy that asks for credentials, closed after the test. Default: with the target's authenticator. */
  async proxy(authenticate?: ProxyAuthenticator): Promise<TestProxy> {
    const own = authenticate ?? this.target.authenticateProxy?.()
    assert.ok(own !== undefined, "the suite's target has no authenticateProxy(), which a declared capability needs")
    const proxy = await TestProxy.start({ authenticate: own })
    this.#opened.push(proxy)
    return proxy
  }

  /** Checks that a response says yes. */
  assertAccepted(response: Response, what: string): void {
    assert.equal(response.statusCode, 200, `${what} was answered with ${response.statusCode}, not 200`)
  }

  /** Asks for the protected resource and checks that the answer is yes. */
  async assertWorks(session: Session, what: string): Promise<void> {
    this.assertAccepted(await within(session.get(this.url), `get through ${what}`), what)
  }

  /** Checks that text holds none of the secrets. */
  assertNoSecret(text: string, where: string): void {
    assert.ok(!this.secrets.some((secret) => text.includes(secret)), `${where} shows a secret`)
  }

  /** Checks that a request holds no credentials, in its head or in the part of its body that was kept. */
  assertNoCredentials(request: RecordedRequest, where: string): void {
    assert.equal(request.header('authorization'), null, `${where} was sent Authorization`)
    this.assertNoSecret(JSON.stringify([request.url, request.headers]), `the request to ${where}`)
    this.assertNoSecret(request.body.toString('latin1'), `the request body to ${where}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened) await opened.close()
  }
}

/** Lines of WWW-Authenticate, separated by line feeds. */
function challengeOddly(values: readonly string[], request: IncomingMessage, response: ServerResponse): boolean {
  const [path, place] = (request.url ?? '').split('?', 2)
  if (path !== ODD_CHALLENGE) return false
  request.resume()
  response.setHeader('WWW-Authenticate', (values[Number(place)] ?? '').split('\n'))
  response.writeHead(401).end('{}')
  return true
}
