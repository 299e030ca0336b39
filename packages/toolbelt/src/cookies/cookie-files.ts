import { CookieJar, type SaveCookiesOptions } from '@entreat/core'

export type { CookieFormat, SaveCookiesOptions } from '@entreat/core'

/**
 * Writes a jar to a file, as `jar.save(path, options)` does.
 *
 * @throws CookieStoreError for a jar whose store is not synchronous; what writing throws; UsageError.
 */
export function saveCookies(jar: CookieJar, path: string, options?: SaveCookiesOptions): Promise<void> {
  return jar.save(path, options)
}

/**
 * A new jar with the cookies of a file, as `new CookieJar().load(path)` gives.
 *
 * @throws CookieStoreError for a file in neither format, naming the line; what reading throws (`ENOENT` where there is none).
 */
export function loadCookies(path: string): Promise<CookieJar> {
  return new CookieJar().load(path)
}

/**
 * A jar with the cookies of a text in Netscape format, as `CookieJar.fromNetscape(text)` gives.
 *
 * @throws CookieStoreError for a line that is none, without repeating it.
 */
export function parseNetscapeCookies(text: string): CookieJar {
  return CookieJar.fromNetscape(text)
}

/** A jar's cookies, those of the session too, in Netscape format, as `jar.toNetscape()` gives. Like the cookies themselves the text is a secret. */
export function formatNetscapeCookies(jar: CookieJar): string {
  return jar.toNetscape()
}
