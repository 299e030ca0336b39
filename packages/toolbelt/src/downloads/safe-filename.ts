import type { Response } from '@entreat/core'
import { asUtf8, decodeExtended, parseParameterized } from '../header/parameters.ts'

/** Options of {@link safeFilename}. */
export interface SafeFilenameOptions {
  /** Keep a leading dot. Default `false`: a server does not get to write `.bashrc`. */
  readonly dotfiles?: boolean
}

/** Longest name that common file systems take, in bytes. */
const MOST_BYTES = 255
/** Names that are devices on Windows, whatever their extension. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i

/**
 * A name that a stranger has chosen, as a name that may be written in one folder on any system: the last component of a path, without control and
 * direction characters, separators, leading dots, characters that Windows reserves, trailing dots and blanks, device names; at most 255 bytes.
 *
 * @returns `null` if nothing is left.
 * @see RFC 6266 section 4.3
 */
export function safeFilename(name: string, options: SafeFilenameOptions = {}): string | null {
  const [last = ''] = name.split(/[/\\]/).slice(-1)
  let safe = last
    // Controls, and what reverses the direction of text: `exe.gpj` can be made to look like `jpg.exe`.
    .replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '')
    .replace(/[<>:"|?*]/g, '_')
    .replace(/[\ud800-\udfff]/gu, '_')
    .trim()
    .replace(/[. ]+$/, '')
  if (options.dotfiles !== true) safe = safe.replace(/^[. ]+/, '')
  if (safe === '') return null
  if (DEVICE.test(safe)) safe = `_${safe}`
  return shortened(safe)
}

/** At most 255 bytes; the extension is kept. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MOST_BYTES) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= 20 ? name.slice(dot) : ''
  let kept = ''
  for (const character of name.slice(0, name.length - extension.length)) {
    if (Buffer.byteLength(kept + character + extension) > MOST_BYTES) break
    kept += character
  }
  return kept + extension
}

/**
 * The name under which a response may be saved: that of Content-Disposition (`filename*` before `filename`), else the last segment of the URL's path; made
 * safe.
 *
 * @returns `null` if there is none.
 * @see RFC 6266
 */
export function filenameOf(response: Response, options: SafeFilenameOptions = {}): string | null {
  const disposition = response.headers.get('content-disposition')
  const params = disposition === null ? null : parseParameterized(disposition).params
  const extended = params?.get('filename*')
  const plain = params?.get('filename')
  const candidates = [
    extended === undefined ? null : decodeExtended(extended),
    plain === undefined ? null : asUtf8(plain),
    lastSegment(response.url),
  ]
  for (const candidate of candidates) {
    const safe = candidate === null ? null : safeFilename(candidate, options)
    if (safe !== null) return safe
  }
  return null
}

function lastSegment(url: string): string | null {
  const segment = /^[^?#]*\/\/[^/?#]*\/(?:[^?#]*\/)?([^/?#]*)/.exec(url)?.[1] ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
