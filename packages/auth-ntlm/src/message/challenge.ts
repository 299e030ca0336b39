import { AuthenticationError } from '@entreat/core'
import { type AvPairs, parseAvPairs } from './av-pairs.ts'
import { Flag, hasFlag } from './flags.ts'
import { isNtlmMessage } from './layout.ts'

/** What a server wants to see proven. */
export interface NtlmChallenge {
  readonly flags: number
  /** 8 bytes, new for every handshake. */
  readonly serverChallenge: Uint8Array
  /** `null` if the server sent none. */
  readonly targetInfo: AvPairs | null
  /** The whole message: it is signed. */
  readonly bytes: Uint8Array
}

/** Up to the server's challenge. */
const SHORTEST = 32
/** With the target information's place. */
const HEAD_WITH_TARGET_INFO = 48

/** A part of the payload. */
interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Reads a server's challenge, and trusts no length in it.
 *
 * @throws AuthenticationError saying what is wrong with it.
 * @see MS-NLMP section 2.2.1.2
 */
export function parseChallenge(bytes: Uint8Array): NtlmChallenge {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!isNtlmMessage(message)) throw broken('it does not begin with NTLMSSP')
  if (message.length < SHORTEST) throw broken(`it has ${message.length} bytes, and no challenge has less than 32`)
  const type = message.readUInt32LE(8)
  if (type !== 2) throw broken(`it is a message of type ${type}, not 2`)
  const flags = message.readUInt32LE(20)
  if (!hasFlag(flags, Flag.UNICODE)) throw broken('it does not agree to Unicode, and NTLMv2 knows nothing else')

  const hasTargetInfo = hasFlag(flags, Flag.TARGET_INFO)
  if (hasTargetInfo && message.length < HEAD_WITH_TARGET_INFO) throw broken('it ends before its target information')
  const headEnd = hasTargetInfo ? HEAD_WITH_TARGET_INFO : SHORTEST
  const name = readSpan(message, { at: 12, headEnd, what: 'target name' })
  const info = hasTargetInfo ? readSpan(message, { at: 40, headEnd, what: 'target information' }) : null
  if (name !== null && info !== null && name.start < info.end && info.start < name.end) {
    throw broken('its target name and target information overlap')
  }
  return {
    flags,
    serverChallenge: message.subarray(24, 32),
    targetInfo: info === null ? null : parseAvPairs(message.subarray(info.start, info.end)),
    bytes: message,
  }
}

/** Where a part of the payload is; `null` if it is empty, wherever that may be. */
function readSpan(
  message: Buffer,
  { at, headEnd, what }: { readonly at: number; readonly headEnd: number; readonly what: string },
): Span | null {
  const length = message.readUInt16LE(at)
  const start = message.readUInt32LE(at + 4)
  if (length === 0) return null
  const end = start + length
  if (start < headEnd) throw broken(`its ${what} starts at byte ${start}, inside its head`)
  if (end > message.length) throw broken(`its ${what} ends at byte ${end}, and it has ${message.length}`)
  return { start, end }
}

function broken(why: string): AuthenticationError {
  return new AuthenticationError(`the server's NTLM challenge is malformed: ${why}`)
}
