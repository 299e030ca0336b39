/**
 * Makes bytes that look random and are the same for the same seed, as `/bytes/:n?seed=` sends them.
 *
 * @param length - number of bytes.
 * @param seed - any integer; its low 32 bits count. Default 0.
 */
export function seededBytes(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  // Mulberry32, Tommy Ettinger's 32-bit generator: short, and even enough for a payload.
  let state = seed | 0
  for (let index = 0; index < length; index += 1) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    bytes[index] = (mixed ^ (mixed >>> 14)) & 0xff
  }
  return bytes
}

const blockBytes = 65_536

/**
 * The body that `/download/:n?seed=` streams: one seeded block of 64 KiB, repeated and cut at `length`.
 *
 * @param length - number of bytes.
 * @param seed - as for {@link seededBytes}.
 */
export function* seededBlocks(length: number, seed = 0): Generator<Buffer, void, void> {
  const block = seededBytes(Math.min(length, blockBytes), seed)
  for (let sent = 0; sent < length; sent += blockBytes) {
    yield block.subarray(0, Math.min(blockBytes, length - sent))
  }
}
