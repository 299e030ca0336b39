import { Flag } from '../message/flags.ts'
import { hmacMd5, md5 } from './md5.ts'
import { Rc4 } from './rc4.ts'

/** Who signs. */
export type Side = 'client' | 'server'

/** What a session has agreed on. */
export interface SessionKeys {
  /** ExportedSessionKey, 16 bytes. */
  readonly sessionKey: Uint8Array
  /** The flags of the AUTHENTICATE message. */
  readonly flags: number
}

/**
 * Signs the messages of one side of a session, numbered from 0.
 *
 * @see MS-NLMP section 3.4.4.2, with extended session security
 */
export class MessageSigner {
  readonly #key: Buffer
  readonly #cipher: Rc4
  readonly #encryptsChecksum: boolean
  #sequence = 0

  /** @param cipher - the side's RC4 stream; default: a fresh one. */
  constructor(session: SessionKeys, side: Side, cipher: Rc4 = new Rc4(sealingKey(session, side))) {
    this.#key = signingKey(session.sessionKey, side)
    this.#cipher = cipher
    this.#encryptsChecksum = (session.flags & Flag.KEY_EXCHANGE) !== 0
  }

  /** Version 1, checksum and number: 16 bytes. */
  sign(message: Uint8Array): Buffer {
    const sequence = Buffer.alloc(4)
    sequence.writeUInt32LE(this.#sequence++)
    const checksum = hmacMd5(this.#key, sequence, message).subarray(0, 8)
    const shown = this.#encryptsChecksum ? this.#cipher.update(checksum) : checksum
    return Buffer.concat([Buffer.from([1, 0, 0, 0]), shown, sequence])
  }
}

/** MS-NLMP section 3.4.5.2, SIGNKEY. */
export function signingKey(sessionKey: Uint8Array, side: Side): Buffer {
  return md5(sessionKey, magic(side, 'signing'))
}

/** MS-NLMP section 3.4.5.3, SEALKEY: as much of the session key counts as both have agreed to. */
export function sealingKey({ sessionKey, flags }: SessionKeys, side: Side): Buffer {
  const strong = (flags & Flag.KEY_128) !== 0 ? 16 : (flags & Flag.KEY_56) !== 0 ? 7 : 5
  return md5(sessionKey.subarray(0, strong), magic(side, 'sealing'))
}

function magic(side: Side, purpose: 'signing' | 'sealing'): Buffer {
  const way = side === 'client' ? 'client-to-server' : 'server-to-client'
  return Buffer.from(`session key to ${way} ${purpose} key magic constant\0`, 'latin1')
}
