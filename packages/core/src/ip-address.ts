import { isIPv6 } from 'node:net'

/**
 * The bytes of an IP address: 4 or 16, an IPv4-mapped one as IPv4; `null` if the text is none.
 *
 * @param text - without brackets; a zone after `%` does not count.
 */
export function parseAddress(text: string): Uint8Array | null {
  if (!text.includes(':')) return parseIPv4(text)
  const [address = ''] = text.split('%', 1)
  return isIPv6(address) ? unmap(parseIPv6(address)) : null
}

/** As `inet_aton` and URL parsers do: one to four parts, each decimal, octal (`010`) or hexadecimal (`0x8`), the last filling what is left. */
function parseIPv4(text: string): Uint8Array | null {
  if (text.length > 60 || !/^[0-9]/.test(text)) return null
  const parts = text.split('.')
  const last = parseNumber(parts.pop() as string)
  const leading = parts.map(parseNumber)
  if (leading.length > 3 || leading.some((part) => !(part <= 0xff)) || !(last < 256 ** (4 - leading.length)))
    return null
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, last)
  bytes.set(leading)
  return bytes
}

/** `NaN` if it is no number. */
function parseNumber(part: string): number {
  if (/^0x[0-9a-f]*$/i.test(part)) return part.length === 2 ? 0 : Number(part)
  if (/^0[0-7]+$/.test(part)) return Number.parseInt(part, 8)
  return /^(?:0|[1-9][0-9]*)$/.test(part) ? Number(part) : Number.NaN
}

/** @param text - an address that is known to be valid, without zone. */
function parseIPv6(text: string): Uint8Array {
  const dotted = text.lastIndexOf(':') + 1
  const tail = text.includes('.') ? (parseIPv4(text.slice(dotted)) as Uint8Array) : null
  const plain = tail === null ? text : `${text.slice(0, dotted)}${groupOf(tail, 0)}:${groupOf(tail, 2)}`
  const [head = '', rest] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = rest === undefined || rest === '' ? [] : rest.split(':')
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (const [index, group] of before.entries()) view.setUint16(index * 2, Number.parseInt(group, 16))
  for (const [index, group] of after.entries()) {
    view.setUint16((8 - after.length + index) * 2, Number.parseInt(group, 16))
  }
  return bytes
}

function groupOf(bytes: Uint8Array, at: number): string {
  return (((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16)
}

/** RFC 4291 section 2.5.5.2: `::ffff:a.b.c.d` is `a.b.c.d`. */
function unmap(address: Uint8Array): Uint8Array {
  const isMapped = address.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff))
  return isMapped ? address.subarray(12) : address
}
