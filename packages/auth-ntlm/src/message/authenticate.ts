import { AuthenticationError } from '@entreat/core'
import { createHead, MOST_FIELD_BYTES, VERSION, writeField } from './layout.ts'

/** What the last message of a handshake holds. */
export interface AuthenticateParts {
  readonly flags: number
  readonly domain: string
  readonly user: string
  readonly workstation: string
  readonly lmResponse: Uint8Array
  readonly ntResponse: Uint8Array
  /** Empty if no key was exchanged. */
  readonly encryptedSessionKey: Uint8Array
  /** Whether to leave room for the MIC. */
  readonly hasMic: boolean
  /** 8 bytes. Default: this client's. */
  readonly version?: Uint8Array
}

/** Where the MIC's 16 bytes are. */
export const MIC_OFFSET = 72

/**
 * The message that proves the password. Its MIC is zeros: it is computed over this very message.
 *
 * @throws AuthenticationError if a part is longer than its length field can say.
 * @see MS-NLMP section 2.2.1.3
 */
export function encodeAuthenticate(parts: AuthenticateParts): Buffer {
  const { flags, lmResponse, ntResponse, encryptedSessionKey, hasMic, version = VERSION } = parts
  const head = createHead(3, hasMic ? MIC_OFFSET + 16 : MIC_OFFSET)
  const payload: Uint8Array[] = []
  let offset = head.length
  const place = (at: number, bytes: Uint8Array): void => {
    if (bytes.length > MOST_FIELD_BYTES) {
      throw new AuthenticationError("the server's NTLM challenge is so long that no message can answer it")
    }
    writeField(head, at, bytes.length, offset)
    payload.push(bytes)
    offset += bytes.length
  }
  place(28, Buffer.from(parts.domain, 'utf16le'))
  place(36, Buffer.from(parts.user, 'utf16le'))
  place(44, Buffer.from(parts.workstation, 'utf16le'))
  place(12, lmResponse)
  place(20, ntResponse)
  place(52, encryptedSessionKey)
  head.writeUInt32LE(flags, 60)
  head.set(version, 64)
  return Buffer.concat([head, ...payload])
}
