import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { Cookie } from 'tough-cookie'
import { CookieJar, CookieStoreError, readOptions, UsageError } from '@entreat/core'
import { factsOf } from './policy-jar.ts'

/** `json` keeps all that is known of a cookie; `netscape` is read by curl, wget, yt-dlp and Python's MozillaCookieJar. */
export type CookieFormat = 'json' | 'netscape'

/** Options of {@link saveCookies}. */
export interface SaveCookiesOptions {
  /** Default `json`. */
  readonly format?: CookieFormat
  /** Whether to keep cookies that end with the session. Default `false`. */
  readonly keepsSessionCookies?: boolean
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof SaveCookiesOptions>(['format', 'keepsSessionCookies'])
const NETSCAPE_HEADER = '# Netscape HTTP Cookie File'
const HTTP_ONLY = '#HttpOnly_'

/**
 * Writes a jar to a file: whole or not at all, and for the owner's eyes only. Cookies are credentials.
 *
 * @throws CookieStoreError for a jar whose store is not synchronous; what writing throws; UsageError.
 */
export async function saveCookies(jar: CookieJar, path: string, options?: SaveCookiesOptions): Promise<void> {
  const { format = 'json', keepsSessionCookies = false } = readOptions(options, OPTION_KEYS, 'saveCookies()')
  if (format !== 'json' && format !== 'netscape') {
    throw new UsageError(`A cookie file is "json" or "netscape", not ${JSON.stringify(format)}`)
  }
  const isKept = (cookie: Cookie): boolean => keepsSessionCookies || factsOf(cookie).expires !== null
  const text = format === 'netscape' ? netscapeText([...jar].filter(isKept)) : jsonText(jar, isKept)
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, text, { mode: 0o600 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

function jsonText(jar: CookieJar, isKept: (cookie: Cookie) => boolean): string {
  const serialized = jar.toJSON()
  const cookies = serialized.cookies.filter((one) => {
    const cookie = Cookie.fromJSON(one)
    return cookie !== undefined && isKept(cookie)
  })
  return `${JSON.stringify({ ...serialized, cookies }, null, 2)}\n`
}

/**
 * A jar with the cookies of a file, in either format; those that have expired are left out.
 *
 * @throws CookieStoreError for a file in neither format, naming the line; what reading throws (`ENOENT` where there is none).
 */
export async function loadCookies(path: string): Promise<CookieJar> {
  const text = (await readFile(path, 'utf8')).replace(/^\ufeff/, '')
  if (!text.trimStart().startsWith('{')) return parseNetscapeCookies(text)
  try {
    const jar = CookieJar.fromJSON(JSON.parse(text) as Parameters<typeof CookieJar.fromJSON>[0])
    return withoutExpired(jar)
  } catch (cause) {
    throw new CookieStoreError(`${path} is no cookie file in JSON`, { cause })
  }
}

function withoutExpired(jar: CookieJar): CookieJar {
  const expired = [...jar].filter((cookie) => cookie.TTL() <= 0)
  for (const cookie of expired) {
    const { domain, path, key } = cookie
    jar.tough.store.removeCookie(domain ?? '', path ?? '/', key, () => {})
  }
  return jar
}

/**
 * A jar with the cookies of a text in Netscape format; those that have expired are left out.
 *
 * @throws CookieStoreError for a line that is none, without repeating it.
 */
export function parseNetscapeCookies(text: string): CookieJar {
  const jar = new CookieJar()
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const isHttpOnly = raw.startsWith(HTTP_ONLY)
    const line = isHttpOnly ? raw.slice(HTTP_ONLY.length) : raw
    if (line.trim() === '' || line.startsWith('#')) continue
    const cookie = netscapeCookie(line, isHttpOnly)
    if (cookie === null)
      throw new CookieStoreError(`Line ${index + 1} of the cookie file is no cookie in Netscape format`)
    if (cookie.TTL() > 0) jar.tough.store.putCookie(cookie, () => {})
  }
  return jar
}

function netscapeCookie(line: string, isHttpOnly: boolean): Cookie | null {
  const fields = line.split('\t')
  const [domain = '', subdomains = '', path = '', secure = '', expires = '', name = '', ...value] = fields
  const isFlag = (text: string): boolean => /^(?:TRUE|FALSE)$/i.test(text)
  if (fields.length < 6 || domain === '' || !path.startsWith('/') || !/^\d{1,15}$/.test(expires)) return null
  if (!isFlag(subdomains) || !isFlag(secure)) return null
  const isHostOnly = /^FALSE$/i.test(subdomains)
  // A cookie without a name is written as its value alone.
  const isNameless = fields.length === 6
  return new Cookie({
    key: isNameless ? '' : name,
    value: isNameless ? name : value.join('\t'),
    domain: domain.replace(/^\./, '').toLowerCase(),
    path,
    secure: /^TRUE$/i.test(secure),
    httpOnly: isHttpOnly,
    hostOnly: isHostOnly,
    expires: expires === '0' ? 'Infinity' : new Date(Number(expires) * 1000),
  })
}

/** A jar's cookies, those of the session too, in Netscape format. Like the cookies themselves the text is a secret. */
export function formatNetscapeCookies(jar: CookieJar): string {
  return netscapeText([...jar])
}

function netscapeText(cookies: readonly Cookie[]): string {
  const lines = cookies.map((cookie) => {
    const { name, value, domain, path, isHostOnly, isSecure, isHttpOnly, expires } = factsOf(cookie)
    const fields = [
      `${isHttpOnly ? HTTP_ONLY : ''}${isHostOnly ? '' : '.'}${domain}`,
      isHostOnly ? 'FALSE' : 'TRUE',
      path,
      isSecure ? 'TRUE' : 'FALSE',
      String(expires === null ? 0 : Math.floor(expires.getTime() / 1000)),
      name,
      value,
    ]
    return fields.join('\t')
  })
  return [NETSCAPE_HEADER, '', ...lines, ''].join('\n')
}
