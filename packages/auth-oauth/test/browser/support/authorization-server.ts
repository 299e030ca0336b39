import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TestServer } from '@entreat/testkit'
import type { ServerMetadata } from '../../../src/index.ts'

/** What a code was issued for. */
interface Grant {
  readonly redirectUri: string
  readonly challenge: string
}

export interface AuthorizationServerStub {
  readonly metadata: Partial<ServerMetadata>
  /** Codes that were traded. */
  readonly exchanges: readonly { readonly redirect_uri: string | null; readonly isVerified: boolean }[]
  /** Resolves when the next exchange that is held has arrived. */
  readonly exchangeBegan: Promise<void>
  /** Keeps the next exchanges waiting. */
  holdExchanges(): { release(): void }
  close(): Promise<void>
}

class Stub implements AuthorizationServerStub {
  metadata: Partial<ServerMetadata> = {}
  readonly exchanges: { redirect_uri: string | null; isVerified: boolean }[] = []
  exchangeBegan: Promise<void> = Promise.resolve()
  #began = (): void => {}
  #held: Promise<void> = Promise.resolve()
  readonly #grants = new Map<string, Grant>()
  #server: TestServer | null = null

  async start(): Promise<this> {
    const handler = (request: IncomingMessage, response: ServerResponse): Promise<boolean> =>
      this.#answer(request, response)
    this.#server = await TestServer.start({ tls: false, handler })
    const { url } = this.#server
    this.metadata = {
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      authorization_response_iss_parameter_supported: true,
    }
    return this
  }

  holdExchanges(): { release(): void } {
    let release = (): void => {}
    this.#held = new Promise((resolve) => (release = resolve))
    this.exchangeBegan = new Promise((resolve) => (this.#began = resolve))
    return { release }
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = new URL(request.url ?? '/', this.#server?.url)
    if (url.pathname === '/authorize') this.#authorize(url.searchParams, response)
    else if (url.pathname === '/token') await this.#exchange(request, response)
    else return false
    return true
  }

  #authorize(params: URLSearchParams, response: ServerResponse): void {
    const code = `code-${this.#grants.size + 1}`
    const redirectUri = params.get('redirect_uri') ?? ''
    this.#grants.set(code, { redirectUri, challenge: params.get('code_challenge') ?? '' })
    const result: Record<string, string> = params.has('deny') ? { error: 'access_denied' } : { code }
    const query = new URLSearchParams({
      ...result,
      state: params.get('state') ?? '',
      iss: this.metadata.issuer as string,
    })
    response.writeHead(302, { Location: `${redirectUri}?${query}` }).end()
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    this.#began()
    await this.#held
    const form = new URLSearchParams(text)
    const grant = this.#grants.get(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isGood = grant !== undefined && grant.redirectUri === form.get('redirect_uri')
    const [status, answer] = isGood
      ? [200, { access_token: `access-${this.#grants.size}`, token_type: 'Bearer', expires_in: 60 }]
      : [400, { error: 'invalid_grant', error_description: `no such code: ${form.get('code')}` }]
    if (isGood)
      this.exchanges.push({ redirect_uri: form.get('redirect_uri'), isVerified: challenge === grant.challenge })
    if (!response.destroyed)
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
  }
}

/** An authorization server whose users say yes at once. */
export function startAuthorizationServer(): Promise<AuthorizationServerStub> {
  return new Stub().start()
}
