import { hmacMd5 } from '../crypto/md5.ts'
import type { SessionKeys } from '../crypto/message-signer.ts'
import { lmv2Response, ntlmv2Response } from '../crypto/ntlmv2.ts'
import { Rc4 } from '../crypto/rc4.ts'
import { encodeAuthenticate, MIC_OFFSET } from './authenticate.ts'
import { AV_FLAG_MIC, AvId, type AvPairs, encodeAvPairs } from './av-pairs.ts'
import type { NtlmChallenge } from './challenge.ts'
import { Flag, hasFlag } from './flags.ts'

/** Who logs in. */
export interface NtlmIdentity {
  readonly user: string
  readonly domain: string
  readonly workstation: string
  /** Proves the password: `responseKey()` of crypto/ntlmv2.ts. */
  readonly key: Uint8Array
}

/** What a challenge is answered with. */
export interface Answering {
  readonly identity: NtlmIdentity
  /** The message that opened the handshake. */
  readonly negotiate: Uint8Array
  readonly challenge: NtlmChallenge
  /** The service that is meant, such as `HTTP/intranet.example.com`, or `null` to leave it out. */
  readonly targetName: string | null
  /** 16 bytes that name the TLS channel, or `null`. */
  readonly channelBindings: Uint8Array | null
  /** Milliseconds since the epoch, for servers that do not tell the time. */
  readonly nowMs: number
  /** 8 random bytes. */
  readonly clientChallenge: Uint8Array
  /** 16 random bytes. */
  readonly sessionKey: Uint8Array
  /** Of the AUTHENTICATE message, 8 bytes. Default: this client's. */
  readonly version?: Uint8Array
}

/** FILETIME counts from 1601. */
const EPOCH_MS = 11_644_473_600_000n

/**
 * Answers a challenge by NTLMv2.
 *
 * @returns the AUTHENTICATE message, and the session that it starts.
 * @throws AuthenticationError for a challenge that no message can answer.
 * @see MS-NLMP section 3.1.5.1.2
 */
export function answerChallenge(answering: Answering): { readonly message: Buffer; readonly session: SessionKeys } {
  const { identity, negotiate, challenge, clientChallenge } = answering
  const { serverChallenge } = challenge
  const timestamp = challenge.targetInfo?.get(AvId.TIMESTAMP)
  // A server that tells the time gets a MIC, and nothing in the place of the LMv2 response.
  const hasMic = timestamp !== undefined
  const time =
    timestamp === undefined ? (BigInt(answering.nowMs) + EPOCH_MS) * 10_000n : Buffer.from(timestamp).readBigUInt64LE()
  const targetInfo = encodeAvPairs(amendedTargetInfo(answering, hasMic))
  const { key } = identity
  const { response, sessionBaseKey } = ntlmv2Response({ key, serverChallenge, clientChallenge, time, targetInfo })
  const { encrypted, session } = exchangeKeys(answering, sessionBaseKey)
  const message = encodeAuthenticate({
    flags: session.flags,
    domain: identity.domain,
    user: identity.user,
    workstation: identity.workstation,
    lmResponse: hasMic ? Buffer.alloc(24) : lmv2Response(key, serverChallenge, clientChallenge),
    ntResponse: response,
    encryptedSessionKey: encrypted,
    hasMic,
    ...(answering.version === undefined ? {} : { version: answering.version }),
  })
  if (hasMic) message.set(hmacMd5(session.sessionKey, negotiate, challenge.bytes, message), MIC_OFFSET)
  return { message, session }
}

/** The server's pairs with what this client says: never what a server has put in their place. */
function amendedTargetInfo({ challenge, targetName, channelBindings }: Answering, hasMic: boolean): AvPairs {
  const pairs = new Map(challenge.targetInfo)
  if (hasMic) {
    const flags = Buffer.from(pairs.get(AvId.FLAGS) ?? Buffer.alloc(4))
    flags.writeUInt32LE((flags.readUInt32LE() | AV_FLAG_MIC) >>> 0)
    pairs.set(AvId.FLAGS, flags)
  }
  pairs.delete(AvId.CHANNEL_BINDINGS)
  pairs.delete(AvId.TARGET_NAME)
  if (channelBindings !== null) pairs.set(AvId.CHANNEL_BINDINGS, channelBindings)
  if (targetName !== null) pairs.set(AvId.TARGET_NAME, Buffer.from(targetName, 'utf16le'))
  return pairs
}

/** MS-NLMP section 3.4.5.1: with NTLMv2 the key exchange key is the session base key. Keys are exchanged only to sign with them. */
function exchangeKeys(
  { negotiate, challenge, sessionKey }: Answering,
  sessionBaseKey: Buffer,
): { readonly encrypted: Uint8Array; readonly session: SessionKeys } {
  const offered = Buffer.from(negotiate).readUInt32LE(12)
  const agreed = challenge.flags & (offered | Flag.TARGET_INFO)
  const flags = (agreed | (offered & (Flag.REQUEST_TARGET | Flag.VERSION))) >>> 0
  if (!hasFlag(flags, Flag.KEY_EXCHANGE | Flag.SIGN)) {
    const withoutExchange = (flags & ~Flag.KEY_EXCHANGE) >>> 0
    return { encrypted: Buffer.alloc(0), session: { flags: withoutExchange, sessionKey: sessionBaseKey } }
  }
  return { encrypted: new Rc4(sessionBaseKey).update(sessionKey), session: { flags, sessionKey } }
}
