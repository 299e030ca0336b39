import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GssContext, GssContextOptions, GssFlags, GssProvider, GssStep } from '../../src/index.ts'

/** What a fake provider does otherwise than well. */
export interface FakeBehaviour {
  /** Called before each step; may throw or wait in its place. */
  readonly beforeStep?: (token: string | null) => void | Promise<void>
  readonly flags?: GssFlags | null
  /** Tokens that the client sends before its context is complete; default 1. */
  readonly legs?: number
}

/** GSSAPI without Kerberos: readable tokens, each good for one use, and an account of what was done. */
export class FakeGss implements GssProvider {
  readonly name = 'fake'
  readonly capabilities: GssProvider['capabilities'] = {
    channelBindings: true,
    password: true,
    ccache: true,
    keytab: true,
    grantedFlags: true,
  }
  readonly contexts: FakeContext[] = []
  readonly #behaviour: FakeBehaviour

  constructor(behaviour: FakeBehaviour = {}) {
    this.#behaviour = behaviour
  }

  createContext(options: GssContextOptions): GssContext {
    const context = new FakeContext(`${options.service}#${this.contexts.length}`, options, this.#behaviour)
    this.contexts.push(context)
    return context
  }

  /** Contexts that were not disposed of. */
  get leaked(): number {
    return this.contexts.filter(({ disposals }) => disposals !== 1).length
  }
}

class FakeContext implements GssContext {
  readonly options: GssContextOptions
  disposals = 0
  readonly #name: string
  readonly #behaviour: FakeBehaviour
  #sent = 0
  #isRunning = false

  constructor(name: string, options: GssContextOptions, behaviour: FakeBehaviour) {
    this.#name = name
    this.options = options
    this.#behaviour = behaviour
  }

  get flags(): GssFlags | null {
    const { flags } = this.#behaviour
    return flags === undefined ? { mutual: this.options.mutual, delegated: this.options.delegate } : flags
  }

  async step(token: Uint8Array | null): Promise<GssStep> {
    if (this.disposals > 0 || this.#isRunning) throw new Error('a context was used when it must not be')
    this.#isRunning = true
    try {
      const text = token === null ? null : Buffer.from(token).toString()
      await this.#behaviour.beforeStep?.(text)
      return this.#answer(text)
    } finally {
      this.#isRunning = false
    }
  }

  #answer(text: string | null): GssStep {
    if (text !== null && text !== `reply to ${this.#name}/${this.#sent}`) throw new Error('Invalid token was supplied')
    if (this.#sent < (this.#behaviour.legs ?? 1)) {
      const token = Buffer.from(`${this.#name}/${++this.#sent}`)
      return { token, complete: !this.options.mutual && this.#sent === (this.#behaviour.legs ?? 1) }
    }
    return { token: null, complete: true }
  }

  dispose(): void {
    if (this.#isRunning) throw new Error('a context was disposed of under a running step')
    this.disposals++
  }
}

/** The other side of {@link FakeGss}: takes each token once, and answers it. */
export class FakeAcceptor {
  /** Tokens in the order in which they came. */
  readonly tokens: string[] = []
  readonly #legs: number

  constructor({ legs = 1 }: { readonly legs?: number } = {}) {
    this.#legs = legs
  }

  /** @returns whether the client is let in, and the challenge to answer with. */
  accept(authorization: string | undefined): { readonly isAccepted: boolean; readonly challenge: string } {
    const token = Buffer.from(/^Negotiate (\S+)$/.exec(authorization ?? '')?.[1] ?? '', 'base64').toString()
    if (token === '' || this.tokens.includes(token)) return { isAccepted: false, challenge: 'Negotiate' }
    this.tokens.push(token)
    const challenge = `Negotiate ${Buffer.from(`reply to ${token}`).toString('base64')}`
    return { isAccepted: token.endsWith(`/${this.#legs}`), challenge }
  }

  /** Serves `/protected` for those who are let in, and `/refusing` for nobody. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (request.url === '/protected' || request.url === '/refusing') for await (const _ of request);
    if (request.url === '/refusing') {
      response.writeHead(401, { 'WWW-Authenticate': 'Negotiate' }).end('no')
      return true
    }
    if (request.url !== '/protected') return false
    const { isAccepted, challenge } = this.accept(request.headers.authorization)
    response.writeHead(isAccepted ? 200 : 401, { 'WWW-Authenticate': challenge }).end(isAccepted ? 'welcome' : 'who?')
    return true
  }
}
