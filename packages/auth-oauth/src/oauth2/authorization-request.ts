import { createHash, randomBytes } from 'node:crypto'
import { UsageError } from '@entreat/core'
import { inspectAs, showUrl } from '../redaction.ts'

/** An authorization request as plain JSON, to be kept with the user's session until the callback. `codeVerifier` is a secret. */
export interface AuthorizationRequestData {
  readonly url: string
  readonly state: string
  readonly redirectUri?: string
  readonly codeVerifier?: string
  readonly nonce?: string
  readonly scope?: readonly string[]
  readonly resource?: readonly string[]
}

const MEMBERS = ['url', 'state', 'redirectUri', 'codeVerifier', 'nonce', 'scope', 'resource'] as const

/** Where to send the user, and what the callback is checked against. Good for one callback. */
export class AuthorizationRequest {
  static {
    inspectAs(this.prototype, (request) => `AuthorizationRequest { ${showUrl(request.url)} }`)
  }

  readonly #data: AuthorizationRequestData

  /** @throws UsageError for what {@link AuthorizationRequest.toData} did not give. */
  constructor(data: AuthorizationRequestData) {
    const read = Object.create(null) as Record<string, unknown>
    for (const name of MEMBERS) if (Object.hasOwn(data, name)) read[name] = data[name]
    if (typeof read['url'] !== 'string' || typeof read['state'] !== 'string' || read['state'] === '') {
      throw new UsageError('An authorization request needs a url and a state, as toData() gives them')
    }
    this.#data = read as unknown as AuthorizationRequestData
  }

  /** A request that was kept until the callback. */
  static fromData(data: AuthorizationRequestData): AuthorizationRequest {
    return new AuthorizationRequest(data)
  }

  /** Where to send the user. */
  get url(): string {
    return this.#data.url
  }

  get state(): string {
    return this.#data.state
  }

  get redirectUri(): string | undefined {
    return this.#data.redirectUri
  }

  /** @internal Own members only. */
  get data(): AuthorizationRequestData {
    return this.#data
  }

  /** Everything, secrets included, as plain JSON. */
  toData(): AuthorizationRequestData {
    return { ...this.#data }
  }

  /** The server and its path; no secret. */
  toJSON(): { url: string } {
    return { url: showUrl(this.url) }
  }
}

/** How the code is bound to the one who asked for it (RFC 7636). */
export interface Pkce {
  readonly codeVerifier: string
  readonly params: { readonly code_challenge: string; readonly code_challenge_method: 'S256' | 'plain' }
}

/** 256 bits, in 43 characters that need no escape. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url')
}

/** A fresh verifier and its challenge (RFC 7636 section 4). */
export function createPkce(method: 'S256' | 'plain'): Pkce {
  const codeVerifier = randomToken()
  const challenge = method === 'plain' ? codeVerifier : createHash('sha256').update(codeVerifier).digest('base64url')
  return { codeVerifier, params: { code_challenge: challenge, code_challenge_method: method } }
}
