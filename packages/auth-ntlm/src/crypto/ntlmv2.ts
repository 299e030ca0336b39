import { hmacMd5 } from './md5.ts'

/** What an NTLMv2 response is computed from. */
export interface ResponseParts {
  /** Of {@link responseKey}. */
  readonly key: Uint8Array
  /** 8 bytes. */
  readonly serverChallenge: Uint8Array
  /** 8 bytes. */
  readonly clientChallenge: Uint8Array
  /** FILETIME: 100 ns since 1601, UTC. */
  readonly time: bigint
  /** AV pairs, with their end. */
  readonly targetInfo: Uint8Array
}

/**
 * The key that proves the password: all that a client need keep of it.
 *
 * @param hash - the NT hash, 16 bytes.
 * @param user - as it is sent; its case does not matter.
 * @param domain - as it is sent; its case does matter.
 * @see MS-NLMP section 3.3.2, NTOWFv2
 */
export function responseKey(hash: Uint8Array, user: string, domain: string): Buffer {
  return hmacMd5(hash, Buffer.from(upperCase(user) + domain, 'utf16le'))
}

/**
 * The NTLMv2 response, and the key of the session that it starts.
 *
 * @see MS-NLMP section 3.3.2, ComputeResponse
 */
export function ntlmv2Response({ key, serverChallenge, clientChallenge, time, targetInfo }: ResponseParts): {
  readonly response: Buffer
  readonly sessionBaseKey: Buffer
} {
  // Version and highest version, 1 and 1, then reserved bytes around time, challenge and pairs.
  const temp = Buffer.alloc(28 + targetInfo.length + 4)
  temp.writeUInt16LE(0x0101, 0)
  temp.writeBigUInt64LE(time, 8)
  temp.set(clientChallenge, 16)
  temp.set(targetInfo, 28)
  const proof = hmacMd5(key, serverChallenge, temp)
  return { response: Buffer.concat([proof, temp]), sessionBaseKey: hmacMd5(key, proof) }
}

/** The LMv2 response: for servers that tell no time, and so might look at nothing else. */
export function lmv2Response(key: Uint8Array, serverChallenge: Uint8Array, clientChallenge: Uint8Array): Buffer {
  return Buffer.concat([hmacMd5(key, serverChallenge, clientChallenge), clientChallenge])
}

/** Windows maps one UTF-16 unit to one: ß stays ß, where `toUpperCase()` of the whole makes it SS. */
function upperCase(text: string): string {
  let upper = ''
  for (let at = 0; at < text.length; at++) {
    const unit = text.charAt(at)
    const mapped = unit.toUpperCase()
    upper += mapped.length === 1 ? mapped : unit
  }
  return upper
}
