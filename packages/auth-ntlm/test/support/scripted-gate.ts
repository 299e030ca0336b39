import type { CustomHandler, ProxyAuthenticator } from '@entreat/testkit'
import { parseAvPairs } from '../../src/message/av-pairs.ts'
import { readElement } from '../../src/spnego/der.ts'
import { challengeMessage, NTLM_OID, partOf, spnegoReply } from './messages.ts'

/** How a {@link ScriptedGate} behaves. It checks no proof: real servers do that. */
export interface GateScript {
  /** Schemes that it offers. Default `['NTLM']`. */
  readonly schemes?: readonly string[]
  /** Which NTLM messages under Negotiate it understands. Default: both. */
  readonly understands?: 'raw' | 'wrapped'
  /** Its challenge. Default: a sound one. */
  readonly challenge?: () => Buffer
  /** The value after a message of type 1, instead of a challenge. */
  readonly answer?: (scheme: string, connection: number) => string
  /** What comes along with its consent to a wrapped login, base64. Default: nothing. */
  readonly consent?: string
  /** Which refusals end their connection. */
  readonly closes?: (refusal: { readonly isChallenge: boolean; readonly connection: number }) => boolean
  /** Forgets a login as soon as it has let one request in. */
  readonly forgets?: boolean
  /** Refuses whoever proves to be this user. */
  readonly refuses?: string
}

/** What a connection has said. */
interface ConnectionState {
  isChallenged: boolean
  user: string | null
}

/** What is done with one request. */
export interface Verdict {
  readonly user: string | null
  /** Values of `WWW-Authenticate` lines. */
  readonly challenges: readonly string[]
  readonly closes: boolean
  /** Goes along with consent. */
  readonly consent: string | null
}

/** The server's side of NTLM, as a test wants it to behave; for origins and proxies. */
export class ScriptedGate {
  readonly #script: GateScript
  readonly #states = new Map<number, ConnectionState>()
  /** What each request brought: the type of its message, or `none`. */
  readonly seen: string[] = []
  /** The messages of type 3. */
  readonly proofs: Buffer[] = []

  constructor(script: GateScript = {}) {
    this.#script = script
  }

  admit(connection: number, authorization: string | undefined): Verdict {
    const state = this.#states.get(connection) ?? { isChallenged: false, user: null }
    this.#states.set(connection, state)
    const [scheme = '', token = ''] = (authorization ?? '').split(' ')
    const bytes = Buffer.from(token, 'base64')
    const isWrapped = token !== '' && !bytes.toString('latin1').startsWith('NTLMSSP')
    const message = isWrapped ? unwrap(bytes) : bytes
    const type = message.length > 12 ? message.readUInt32LE(8) : 0
    this.seen.push(type === 0 ? 'none' : `${scheme} ${isWrapped ? 'wrapped ' : ''}${type}`)
    if (type === 1) {
      state.user = null
      const understood = this.#understands(scheme, isWrapped)
      state.isChallenged = understood
      return this.#refuse(connection, understood ? this.#challenge(scheme, connection, isWrapped) : null)
    }
    if (type === 3 && state.isChallenged) {
      this.proofs.push(message)
      const user = partOf(message, 36).toString('utf16le')
      state.isChallenged = false
      if (user === this.#script.refuses) return this.#refuse(connection, null)
      if (this.#script.forgets !== true) state.user = user
      return { user, challenges: [], closes: false, consent: isWrapped ? (this.#script.consent ?? null) : null }
    }
    if (state.user === null) return this.#refuse(connection, null)
    return { user: state.user, challenges: [], closes: false, consent: null }
  }

  /** Every connection is a stranger again. */
  forgetAll(): void {
    this.#states.clear()
  }

  #understands(scheme: string, isWrapped: boolean): boolean {
    const { schemes = ['NTLM'], understands } = this.#script
    return schemes.includes(scheme) && understands !== (isWrapped ? 'raw' : 'wrapped')
  }

  #challenge(scheme: string, connection: number, isWrapped: boolean): string {
    const { answer, challenge = challengeMessage } = this.#script
    if (answer !== undefined) return answer(scheme, connection)
    const bytes = challenge()
    const reply = isWrapped ? spnegoReply({ state: 1, mechanism: NTLM_OID, token: bytes }) : bytes
    return `${scheme} ${reply.toString('base64')}`
  }

  #refuse(connection: number, challenge: string | null): Verdict {
    const { schemes = ['NTLM'], closes } = this.#script
    const isChallenge = challenge !== null
    return {
      user: null,
      challenges: isChallenge ? [challenge] : schemes,
      closes: closes?.({ isChallenge, connection }) ?? false,
      consent: null,
    }
  }

  /** A server's handler. `/open` asks nobody, `/forbidden` lets nobody in; anything else answers `user bytes`. */
  get handler(): CustomHandler {
    return async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks)
      if (request.url === '/open') {
        this.seen.push('open')
        response.end(`open ${body.length}`)
        return true
      }
      const verdict = this.admit(request.socket.remotePort ?? 0, request.headers.authorization)
      if (verdict.closes) response.setHeader('Connection', 'close')
      if (verdict.consent !== null) response.setHeader('WWW-Authenticate', `Negotiate ${verdict.consent}`)
      if (verdict.user === null || request.url === '/forbidden') {
        response.writeHead(401, verdict.challenges.length > 0 ? { 'WWW-Authenticate': [...verdict.challenges] } : {})
        response.end('who are you?')
        return true
      }
      if (request.url?.startsWith('/redirect-to?') === true) {
        response.writeHead(302, { Location: decodeURIComponent(request.url.slice('/redirect-to?'.length)) }).end()
        return true
      }
      response.end(`${verdict.user} ${body.length}`)
      return true
    }
  }

  /** The same for a proxy. */
  get authenticator(): ProxyAuthenticator {
    return ({ authorization, connection }) => {
      const { user, challenges } = this.admit(connection, authorization)
      return user === null ? challenges : null
    }
  }
}

/** The NTLM message inside of an initiator's SPNEGO token. */
function unwrap(bytes: Buffer): Buffer {
  const at = bytes.indexOf('NTLMSSP')
  if (at === -1) return Buffer.alloc(0)
  // The octet string that holds it begins before it: its length says where it ends.
  for (let start = at - 2; start >= Math.max(0, at - 5); start--) {
    const element = bytes[start] === 4 ? readElement(bytes, start) : null
    if (element !== null && element.content.length > 8 && element.content.indexOf('NTLMSSP') === 0) {
      return element.content
    }
  }
  return Buffer.alloc(0)
}

/** What a message of type 3 says of the server, by id. */
export function targetInfoOf(proof: Buffer): ReadonlyMap<number, Uint8Array> {
  return parseAvPairs(partOf(proof, 20).subarray(16 + 28))
}
