/** Negotiate flags of MS-NLMP section 2.2.2.5 that the verifier looks at. */
export const ntlmFlags = {
  unicode: 0x1,
  oem: 0x2,
  requestTarget: 0x4,
  sign: 0x10,
  seal: 0x20,
  ntlm: 0x200,
  alwaysSign: 0x8000,
  targetTypeDomain: 0x1_0000,
  extendedSessionSecurity: 0x8_0000,
  targetInfo: 0x80_0000,
  version: 0x200_0000,
  key128: 0x2000_0000,
  keyExchange: 0x4000_0000,
  key56: 0x8000_0000,
} as const

/** Kinds of attribute-value pairs. MS-NLMP section 2.2.2.1. */
export const avIds = {
  end: 0,
  computerName: 1,
  domainName: 2,
  dnsComputerName: 3,
  flags: 6,
  timestamp: 7,
  targetName: 9,
  channelBindings: 10,
} as const

/** MsvAvFlags: the AUTHENTICATE message has a MIC. */
export const avFlagHasMic = 2

const signature = Buffer.from('NTLMSSP\0', 'latin1')

/** An attribute-value pair as it came. */
type AvPair = readonly [id: number, value: Buffer]

/** What is read of an AUTHENTICATE message. MS-NLMP section 2.2.1.3. */
export interface AuthenticateMessage {
  readonly lmResponse: Buffer
  readonly ntResponse: Buffer
  readonly domain: string
  readonly username: string
  readonly workstation: string
  readonly encryptedSessionKey: Buffer
  readonly flags: number
  /** Whether the message has room for a MIC, at byte 72. */
  readonly hasMicField: boolean
}

/** The blob that an NTLMv2 response ends with. MS-NLMP section 2.2.2.7. */
export interface ClientChallenge {
  /** Windows' 100 ns since 1601. */
  readonly timestamp: Buffer
  readonly pairs: readonly AvPair[]
}

/** A message that MS-NLMP does not allow. The text says what is wrong with it. */
export class MalformedMessage extends Error {}

/** The type of a message: 1, 2 or 3. */
export function messageType(message: Buffer): number {
  if (message.length < 12 || !message.subarray(0, 8).equals(signature)) {
    throw new MalformedMessage('it does not begin with NTLMSSP')
  }
  return message.readUInt32LE(8)
}

/** Reads the flags of a NEGOTIATE message. MS-NLMP section 2.2.1.1. */
export function readNegotiateFlags(message: Buffer): number {
  if (message.length < 32) throw new MalformedMessage(`a NEGOTIATE message of ${message.length} bytes is too short`)
  return message.readUInt32LE(12)
}

/** What a CHALLENGE message is made of. MS-NLMP section 2.2.1.2. */
export interface ChallengeFields {
  readonly flags: number
  readonly targetName: string
  /** 8 bytes. */
  readonly serverChallenge: Buffer
  readonly targetInfo: Buffer
}

/** Writes a CHALLENGE message. */
export function writeChallenge({ flags, targetName, serverChallenge, targetInfo }: ChallengeFields): Buffer {
  const name = Buffer.from(targetName, 'utf16le')
  const head = Buffer.alloc(56)
  signature.copy(head)
  head.writeUInt32LE(2, 8)
  writeField(head, 12, name.length, head.length)
  head.writeUInt32LE(flags >>> 0, 20)
  serverChallenge.copy(head, 24)
  writeField(head, 40, targetInfo.length, head.length + name.length)
  head.set([10, 0, 0, 0, 0, 0, 0, 15], 48) // Version: informational, revision 15
  return Buffer.concat([head, name, targetInfo])
}

/** Reads an AUTHENTICATE message. */
export function readAuthenticate(message: Buffer): AuthenticateMessage {
  if (message.length < 64) throw new MalformedMessage(`an AUTHENTICATE message of ${message.length} bytes is too short`)
  const flags = message.readUInt32LE(60)
  const encoding = (flags & ntlmFlags.unicode) === 0 ? 'latin1' : 'utf16le'
  const text = (at: number): string => readField(message, at).toString(encoding)
  const offsets = [12, 20, 28, 36, 44, 52].filter((at) => message.readUInt16LE(at) > 0)
  const payloadStart = Math.min(...offsets.map((at) => message.readUInt32LE(at + 4)))
  return {
    lmResponse: readField(message, 12),
    ntResponse: readField(message, 20),
    domain: text(28),
    username: text(36),
    workstation: text(44),
    encryptedSessionKey: readField(message, 52),
    flags,
    hasMicField: payloadStart >= 88,
  }
}

/** Reads the part of an NTLMv2 response after its proof. */
export function readClientChallenge(blob: Buffer): ClientChallenge {
  if (blob.length < 32 || blob[0] !== 1 || blob[1] !== 1) throw new MalformedMessage('its NTLMv2 response is malformed')
  const pairs = readAvPairs(blob.subarray(28))
  if (pairs.some(([id, value]) => id === avIds.flags && value.length !== 4)) {
    throw new MalformedMessage('the flags in its target information do not have 4 bytes')
  }
  return { timestamp: blob.subarray(8, 16), pairs }
}

/** Writes pairs and the one that ends them. */
export function writeAvPairs(pairs: readonly (readonly [id: number, value: Uint8Array])[]): Buffer {
  const written = pairs.map(([id, value]) => Buffer.concat([uint16(id), uint16(value.length), value]))
  return Buffer.concat([...written, Buffer.alloc(4)])
}

function readAvPairs(bytes: Buffer): AvPair[] {
  const pairs: AvPair[] = []
  for (let at = 0; at + 4 <= bytes.length;) {
    const [id, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)]
    if (id === avIds.end) return pairs
    if (at + 4 + length > bytes.length) break
    pairs.push([id, bytes.subarray(at + 4, at + 4 + length)])
    at += 4 + length
  }
  throw new MalformedMessage('its target information has no end')
}

function readField(message: Buffer, at: number): Buffer {
  const [length, offset] = [message.readUInt16LE(at), message.readUInt32LE(at + 4)]
  if (length > 0 && offset + length > message.length) throw new MalformedMessage(`its field at byte ${at} is outside`)
  return message.subarray(offset, offset + length)
}

function writeField(head: Buffer, at: number, length: number, offset: number): void {
  head.writeUInt16LE(length, at)
  head.writeUInt16LE(length, at + 2)
  head.writeUInt32LE(offset, at + 4)
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}
