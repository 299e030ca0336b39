import { randomBytes } from 'node:crypto'
import type { PreparedRequest } from '../message/prepared-request.ts'
import type { Response } from '../message/response.ts'
import { AuthBase, type AuthContext } from './auth-base.ts'
import { credentialText } from './basic.ts'
import type { Challenge } from './challenge.ts'
import { type DigestAlgorithm, digestAlgorithm, digestHex } from './digest-hash.ts'

/** A challenge that can be answered, and how often its nonce was used. */
interface Session {
  readonly realm: string
  readonly nonce: string
  readonly opaque: string | undefined
  readonly algorithm: DigestAlgorithm
  /** As the server wrote it: it is echoed. */
  readonly algorithmName: string | undefined
  readonly qop: 'auth' | 'auth-int' | null
  readonly userhash: boolean
  readonly cnonce: string
  count: number
}

/** A body longer than this is not read into memory for `auth-int`. */
const MOST_HASHED_BYTES = 16 * 1024 * 1024
const MOST_ORIGINS = 1000

/**
 * HTTP Digest. Waits for a challenge, picks the strongest it can answer, and answers again if the nonce has gone stale.
 * Further requests to an origin, or through a proxy, that asked before are signed at once.
 *
 * Algorithms: SHA-512, SHA-512-256, SHA-256, MD5, each also as `-sess`, and SHA. Protection: `auth`, `auth-int`, and none (RFC 2069).
 *
 * @see RFC 7616
 */
export class DigestAuth extends AuthBase {
  readonly #username: string
  readonly #password: string
  readonly #sessions = new Map<string, Session>()

  constructor(username: string, password: string) {
    super()
    this.#username = credentialText(username, 'user name')
    this.#password = credentialText(password, 'password')
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    // A proxy's nonces are good for whatever is behind it.
    const key = context.recipient === 'proxy' ? 'proxy' : `origin ${request.origin}`
    let session = this.#sessions.get(key) ?? null
    if (session !== null) await this.#sign(request, context, session)
    let response = yield request
    for (let answered = session !== null ? 0 : 1; answered <= 2; answered++) {
      const challenge = asksAgain(response) ? pickChallenge(context.challenges(response)) : null
      if (challenge === null) return
      const isStale = session !== null && challenge.isStale && challenge.nonce !== session.nonce
      if (session !== null && answered > 0 && !isStale) return
      session = { ...challenge, cnonce: randomBytes(8).toString('hex'), count: 0 }
      this.#remember(key, session)
      await this.#sign(request, context, session)
      response = yield request
      if (!asksAgain(response)) return
    }
  }

  #remember(key: string, session: Session): void {
    if (this.#sessions.size >= MOST_ORIGINS) this.#sessions.clear()
    this.#sessions.set(key, session)
  }

  async #sign(request: PreparedRequest, context: AuthContext, session: Session): Promise<void> {
    // RFC 7616 section 3.4: nc counts requests with this nonce.
    const nc = (++session.count).toString(16).padStart(8, '0')
    const uri = context.requestTarget
    const response = await this.#response(request, session, uri, nc)
    const { algorithm, realm, nonce, opaque, algorithmName, qop, userhash, cnonce } = session
    const user = userhash ? digestHex(algorithm.hash, `${this.#username}:${realm}`) : this.#username
    let value = `Digest ${username(user)}, realm="${quote(realm)}", nonce="${quote(nonce)}", uri="${quote(uri)}", response="${response}"`
    if (opaque !== undefined) value += `, opaque="${quote(opaque)}"`
    if (algorithmName !== undefined) value += `, algorithm="${quote(algorithmName)}"`
    if (qop !== null) value += `, qop="${qop}", nc=${nc}, cnonce="${cnonce}"`
    else if (algorithm.isSession) value += `, cnonce="${cnonce}"`
    if (userhash) value += ', userhash=true'
    context.authorize(request, value)
  }

  async #response(request: PreparedRequest, session: Session, uri: string, nc: string): Promise<string> {
    const { algorithm, realm, nonce, qop, cnonce } = session
    const hash = (text: string | Uint8Array): string => digestHex(algorithm.hash, text)
    let key = hash(`${this.#username}:${realm}:${this.#password}`)
    if (algorithm.isSession) key = hash(`${key}:${nonce}:${cnonce}`)
    let target = `${request.method}:${uri}`
    if (qop === 'auth-int') target += `:${hash((await request.body?.bytes(MOST_HASHED_BYTES)) ?? '')}`
    return qop === null
      ? hash(`${key}:${nonce}:${hash(target)}`)
      : hash(`${key}:${nonce}:${nc}:${cnonce}:${qop}:${hash(target)}`)
  }
}

/** Requests answers a challenge on any 4xx, not only 401. */
function asksAgain(response: Response): boolean {
  return response.statusCode >= 400 && response.statusCode < 500
}

type Answerable = Omit<Session, 'cnonce' | 'count'> & { readonly isStale: boolean }

/** RFC 7616 section 3.7: the strongest that we can answer; the first of equals. */
function pickChallenge(challenges: readonly Challenge[]): Answerable | null {
  let best: Answerable | null = null
  for (const challenge of challenges) {
    const answerable = challenge.scheme.toLowerCase() === 'digest' ? readChallenge(challenge.params) : null
    if (answerable !== null && answerable.algorithm.strength > (best?.algorithm.strength ?? 0)) best = answerable
  }
  return best
}

function readChallenge(params: ReadonlyMap<string, string>): Answerable | null {
  const realm = params.get('realm')
  const nonce = params.get('nonce')
  const algorithm = digestAlgorithm(params.get('algorithm'))
  const qop = pickQop(params.get('qop'))
  if (realm === undefined || nonce === undefined || algorithm === null || qop === undefined) return null
  return {
    realm,
    nonce,
    algorithm,
    qop,
    opaque: params.get('opaque'),
    algorithmName: params.get('algorithm'),
    userhash: params.get('userhash')?.toLowerCase() === 'true',
    isStale: params.get('stale')?.toLowerCase() === 'true',
  }
}

/** `null` for a challenge without qop, `undefined` for one that offers nothing we know. */
function pickQop(offered: string | undefined): 'auth' | 'auth-int' | null | undefined {
  if (offered === undefined || offered.trim() === '') return null
  const names = offered.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('auth')) return 'auth'
  return names.includes('auth-int') ? 'auth-int' : undefined
}

function quote(text: string): string {
  return text.replace(/["\\]/g, '\\$&')
}

/** RFC 7616 section 3.4.4: names that a quoted string cannot hold travel as `username*`. */
function username(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return `username="${quote(name)}"`
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `username*=UTF-8''${encoded}`
}
