/** The part of a file that a request wants. */
export interface ByteRange {
  /** First byte, from 0. */
  readonly first: number
  /** Last byte, inclusive; `null` for the end. */
  readonly last: number | null
}

/**
 * Reads `Range: bytes=…` with one range.
 *
 * @param size - of the file, or `null` if it is unknown.
 * @returns `null` for no header, another unit, several ranges, or what cannot be told without a size: the whole file is then the answer
 * (RFC 9110 section 14.2); `'unsatisfiable'` for a range beyond the end.
 */
export function parseRange(header: string | null, size: number | null): ByteRange | null | 'unsatisfiable' {
  const [, from = '', to = ''] = /^bytes=\s*([0-9]{0,15})\s*-\s*([0-9]{0,15})\s*$/i.exec(header ?? '') ?? []
  if (from === '' && to === '') return null
  if (from === '') return suffixRange(Number(to), size)
  const first = Number(from)
  const last = to === '' ? null : Number(to)
  if (last !== null && last < first) return null
  if (size !== null && first >= size) return 'unsatisfiable'
  return { first, last: last === null || (size !== null && last >= size - 1) ? null : last }
}

function suffixRange(length: number, size: number | null): ByteRange | null | 'unsatisfiable' {
  if (size === null) return null
  if (length === 0 || size === 0) return 'unsatisfiable'
  return { first: Math.max(0, size - length), last: null }
}

/** Where an upload goes on, by its `Content-Range: bytes 100-…/*`; 0 without one. `null` for one that cannot be meant. */
export function uploadOffset(header: string | null): number | null {
  if (header === null) return 0
  const [, first] = /^bytes ([0-9]{1,15})-(?:[0-9]*)\/(?:[0-9]+|\*)$/i.exec(header) ?? []
  return first === undefined ? null : Number(first)
}
