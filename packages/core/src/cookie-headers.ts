import { type Cookie, pathMatch } from 'tough-cookie'
import type { CookieJar } from './cookie-jar.ts'

/** What an origin is sent, until the jar changes or one of the cookies expires. */
interface Remembered {
  readonly version: number | null
  readonly until: number
  /** Those of every path, in order. */
  readonly cookies: readonly Cookie[]
  /** The header, if it is the same for every path, as it mostly is; `null` if not. */
  readonly header: string | null
}

const MOST_REMEMBERED = 1000

/**
 * Cookie headers, remembered by origin. Choosing cookies costs 6 us, a fifth of a request, and an API is asked for another path every time.
 *
 * Only for jars that count their changes.
 */
export class CookieHeaders {
  readonly #jar: Pick<CookieJar, 'tough' | 'version'>
  readonly #byOrigin = new Map<string, Remembered>()

  constructor(jar: Pick<CookieJar, 'tough' | 'version'>) {
    this.#jar = jar
  }

  /** @throws what the store throws. */
  headerFor(url: { origin: string; path: string; href: string }): string {
    const { header, cookies } = this.#cookiesOf(url)
    if (header !== null) return header
    const path = decoded(url.path)
    return joinCookies(cookies.filter((cookie) => pathMatch(path, cookie.path ?? '/')))
  }

  #cookiesOf({ origin, href }: { origin: string; href: string }): Remembered {
    const known = this.#byOrigin.get(origin)
    if (known?.version === this.#jar.version && (known.until === Infinity || Date.now() < known.until)) return known
    const cookies = this.#jar.tough.getCookiesSync(href, { allPaths: true, sort: true })
    let until = Infinity
    for (const cookie of cookies) until = Math.min(until, cookie.expiryTime() ?? Infinity)
    const header = cookies.every(({ path }) => path === '/') ? joinCookies(cookies) : null
    // Asked for after the choice, which removes what has expired.
    const found = { version: this.#jar.version, until, cookies, header }
    if (this.#byOrigin.size >= MOST_REMEMBERED) this.#byOrigin.clear()
    this.#byOrigin.set(origin, found)
    return found
  }
}

/** The value of a Cookie header (RFC 6265 section 4.2.1). */
export function joinCookies(cookies: readonly Cookie[]): string {
  return cookies.map((cookie) => cookie.cookieString()).join('; ')
}

/** A path as tough-cookie compares it with those of cookies. */
function decoded(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}
