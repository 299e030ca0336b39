/** One element of DER: its tag, and where its content is. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
}

const MOST_LENGTH_BYTES = 4

/**
 * Reads the elements that stand one after the other.
 *
 * @param bytes - the content of a constructed element, or a whole document.
 * @throws RangeError for what is no DER: long-form tags, indefinite or overlong lengths, an end too early.
 * @see ITU-T X.690 section 8.1
 */
export function readDer(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = []
  for (let at = 0; at < bytes.length;) {
    const tag = byteAt(bytes, at)
    if ((tag & 0x1f) === 0x1f) throw new RangeError('DER: a tag in long form')
    const [length, start] = readLength(bytes, at + 1)
    if (start + length > bytes.length) throw new RangeError('DER: an element ends too early')
    elements.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return elements
}

/** @returns the length, and where the content starts. */
function readLength(bytes: Uint8Array, at: number): readonly [number, number] {
  const first = byteAt(bytes, at)
  if (first < 0x80) return [first, at + 1]
  const count = first & 0x7f
  if (count === 0 || count > MOST_LENGTH_BYTES) throw new RangeError('DER: an indefinite or overlong length')
  let length = 0
  for (let index = 1; index <= count; index++) length = length * 256 + byteAt(bytes, at + index)
  return [length, at + 1 + count]
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new RangeError('DER: an element ends too early')
  return byte
}
