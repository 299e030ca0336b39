import { encodeAvPairs } from '../../src/message/av-pairs.ts'
import { contextTag, encodeElement, Tag } from '../../src/spnego/der.ts'

/** What Windows agrees to, Unicode, target information and key exchange among it. */
export const SERVER_FLAGS = 0xe28a8235

/** FILETIME of 2026-01-01. */
const TIME = 134_116_992_000_000_000n

/** What a test wants a challenge to be like. */
export interface ChallengeShape {
  readonly flags?: number
  readonly targetName?: string
  /** Pairs by id; `null` for none at all. Default: names and the time. */
  readonly pairs?: ReadonlyMap<number, Uint8Array> | null
  readonly serverChallenge?: Uint8Array
}

/** A server's CHALLENGE message. */
export function challengeMessage(shape: ChallengeShape = {}): Buffer {
  const { flags = SERVER_FLAGS, targetName = 'Server', serverChallenge = Buffer.alloc(8, 0x11) } = shape
  const name = Buffer.from(targetName, 'utf16le')
  const pairs = shape.pairs === undefined ? defaultPairs() : shape.pairs
  const info = pairs === null ? Buffer.alloc(0) : encodeAvPairs(pairs)
  const head = Buffer.alloc(56)
  head.write('NTLMSSP\0', 'latin1')
  head.writeUInt32LE(2, 8)
  writeSpan(head, 12, name.length, 56)
  head.writeUInt32LE(flags, 20)
  head.set(serverChallenge, 24)
  writeSpan(head, 40, info.length, 56 + name.length)
  return Buffer.concat([head, name, info])
}

export function writeSpan(message: Buffer, at: number, length: number, offset: number): void {
  message.writeUInt16LE(length, at)
  message.writeUInt16LE(length, at + 2)
  message.writeUInt32LE(offset, at + 4)
}

export function defaultPairs(): Map<number, Uint8Array> {
  const time = Buffer.alloc(8)
  time.writeBigUInt64LE(TIME)
  return new Map([
    [2, Buffer.from('Domain', 'utf16le')],
    [1, Buffer.from('Server', 'utf16le')],
    [7, time],
  ])
}

/** A part of a client's message, whose place is written at `at`. */
export function partOf(message: Buffer, at: number): Buffer {
  const offset = message.readUInt32LE(at + 4)
  return message.subarray(offset, offset + message.readUInt16LE(at))
}

/** What an acceptor's SPNEGO token holds. */
export interface ReplyShape {
  /** 0 accept-completed, 1 accept-incomplete, 2 reject, 3 request-mic. */
  readonly state?: number
  /** Content of an object identifier, hexadecimal. */
  readonly mechanism?: string
  readonly token?: Uint8Array
  readonly mic?: Uint8Array
}

/** NTLM's object identifier. */
export const NTLM_OID = '2b06010401823702020a'

/** An acceptor's SPNEGO token. */
export function spnegoReply({ state, mechanism, token, mic }: ReplyShape): Buffer {
  const fields: Buffer[] = []
  const add = (number: number, tag: number, content: Uint8Array): void => {
    fields.push(encodeElement(contextTag(number), encodeElement(tag, content)))
  }
  if (state !== undefined) add(0, Tag.ENUMERATED, Buffer.from([state]))
  if (mechanism !== undefined) add(1, Tag.OBJECT_IDENTIFIER, Buffer.from(mechanism, 'hex'))
  if (token !== undefined) add(2, Tag.OCTET_STRING, token)
  if (mic !== undefined) add(3, Tag.OCTET_STRING, mic)
  return encodeElement(contextTag(1), encodeElement(Tag.SEQUENCE, ...fields))
}
