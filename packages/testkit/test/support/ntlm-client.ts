import { createHash } from 'node:crypto'
import { hmacMd5, md4, rc4 } from '../../src/ntlm/ntlm-ciphers.ts'

/** Unicode, sign, NTLM, always sign, extended session security, version, 128 bits, key exchange, 56 bits. */
const clientFlags = 0xe208_8211
const clientChallenge = Buffer.alloc(8, 0xaa)

/** How a message is made; the defaults are right for a verifier of user `user`, password `pass`. */
export interface NtlmAnswer {
  readonly username?: string
  readonly password?: string
  readonly domain?: string
  /** Default: the challenge's. */
  readonly timestamp?: Buffer
  readonly flags?: number
  readonly lmResponse?: Buffer
  /** Default: an NTLMv2 response. */
  readonly ntResponse?: Buffer
  /** Default `true`. */
  readonly hasMic?: boolean
  /** Whether MsvAvFlags says that there is a MIC. Default: as `hasMic`. */
  readonly announcesMic?: boolean
  /** The certificate whose bindings are sent. Default: none. */
  readonly certificate?: Uint8Array
  readonly targetName?: string
  /** Default: the challenge's. */
  readonly targetInfo?: Buffer
}

/** A NEGOTIATE message, with a version. */
export function negotiateMessage(flags: number = clientFlags): Buffer {
  const message = Buffer.alloc(40)
  message.write('NTLMSSP\0', 'latin1')
  message.writeUInt32LE(1, 8)
  message.writeUInt32LE(flags >>> 0, 12)
  return message
}

/** The AUTHENTICATE message for a challenge. Written from MS-NLMP section 3.1.5.1.2, apart from the code under test. */
export function authenticateMessage(negotiate: Buffer, challenge: Buffer, answer: NtlmAnswer = {}): Buffer {
  const { username = 'user', password = 'pass', domain = 'DOM', flags = clientFlags, hasMic = true } = answer
  const infoStart = challenge.readUInt32LE(44)
  const info = answer.targetInfo ?? challenge.subarray(infoStart, infoStart + challenge.readUInt16LE(40))
  const timestamp = answer.timestamp ?? timestampOf(info)
  const key = hmacMd5(md4(utf16(password)), utf16(username.toUpperCase() + domain))
  const temp = Buffer.concat([
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]),
    timestamp,
    clientChallenge,
    Buffer.alloc(4),
    info.subarray(0, -4),
    ownPairs(answer, answer.announcesMic ?? hasMic),
    Buffer.alloc(8),
  ])
  const proof = hmacMd5(key, challenge.subarray(24, 32), temp)
  const sessionKey = Buffer.alloc(16, 0x55)
  const fields = [
    answer.lmResponse ?? Buffer.alloc(24),
    answer.ntResponse ?? Buffer.concat([proof, temp]),
    utf16(domain),
    utf16(username),
    utf16('PC'),
    rc4(hmacMd5(key, proof), sessionKey),
  ]
  const message = layOut(fields, flags, hasMic)
  if (hasMic) hmacMd5(sessionKey, negotiate, challenge, message).copy(message, 72)
  return message
}

function layOut(fields: readonly Buffer[], flags: number, hasMic: boolean): Buffer {
  const head = Buffer.alloc(hasMic ? 88 : 72)
  head.write('NTLMSSP\0', 'latin1')
  head.writeUInt32LE(3, 8)
  let offset = head.length
  for (const [index, field] of fields.entries()) {
    head.writeUInt16LE(field.length, 12 + index * 8)
    head.writeUInt16LE(field.length, 14 + index * 8)
    head.writeUInt32LE(offset, 16 + index * 8)
    offset += field.length
  }
  head.writeUInt32LE(flags >>> 0, 60)
  return Buffer.concat([head, ...fields])
}

function ownPairs({ certificate, targetName }: NtlmAnswer, announcesMic: boolean): Buffer {
  const pairs: Buffer[] = []
  if (announcesMic) pairs.push(pair(6, Buffer.from([2, 0, 0, 0])))
  if (certificate !== undefined) pairs.push(pair(10, bindingsOf(certificate)))
  if (targetName !== undefined) pairs.push(pair(9, utf16(targetName)))
  return Buffer.concat(pairs)
}

function bindingsOf(certificate: Uint8Array): Buffer {
  const hash = createHash('sha256').update(certificate).digest()
  const data = Buffer.concat([Buffer.from('tls-server-end-point:'), hash])
  return createHash('md5')
    .update(Buffer.concat([Buffer.alloc(16), Buffer.from([data.length, 0, 0, 0]), data]))
    .digest()
}

/** The value of the pair that has the time, which is the last one; zeros if there is none. */
function timestampOf(info: Buffer): Buffer {
  const at = info.length - 16
  return at >= 0 && info.readUInt16LE(at) === 7 ? info.subarray(at + 4, at + 12) : Buffer.alloc(8)
}

function pair(id: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id, 0, value.length, 0]), value])
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}
