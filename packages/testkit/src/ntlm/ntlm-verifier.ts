import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { hmacMd5, md4, rc4 } from './ntlm-ciphers.ts'
import { makeChallenge, type NtlmDefect, type SentChallenge } from './ntlm-challenge.ts'
import {
  avFlagHasMic,
  avIds,
  type AuthenticateMessage,
  type ClientChallenge,
  MalformedMessage,
  messageType,
  ntlmFlags,
  readAuthenticate,
  readClientChallenge,
  readNegotiateFlags,
} from './ntlm-messages.ts'

/** What an {@link NtlmVerifier} asks for. */
export interface NtlmOptions {
  readonly username: string
  readonly password: string
  /** The name of the domain in challenges. Default `TESTDOM`. */
  readonly domain?: string
  /** The domain that a client must name, whatever the case. Default: any, also none. */
  readonly userDomain?: string
  /** The scheme in headers; the messages are the same. Default `NTLM`. */
  readonly scheme?: 'NTLM' | 'Negotiate'
  /** Demands channel bindings of this certificate, DER, hashed with `certificateHash`. Default: none are checked. */
  readonly certificate?: Uint8Array
  /** Default `sha256`. */
  readonly certificateHash?: 'sha256' | 'sha384' | 'sha512'
  /** Demands this service principal name, such as `HTTP/localhost`. Default: any, also none. */
  readonly targetName?: string
  /** Sends bad challenges. Default: good ones. */
  readonly defect?: NtlmDefect
  /** 8 bytes, the same in each challenge, for vectors. Default: others each time. */
  readonly serverChallenge?: Uint8Array
  /** Milliseconds since 1970, for the time in challenges. Default `Date.now`. */
  readonly now?: () => number
}

/** The parts of a request that NTLM looks at. */
export interface NtlmRequest {
  /** The same value for all requests of one connection: a number, or a socket. */
  readonly connection: unknown
  /** `Authorization` or `Proxy-Authorization`, if there is one. */
  readonly authorization: string | undefined
}

/** Why a request is not let in; `challenged` is the answer to a first message and no failure. */
export type NtlmRefusal =
  | 'no-credentials'
  | 'challenged'
  | 'malformed'
  | 'no-challenge'
  | 'ntlmv1'
  | 'unknown-user'
  | 'wrong-response'
  | 'wrong-flags'
  | 'wrong-timestamp'
  | 'wrong-target-info'
  | 'no-mic'
  | 'wrong-mic'
  | 'wrong-channel-bindings'
  | 'wrong-target-name'

/** Who signed a connection in. */
export interface NtlmIdentity {
  readonly domain: string
  readonly username: string
  readonly workstation: string
  /** Whether the message had a MIC, which then was right. */
  readonly hasMic: boolean
}

/** The verdict on one request. */
export type NtlmVerdict =
  | { readonly isAccepted: true; readonly identity: NtlmIdentity }
  | {
      readonly isAccepted: false
      readonly refusal: NtlmRefusal
      readonly reason: string
      /** Values for one `WWW-Authenticate` or `Proxy-Authenticate` line each. */
      readonly challenges: readonly string[]
      /** The server should close the connection after this answer. */
      readonly closesConnection: boolean
    }

interface Handshake {
  readonly negotiate: Buffer
  readonly challenge: SentChallenge
}

class Refusal extends Error {
  readonly kind: NtlmRefusal

  constructor(kind: NtlmRefusal, reason: string) {
    super(reason)
    this.kind = kind
  }
}

/**
 * The server's side of NTLM, strict: NTLMv2 alone, with the challenge's time, target information, flags and, if the
 * challenge has a time, a right MIC. A connection that was signed in stays so until its next handshake.
 *
 * @see MS-NLMP sections 3.2.5 and 3.3.2
 */
export class NtlmVerifier {
  /** Connections signed in so far. */
  accepted = 0
  readonly #options: NtlmOptions
  readonly #handshakes = new Map<unknown, Handshake>()
  readonly #identities = new Map<unknown, NtlmIdentity>()
  readonly #refusals: NtlmRefusal[] = []

  constructor(options: NtlmOptions) {
    this.#options = options
  }

  /** Every refusal so far, challenges included, in order. */
  get refusals(): readonly NtlmRefusal[] {
    return this.#refusals
  }

  /** Judges one request. */
  verify({ connection, authorization }: NtlmRequest): NtlmVerdict {
    const identity = this.#identities.get(connection)
    if (authorization === undefined && identity !== undefined) return { isAccepted: true, identity }
    // Whoever answers begins anew: the identity before must not outlive a failure.
    this.#identities.delete(connection)
    try {
      return this.#judge(connection, authorization)
    } catch (error) {
      if (error instanceof Refusal) return this.#refuse(error.kind, error.message)
      if (error instanceof MalformedMessage)
        return this.#refuse('malformed', `The message is malformed: ${error.message}`)
      throw error
    }
  }

  #judge(connection: unknown, authorization: string | undefined): NtlmVerdict {
    const { scheme = 'NTLM', defect } = this.#options
    if (authorization === undefined) throw new Refusal('no-credentials', 'There are no credentials')
    const message = decodeToken(authorization, scheme)
    const handshake = this.#handshakes.get(connection)
    this.#handshakes.delete(connection)
    const type = messageType(message)
    if (type === 1) return this.#challenge(connection, message, readNegotiateFlags(message))
    if (type !== 3) throw new Refusal('malformed', `A client sends no message of type ${type}`)
    if (defect === 'endless') return this.#challenge(connection, message, readAuthenticate(message).flags)
    if (handshake === undefined) throw new Refusal('no-challenge', 'This connection was not sent a challenge')
    const identity = this.#authenticate(message, handshake)
    this.#identities.set(connection, identity)
    this.accepted += 1
    return { isAccepted: true, identity }
  }

  #challenge(connection: unknown, negotiate: Buffer, asked: number): NtlmVerdict {
    const { domain = 'TESTDOM', scheme = 'NTLM', defect = null, now = Date.now, serverChallenge } = this.#options
    const source = { domain, computer: 'TESTSRV', now: now(), serverChallenge: serverChallenge ?? randomBytes(8) }
    const challenge = makeChallenge(asked, source, defect)
    this.#handshakes.set(connection, { negotiate, challenge })
    this.#refusals.push('challenged')
    return {
      isAccepted: false,
      refusal: 'challenged',
      reason: 'Here is a challenge',
      challenges: [`${scheme} ${challenge.token}`],
      closesConnection: defect === 'closing',
    }
  }

  #refuse(refusal: NtlmRefusal, reason: string): NtlmVerdict {
    this.#refusals.push(refusal)
    const challenges = [this.#options.scheme ?? 'NTLM']
    return { isAccepted: false, refusal, reason, challenges, closesConnection: false }
  }

  #authenticate(bytes: Buffer, { negotiate, challenge }: Handshake): NtlmIdentity {
    const message = readAuthenticate(bytes)
    this.#checkUser(message)
    checkFlags(message, challenge)
    // MS-NLMP section 2.2.2.6: a response of 24 bytes is NTLMv1, with extended session security or without.
    if (message.ntResponse.length <= 24) throw new Refusal('ntlmv1', 'The response is not NTLMv2')
    const [proof, blob] = [message.ntResponse.subarray(0, 16), message.ntResponse.subarray(16)]
    const client = readClientChallenge(blob)
    const key = ntowfv2(this.#options.password, message)
    const expected = hmacMd5(key, challenge.serverChallenge, blob)
    if (!timingSafeEqual(proof, expected)) throw new Refusal('wrong-response', 'The response is wrong')
    checkTime(message, client, challenge)
    this.#checkTarget(client)
    const hasMic = (value(client, avIds.flags)?.readUInt32LE(0) ?? 0) & avFlagHasMic
    if (hasMic !== 0) checkMic(bytes, message, sessionKey(key, proof, message), [negotiate, challenge.bytes])
    else if (challenge.timestamp !== null)
      throw new Refusal('no-mic', 'There is no MIC, though the challenge has a time')
    const { domain, username, workstation } = message
    return { domain, username, workstation, hasMic: hasMic !== 0 }
  }

  #checkUser({ username, domain }: AuthenticateMessage): void {
    const { username: expected, userDomain } = this.#options
    const isUser = upperCase(username) === upperCase(expected)
    if (!isUser || (userDomain !== undefined && upperCase(domain) !== upperCase(userDomain))) {
      throw new Refusal('unknown-user', `Nobody knows ${domain}\\${username}`)
    }
  }

  /** What the response says about where it is going. MS-NLMP section 3.2.5.1.2. */
  #checkTarget(client: ClientChallenge): void {
    const { certificate, certificateHash = 'sha256', targetName } = this.#options
    if (certificate !== undefined) {
      const bindings = value(client, avIds.channelBindings)
      if (bindings === undefined || !bindings.equals(hashBindings(certificate, certificateHash))) {
        throw new Refusal('wrong-channel-bindings', 'The channel bindings are of no certificate, or of another one')
      }
    }
    const name = value(client, avIds.targetName)?.toString('utf16le')
    if (targetName !== undefined && name?.toLowerCase() !== targetName.toLowerCase()) {
      throw new Refusal('wrong-target-name', `The target name is ${name ?? 'missing'}, not ${targetName}`)
    }
  }
}

function decodeToken(authorization: string, scheme: string): Buffer {
  const [, name = '', token = ''] = /^(\S+) +([A-Za-z0-9+/]+={0,2})$/.exec(authorization) ?? []
  if (name.toLowerCase() === scheme.toLowerCase()) return Buffer.from(token, 'base64')
  throw new Refusal('malformed', `These are not ${scheme} credentials`)
}

function checkFlags({ flags }: AuthenticateMessage, challenge: SentChallenge): void {
  const choices = ntlmFlags.keyExchange | ntlmFlags.sign | ntlmFlags.seal | ntlmFlags.unicode
  // MS-NLMP section 3.2.5.1.2: the client chooses among what the challenge allows.
  if ((flags & choices & ~challenge.flags) !== 0) throw new Refusal('wrong-flags', 'It uses what was not negotiated')
  if ((flags & ntlmFlags.extendedSessionSecurity) === 0)
    throw new Refusal('ntlmv1', 'It has no extended session security')
}

/** MS-NLMP section 3.1.5.1.2: with the server's time come that time and an LM response of zeros. */
function checkTime(message: AuthenticateMessage, client: ClientChallenge, challenge: SentChallenge): void {
  if (challenge.timestamp === null) return
  const echoed = value(client, avIds.timestamp)
  if (!client.timestamp.equals(challenge.timestamp))
    throw new Refusal('wrong-timestamp', "The time is not the challenge's")
  if (!echoed?.equals(challenge.timestamp)) {
    throw new Refusal('wrong-target-info', "The target information is not the challenge's")
  }
  if (message.lmResponse.some((byte) => byte !== 0))
    throw new Refusal('ntlmv1', 'There is an LM response beside the time')
}

function checkMic(
  bytes: Buffer,
  message: AuthenticateMessage,
  key: Buffer,
  before: readonly [negotiate: Buffer, challenge: Buffer],
): void {
  if (!message.hasMicField) throw new Refusal('no-mic', 'A MIC is announced, and there is no room for one')
  const unsigned = Buffer.from(bytes)
  unsigned.fill(0, 72, 88)
  const expected = hmacMd5(key, ...before, unsigned)
  if (!timingSafeEqual(bytes.subarray(72, 88), expected)) throw new Refusal('wrong-mic', 'The MIC is wrong')
}

/** MS-NLMP section 3.2.5.1.2: the key that signs, sent encrypted if that was negotiated. */
function sessionKey(responseKey: Buffer, proof: Buffer, message: AuthenticateMessage): Buffer {
  const baseKey = hmacMd5(responseKey, proof)
  if ((message.flags & ntlmFlags.keyExchange) === 0) return baseKey
  if (message.encryptedSessionKey.length === 16) return rc4(baseKey, message.encryptedSessionKey)
  throw new Refusal('malformed', 'The session key does not have 16 bytes')
}

/** NTOWFv2 of MS-NLMP section 3.3.2. */
function ntowfv2(password: string, { username, domain }: AuthenticateMessage): Buffer {
  const hash = md4(Buffer.from(password, 'utf16le'))
  return hmacMd5(hash, Buffer.from(upperCase(username) + domain, 'utf16le'))
}

/** Windows changes each UTF-16 unit by itself: none becomes two. */
function upperCase(text: string): string {
  return text.replaceAll(/./gsu, (letter) => {
    const upper = letter.toUpperCase()
    return upper.length === letter.length ? upper : letter
  })
}

/** MD5 of a gss_channel_bindings_struct without addresses. MS-NLMP section 2.2.2.1; RFC 5929 section 4. */
function hashBindings(certificate: Uint8Array, hash: string): Buffer {
  const prefix = Buffer.from('tls-server-end-point:')
  const data = Buffer.concat([prefix, createHash(hash).update(certificate).digest()])
  const head = Buffer.alloc(20)
  head.writeUInt32LE(data.length, 16)
  return createHash('md5').update(head).update(data).digest()
}

function value({ pairs }: ClientChallenge, id: number): Buffer | undefined {
  return pairs.find(([found]) => found === id)?.[1]
}
