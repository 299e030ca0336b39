import { createHash, randomBytes } from 'node:crypto'
import { type AuthParams, parseAuthParams } from './auth-params.ts'

/** Hash functions of RFC 7616, with and without a session key. */
export type DigestAlgorithm = 'MD5' | 'MD5-sess' | 'SHA-256' | 'SHA-256-sess' | 'SHA-512-256' | 'SHA-512-256-sess'

/** What a {@link DigestVerifier} asks for. */
export interface DigestOptions {
  readonly realm: string
  readonly username: string
  readonly password: string
  /** One challenge each, in this order. At least one. */
  readonly algorithms: readonly DigestAlgorithm[]
  /** Offered qualities; empty for none, as in RFC 2069. */
  readonly qops: readonly ('auth' | 'auth-int')[]
  /** Requests that a nonce is good for. Default: no end. */
  readonly staleAfter?: number
  /** Ask for a hashed user name. Default `false`. */
  readonly userhash?: boolean
}

/** The parts of a request that a digest covers. */
export interface DigestRequest {
  readonly method: string
  /** The request target as received. */
  readonly target: string
  /** `Authorization` or `Proxy-Authorization`, if there is one. */
  readonly authorization: string | undefined
  readonly body: Uint8Array
}

/** The verdict: accepted, with a way to prove that the server knows the password too; or what to send instead. */
export type DigestVerdict =
  | {
      readonly isAccepted: true
      /** The value of `Authentication-Info` for a response body; `null` without qop. RFC 7616 section 3.5. */
      authenticationInfo(responseBody: Uint8Array): string | null
    }
  | {
      readonly isAccepted: false
      /** Values for one `WWW-Authenticate` or `Proxy-Authenticate` line each. */
      readonly challenges: readonly string[]
      readonly reason: string
    }

interface Nonce {
  readonly opaque: string
  readonly algorithm: DigestAlgorithm
  /** RFC 7616 section 3.4.2: a session key is made with the first cnonce. */
  firstCnonce: string | null
  readonly seenCounts: Set<string>
  uses: number
}

/** The parameters that every credential has, checked. */
interface Credentials {
  readonly response: string
  readonly nonceValue: string
  readonly algorithm: DigestAlgorithm
  readonly uri: string
  readonly qop: string | null
  readonly cnonce: string
  readonly nc: string
}

/**
 * The server's side of Digest access authentication, strict: credentials that RFC 7616 does not allow are refused with
 * a reason. A nonce count is accepted once, in any order; a `-sess` key is made with a nonce's first cnonce only.
 */
export class DigestVerifier {
  readonly #options: DigestOptions
  readonly #nonces = new Map<string, Nonce>()

  constructor(options: DigestOptions) {
    this.#options = options
  }

  /** Judges one request. A refusal makes new nonces; they say `stale=true` if only the nonce was wrong. */
  verify(request: DigestRequest): DigestVerdict {
    if (request.authorization === undefined) return this.#refuse('There are no credentials')
    const params = parseAuthParams(request.authorization, 'digest')
    if (params === null) return this.#refuse('These are not Digest credentials')
    const credentials = this.#readCredentials(params, request)
    if (typeof credentials === 'string') return this.#refuse(credentials)

    const nonce = this.#nonces.get(credentials.nonceValue)
    const key = this.#secret(credentials, nonce?.firstCnonce ?? credentials.cnonce)
    const expected = respond(key, credentials, `${request.method}:${credentials.uri}`, request.body)
    if (credentials.response !== expected) return this.#refuse('The response is wrong')
    if (nonce === undefined) return this.#refuse('The nonce is unknown', true)
    const objection = this.#objection(nonce, credentials, params)
    if (objection !== null) return this.#refuse(objection)
    if (nonce.uses >= (this.#options.staleAfter ?? Infinity)) return this.#refuse('The nonce is used up', true)

    nonce.uses += 1
    nonce.firstCnonce ??= credentials.cnonce
    nonce.seenCounts.add(credentials.nc)
    return {
      isAccepted: true,
      authenticationInfo: (body) => authenticationInfo(key, credentials, body),
    }
  }

  #refuse(reason: string, isStale = false): DigestVerdict {
    const challenges = this.#options.algorithms.map((algorithm) => this.#challenge(algorithm, isStale))
    return { isAccepted: false, challenges, reason }
  }

  #challenge(algorithm: DigestAlgorithm, isStale: boolean): string {
    const { realm, qops, userhash = false } = this.#options
    const value = randomBytes(16).toString('hex')
    const opaque = randomBytes(8).toString('hex')
    this.#nonces.set(value, { opaque, algorithm, firstCnonce: null, seenCounts: new Set(), uses: 0 })
    const parts = [`realm="${realm}"`, `nonce="${value}"`, `opaque="${opaque}"`]
    if (qops.length > 0) parts.push(`qop="${qops.join(', ')}"`)
    parts.push(`algorithm=${algorithm}`, 'charset=UTF-8')
    if (userhash) parts.push('userhash=true')
    if (isStale) parts.push('stale=true')
    return `Digest ${parts.join(', ')}`
  }

  /** Returns the credentials, or what is wrong with them whatever the password. */
  #readCredentials(params: AuthParams, request: DigestRequest): Credentials | string {
    const get = (name: string): string => params.values.get(name) ?? ''
    const { realm, algorithms, qops } = this.#options
    for (const name of ['realm', 'nonce', 'uri', 'response']) {
      if (!params.quoted.has(name)) return `${name} is missing or not quoted`
    }
    // RFC 7616 section 3.4 wants qop and algorithm bare, but clients have always quoted them and servers take it.
    if (params.quoted.has('nc')) return 'nc is quoted'
    const name = params.values.get('algorithm') ?? 'MD5'
    const algorithm = algorithms.find((offered) => offered.toLowerCase() === name.toLowerCase())
    if (algorithm === undefined) return `The algorithm ${name} was not offered`
    const qop = params.values.get('qop') ?? null
    if (qop === null ? qops.length > 0 : !qops.some((offered) => offered === qop)) {
      return `The qop ${qop ?? '(none)'} was not offered`
    }
    if (qop !== null && !/^[0-9a-f]{8}$/i.test(get('nc'))) return 'nc is not eight hex digits'
    if (qop !== null && !params.quoted.has('cnonce')) return 'cnonce is missing or not quoted'
    if (get('realm') !== realm) return 'The realm is another one'
    if (!this.#isUser(params)) return 'The user is unknown'
    if (!isSameTarget(get('uri'), request.target)) return `uri is not the request target ${request.target}`
    const [response, nonceValue, uri] = [get('response'), get('nonce'), get('uri')]
    return { response, nonceValue, uri, algorithm, qop, cnonce: get('cnonce'), nc: get('nc') }
  }

  /** What is wrong with right credentials for this nonce, if anything. */
  #objection(nonce: Nonce, credentials: Credentials, params: AuthParams): string | null {
    if (nonce.algorithm !== credentials.algorithm) return 'The nonce belongs to another algorithm'
    if (params.values.get('opaque') !== nonce.opaque) return 'opaque is not what was sent'
    if (credentials.qop === null) return null
    if (parseInt(credentials.nc, 16) === 0) return 'nc counts from 1'
    return nonce.seenCounts.has(credentials.nc) ? 'nc was used before: a replay' : null
  }

  /** RFC 7616 sections 3.4.4 (username*, userhash). */
  #isUser({ values }: AuthParams): boolean {
    const { username, realm, userhash = false, algorithms } = this.#options
    const extended = values.get('username*')
    if (extended !== undefined) {
      const encoded = /^utf-8'[^']*'(.*)$/i.exec(extended)?.[1]
      return !values.has('username') && encoded !== undefined && safeDecode(encoded) === username
    }
    const sent = values.get('username')
    if (values.get('userhash') !== 'true') return sent === username
    const hashed = algorithms.map((algorithm) => hash(algorithm, `${username}:${realm}`))
    return userhash && sent !== undefined && hashed.includes(sent)
  }

  /** H(A1) of RFC 7616 section 3.4.2. */
  #secret({ algorithm, nonceValue }: Credentials, cnonce: string): string {
    const { username, realm, password } = this.#options
    const key = hash(algorithm, `${username}:${realm}:${password}`)
    return algorithm.endsWith('-sess') ? hash(algorithm, `${key}:${nonceValue}:${cnonce}`) : key
  }
}

/** The request-digest of RFC 7616 section 3.4.1; `subject` is A2 without a body's hash. */
function respond(key: string, credentials: Credentials, subject: string, body: Uint8Array): string {
  const { algorithm, nonceValue, qop, nc, cnonce } = credentials
  const a2 = qop === 'auth-int' ? `${subject}:${hash(algorithm, body)}` : subject
  const middle = qop === null ? nonceValue : `${nonceValue}:${nc}:${cnonce}:${qop}`
  return hash(algorithm, `${key}:${middle}:${hash(algorithm, a2)}`)
}

function authenticationInfo(key: string, credentials: Credentials, body: Uint8Array): string | null {
  const { qop, cnonce, nc, uri } = credentials
  if (qop === null) return null
  const rspauth = respond(key, credentials, `:${uri}`, body)
  return `rspauth="${rspauth}", qop=${qop}, cnonce="${cnonce}", nc=${nc}`
}

function hash(algorithm: DigestAlgorithm, content: string | Uint8Array): string {
  const name = algorithm.replace('-sess', '').toLowerCase().replace('sha-', 'sha')
  return createHash(name).update(content).digest('hex')
}

// RFC 7616 section 3.4.6: a proxy may have rewritten the request line; path and query are what must agree.
function isSameTarget(uri: string, target: string): boolean {
  const local = (text: string): string => text.replace(/^https?:\/\/[^/?]*/i, '')
  return uri === target || (local(uri) === local(target) && local(uri) !== '')
}

function safeDecode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
