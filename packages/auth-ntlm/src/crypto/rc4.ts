/**
 * The stream cipher of NTLM's session keys. OpenSSL 3 has it in its legacy provider alone, which Node does not load.
 *
 * One instance is one stream: what it encrypts depends on all that it has encrypted before.
 */
export class Rc4 {
  readonly #state = Uint8Array.from({ length: 256 }, (_, index) => index)
  #i = 0
  #j = 0

  /** @param key - 1 to 256 bytes. */
  constructor(key: Uint8Array) {
    const state = this.#state
    let j = 0
    for (let i = 0; i < 256; i++) {
      const value = state[i] as number
      j = (j + value + (key[i % key.length] as number)) & 0xff
      state[i] = state[j] as number
      state[j] = value
    }
  }

  /** Encrypts or decrypts what comes next in the stream. */
  update(bytes: Uint8Array): Buffer {
    const state = this.#state
    const out = Buffer.alloc(bytes.length)
    for (let at = 0; at < bytes.length; at++) {
      this.#i = (this.#i + 1) & 0xff
      const a = state[this.#i] as number
      this.#j = (this.#j + a) & 0xff
      const b = state[this.#j] as number
      state[this.#i] = b
      state[this.#j] = a
      out[at] = (bytes[at] as number) ^ (state[(a + b) & 0xff] as number)
    }
    return out
  }
}
