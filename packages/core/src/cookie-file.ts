import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { Cookie } from 'tough-cookie'
import { CookieStoreError } from './errors.ts'

/** `json` keeps all that is known of a cookie; `netscape` is read by curl, wget, yt-dlp and Python's MozillaCookieJar. */
export type CookieFormat = 'json' | 'netscape'

/** Options of `CookieJar.save`. */
export interface SaveCookiesOptions {
  /** Default `json`. */
  readonly format?: CookieFormat
  /** Whether to keep cookies that end with the session. Default `false`. */
  readonly keepsSessionCookies?: boolean
}

const NETSCAPE_HEADER = '# Netscape HTTP Cookie File'
const HTTP_ONLY = '#HttpOnly_'

/** Writes a file whole or not at all, for the owner's eyes only. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      // Without it, a crash may leave the new name with nothing behind it.
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** What a cookie file holds: cookies of a text in Netscape format, or JSON to be made cookies of. */
export async function readCookieFile(path: string): Promise<{ cookies: Cookie[] } | { json: unknown }> {
  const text = (await readFile(path, 'utf8')).replace(/^\ufeff/, '')
  if (!text.trimStart().startsWith('{')) return { cookies: parseNetscape(text, path) }
  try {
    return { json: JSON.parse(text) }
  } catch (error) {
    // The message of a SyntaxError quotes the text, and cookies are secrets.
    throw new CookieStoreError(`${path} is no cookie file in JSON${whereOf(error as Error, text)}`)
  }
}

/** Where JSON.parse stopped, as far as its message says. */
function whereOf({ message }: Error, text: string): string {
  const position = / at position (\d+)/.exec(message)?.[1]
  const end = position === undefined ? text.length : Number(position)
  return `: line ${text.slice(0, end).split('\n').length} cannot be read`
}

/**
 * The cookies of a text in Netscape format; those that have expired are left out.
 *
 * @param file - what to call the text in an error.
 * @throws CookieStoreError for a line that is none, naming but not repeating it.
 */
export function parseNetscape(text: string, file: string): Cookie[] {
  const cookies: Cookie[] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const isHttpOnly = raw.startsWith(HTTP_ONLY)
    const line = isHttpOnly ? raw.slice(HTTP_ONLY.length) : raw
    if (line.trim() === '' || line.startsWith('#')) continue
    const cookie = netscapeCookie(line, isHttpOnly)
    if (cookie === null) throw new CookieStoreError(`Line ${index + 1} of ${file} is no cookie in Netscape format`)
    if (cookie.TTL() > 0) cookies.push(cookie)
  }
  return cookies
}

function netscapeCookie(line: string, isHttpOnly: boolean): Cookie | null {
  const fields = line.split('\t')
  const [domain = '', subdomains = '', path = '', secure = '', expires = '', name = '', ...value] = fields
  const isFlag = (text: string): boolean => /^(?:TRUE|FALSE)$/i.test(text)
  // Python's jar leaves the time of a cookie of the session empty; extensions of browsers write fractions.
  const isTime = /^(?:-?\d{1,15}(?:\.\d{1,9})?)?$/.test(expires)
  if (fields.length < 6 || !isFlag(subdomains) || !isFlag(secure) || !path.startsWith('/') || !isTime) return null
  // wget adds a port that is not the usual one.
  const host = domain.replace(/^\./, '').replace(/^([^:]+):\d{1,5}$/, '$1')
  if (host === '') return null
  // A cookie without a name is written as its value alone: with an empty name by Python's jar, without the field by others.
  const isNameless = fields.length === 6
  return new Cookie({
    key: isNameless ? '' : name,
    value: isNameless ? name : value.join('\t'),
    domain: host.toLowerCase(),
    path,
    secure: /^TRUE$/i.test(secure),
    httpOnly: isHttpOnly,
    hostOnly: /^FALSE$/i.test(subdomains),
    expires: expires === '' || Number(expires) === 0 ? 'Infinity' : new Date(Number(expires) * 1000),
  })
}

/** Cookies in Netscape format. One that the format cannot say, because there is a tab or a line break in it, is left out: it would spoil the file. */
export function formatNetscape(cookies: readonly Cookie[]): string {
  const lines = cookies.map(netscapeFields).filter((fields) => fields.every((field) => !/[\t\r\n]/.test(field)))
  return [NETSCAPE_HEADER, '', ...lines.map((fields) => fields.join('\t')), ''].join('\n')
}

function netscapeFields(cookie: Cookie): readonly string[] {
  const { key, value, domain, path, hostOnly, secure, httpOnly } = cookie
  const expires = expiryOf(cookie)
  return [
    `${httpOnly ? HTTP_ONLY : ''}${hostOnly === true ? '' : '.'}${domain ?? ''}`,
    hostOnly === true ? 'FALSE' : 'TRUE',
    path ?? '/',
    secure ? 'TRUE' : 'FALSE',
    String(expires === null ? 0 : Math.floor(expires.getTime() / 1000)),
    key,
    value,
  ]
}

/** When a cookie ends; `null` for one that ends with the session. */
export function expiryOf(cookie: Cookie): Date | null {
  // For a cookie that ends with the session tough-cookie has a date far away.
  const expires = cookie.isPersistent() ? cookie.expiryDate() : undefined
  return expires instanceof Date && Number.isFinite(expires.getTime()) ? expires : null
}
