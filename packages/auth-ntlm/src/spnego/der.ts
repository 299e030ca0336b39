/** One element of a DER encoding. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  /** Where the next one begins. */
  readonly end: number
}

export const Tag = {
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  ENUMERATED: 0x0a,
  SEQUENCE: 0x30,
  APPLICATION_0: 0x60,
} as const

/** The tag of a constructed, context-specific element. */
export function contextTag(number: number): number {
  return 0xa0 + number
}

/**
 * Reads one element.
 *
 * @returns `null` if there is none: tags of several bytes, indefinite lengths, lengths of more than four bytes, or beyond the end of the bytes.
 * @see X.690 section 8.1
 */
export function readElement(bytes: Uint8Array, at = 0): DerElement | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const tag = view[at]
  const first = view[at + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return null
  let start = at + 2
  let length = first
  if (first >= 0x80) {
    const size = first - 0x80
    if (size === 0 || size > 4 || start + size > view.length) return null
    length = view.readUIntBE(start, size)
    start += size
  }
  const end = start + length
  return end > view.length ? null : { tag, content: view.subarray(start, end), end }
}

/** Reads what stands one after the other, up to the end; `null` if any of it is broken. */
export function readElements(bytes: Uint8Array): readonly DerElement[] | null {
  const elements: DerElement[] = []
  for (let at = 0; at < bytes.length;) {
    const element = readElement(bytes, at)
    if (element === null) return null
    elements.push(element)
    at = element.end
  }
  return elements
}

/** Encodes one element. */
export function encodeElement(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.from([tag]), encodeLength(length), ...content])
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const size = length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4
  const bytes = Buffer.alloc(1 + size)
  bytes[0] = 0x80 + size
  bytes.writeUIntBE(length, 1, size)
  return bytes
}
