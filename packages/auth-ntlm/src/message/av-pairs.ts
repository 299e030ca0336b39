import { AuthenticationError } from '@entreat/core'

/**
 * What a server says of itself, and a client of what it wants from it.
 *
 * @see MS-NLMP section 2.2.2.1
 */
export const AvId = {
  END: 0,
  FLAGS: 6,
  TIMESTAMP: 7,
  TARGET_NAME: 9,
  CHANNEL_BINDINGS: 10,
} as const

/** MsvAvFlags: the client sends a MIC. */
export const AV_FLAG_MIC = 0x2

/** Values by id, in the order in which they are sent. */
export type AvPairs = ReadonlyMap<number, Uint8Array>

/**
 * Reads pairs up to their end; what follows it is ignored.
 *
 * @throws AuthenticationError if the end is missing, a value is longer than the rest, an id repeats, or a time or flags have another length than theirs.
 */
export function parseAvPairs(bytes: Uint8Array): AvPairs {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const pairs = new Map<number, Uint8Array>()
  for (let at = 0; at + 4 <= view.length;) {
    const id = view.readUInt16LE(at)
    const length = view.readUInt16LE(at + 2)
    if (id === AvId.END) return pairs
    const value = view.subarray(at + 4, at + 4 + length)
    if (value.length < length) throw broken(`pair ${id} says ${length} bytes and has ${value.length}`)
    if (pairs.has(id)) throw broken(`pair ${id} occurs twice`)
    if (id === AvId.TIMESTAMP && length !== 8) throw broken(`its time has ${length} bytes, not 8`)
    if (id === AvId.FLAGS && length !== 4) throw broken(`its flags have ${length} bytes, not 4`)
    pairs.set(id, value)
    at += 4 + length
  }
  throw broken('it ends without an end mark')
}

/** The pairs as they travel, with their end. */
export function encodeAvPairs(pairs: AvPairs): Buffer {
  const parts: Uint8Array[] = []
  for (const [id, value] of pairs) {
    const head = Buffer.alloc(4)
    head.writeUInt16LE(id)
    head.writeUInt16LE(value.length, 2)
    parts.push(head, value)
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

function broken(why: string): AuthenticationError {
  return new AuthenticationError(`the target information of the server's NTLM challenge is malformed: ${why}`)
}
