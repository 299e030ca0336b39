import { createHead, VERSION, writeField } from './layout.ts'

/** With its version: gss-ntlmssp takes none that is shorter. */
const LENGTH = 40

/**
 * The message that opens a handshake. It names nobody.
 *
 * @param flags - what is offered.
 * @see MS-NLMP section 2.2.1.1
 */
export function encodeNegotiate(flags: number): Buffer {
  const message = createHead(1, LENGTH)
  message.writeUInt32LE(flags, 12)
  writeField(message, 16, 0, LENGTH)
  writeField(message, 24, 0, LENGTH)
  message.set(VERSION, 32)
  return message
}
