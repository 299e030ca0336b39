/** One thing in a directory. */
export interface FTPEntry {
  readonly name: string
  readonly type: 'file' | 'directory' | 'link' | 'other'
  /** Bytes; `null` if the server did not say. */
  readonly size: number | null
  /** ISO 8601, in UTC; from LIST only to the minute or day, in whatever zone the server thinks. `null` if it did not say. */
  readonly modified: string | null
  /** As the server writes them: `rw-r--r--`, or `0644` (unix.mode of MLSD). */
  readonly permissions?: string
  readonly owner?: string
  readonly group?: string
  /** Where a link leads, as the server writes it. */
  readonly target?: string
  /** Every fact of MLSD, by name in lower case (RFC 3659 section 7). */
  readonly facts?: Readonly<Record<string, string>>
}

/** The text of a listing: UTF-8, or Latin-1 if it is not that. */
export function decodeListing(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}

/** The lines of a listing, without those that are empty. */
export function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '')
}
