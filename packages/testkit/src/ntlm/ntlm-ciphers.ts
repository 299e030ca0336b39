import { createHmac } from 'node:crypto'

/** Additive constants and shift amounts of the three rounds. RFC 1320 section 3.4. */
const rounds = [
  { constant: 0, shifts: [3, 7, 11, 19], order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] },
  { constant: 0x5a827999, shifts: [3, 5, 9, 13], order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15] },
  { constant: 0x6ed9eba1, shifts: [3, 9, 11, 15], order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15] },
] as const

/**
 * Hashes with MD4, which NTLM is made of and OpenSSL 3 has in a provider that is off by default.
 *
 * @returns 16 bytes.
 * @see RFC 1320
 */
export function md4(input: Uint8Array): Buffer {
  const message = pad(input)
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
  for (let offset = 0; offset < message.length; offset += 64) addBlock(state, message, offset)
  const digest = Buffer.alloc(16)
  for (const [index, word] of state.entries()) digest.writeUInt32LE(word, index * 4)
  return digest
}

/** HMAC with MD5. @returns 16 bytes. */
export function hmacMd5(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('md5', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** Encrypts, or decrypts, with RC4: `node:crypto` has it only with OpenSSL's legacy provider. */
export function rc4(key: Uint8Array, input: Uint8Array): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index)
  const swap = (left: number, right: number): void => {
    const kept = state[left] ?? 0
    state[left] = state[right] ?? 0
    state[right] = kept
  }
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + (state[i] ?? 0) + (key[i % key.length] ?? 0)) & 255
    swap(i, j)
  }
  const output = Buffer.alloc(input.length)
  for (let at = 0, i = 0, j = 0; at < input.length; at += 1) {
    i = (i + 1) & 255
    j = (j + (state[i] ?? 0)) & 255
    swap(i, j)
    output[at] = (input[at] ?? 0) ^ (state[((state[i] ?? 0) + (state[j] ?? 0)) & 255] ?? 0)
  }
  return output
}

/** RFC 1320 sections 3.1 and 3.2: a one bit, zeros, and the length in bits, to a multiple of 64 bytes. */
function pad(input: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((input.length + 9) / 64) * 64)
  padded.set(input)
  padded[input.length] = 0x80
  padded.writeBigUInt64LE(BigInt(input.length) * 8n, padded.length - 8)
  return padded
}

function addBlock(state: Uint32Array, message: Buffer, offset: number): void {
  const words = Uint32Array.from({ length: 16 }, (_, index) => message.readUInt32LE(offset + index * 4))
  let [a = 0, b = 0, c = 0, d = 0] = state
  for (const [round, { constant, shifts, order }] of rounds.entries()) {
    for (const [step, word] of order.entries()) {
      const sum = (a + mix(round, b, c, d) + (words[word] ?? 0) + constant) >>> 0
      const shift = shifts[step % 4] ?? 0
      const rotated = ((sum << shift) | (sum >>> (32 - shift))) >>> 0
      ;[a, b, c, d] = [d, rotated, b, c]
    }
  }
  for (const [index, value] of [a, b, c, d].entries()) state[index] = ((state[index] ?? 0) + value) >>> 0
}

/** The functions F, G and H of RFC 1320 section 3.4. */
function mix(round: number, x: number, y: number, z: number): number {
  if (round === 0) return (x & y) | (~x & z)
  return round === 1 ? (x & y) | (x & z) | (y & z) : x ^ y ^ z
}
