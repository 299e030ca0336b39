import { type Cookie, MemoryCookieStore } from 'tough-cookie'

/** The last moment that a Date can hold. */
const LATEST = 8.64e15

/**
 * tough-cookie's memory store, which says when it changes, and in which Max-Age counts from the time the cookie came. tough-cookie counts it from the last
 * time the cookie was sent: one in use would never expire.
 *
 * @see RFC 6265 section 5.3 step 3
 */
export function memoryStore(onWrite: () => void): MemoryCookieStore {
  const store = new MemoryCookieStore()
  for (const method of ['putCookie', 'updateCookie', 'removeCookie', 'removeCookies', 'removeAllCookies'] as const) {
    const original = store[method].bind(store) as (...args: unknown[]) => unknown
    const watched = (...args: unknown[]): unknown => {
      onWrite()
      // updateCookie(former, new, …)
      if (method === 'putCookie') fixExpiry(args[0] as Cookie)
      else if (method === 'updateCookie') fixExpiry(args[1] as Cookie)
      return original(...args)
    }
    Object.defineProperty(store, method, { value: watched })
  }
  return store
}

/** Max-Age becomes Expires. */
function fixExpiry(cookie: Cookie): void {
  if (typeof cookie.maxAge !== 'number') return
  const time = cookie.expiryTime() ?? LATEST
  cookie.expires = new Date(Math.max(0, Math.min(time, LATEST)))
  cookie.maxAge = null
}
