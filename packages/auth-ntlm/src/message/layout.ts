/** The first bytes of every NTLM message. */
const SIGNATURE: Buffer = Buffer.from('NTLMSSP\0', 'latin1')

/** MS-NLMP section 2.2.2.10: the version fields are for debugging; this one says 10.0, revision 15. */
export const VERSION: Buffer = Buffer.from([10, 0, 0, 0, 0, 0, 0, 15])

/** What a length field can say. */
export const MOST_FIELD_BYTES = 0xffff

/** Whether bytes are an NTLM message, of whatever type. */
export function isNtlmMessage(bytes: Uint8Array): boolean {
  return bytes.length >= SIGNATURE.length && SIGNATURE.equals(bytes.subarray(0, SIGNATURE.length))
}

/** A message's head: its signature, its type, and zeros. */
export function createHead(type: 1 | 3, length: number): Buffer {
  const head = Buffer.alloc(length)
  head.set(SIGNATURE)
  head.writeUInt32LE(type, 8)
  return head
}

/** Writes length, room and offset of a part of the payload (MS-NLMP section 2.2.1.3). */
export function writeField(head: Buffer, at: number, length: number, offset: number): void {
  head.writeUInt16LE(length, at)
  head.writeUInt16LE(length, at + 2)
  head.writeUInt32LE(offset, at + 4)
}
