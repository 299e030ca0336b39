import { create_NT_hashed_password } from 'httpntlm/ntlm.js'

/**
 * The NT hash of a password: MD4, which OpenSSL 3 has put away, over UTF-16LE.
 *
 * httpntlm is asked for this and nothing else: its messages differ from the specification, and its HTTP client is never loaded.
 *
 * @param password - any text, the empty one included.
 * @returns 16 bytes.
 * @see MS-NLMP section 3.3.1, NTOWFv1
 */
export function ntHash(password: string): Buffer {
  return create_NT_hashed_password(password)
}
