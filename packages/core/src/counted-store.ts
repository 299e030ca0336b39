import type { MemoryCookieStore } from 'tough-cookie'

/** tough-cookie's memory store says nothing when it changes; this makes it call back. */
export function countWrites(store: MemoryCookieStore, onWrite: () => void): MemoryCookieStore {
  for (const method of ['putCookie', 'updateCookie', 'removeCookie', 'removeCookies', 'removeAllCookies'] as const) {
    const original = store[method].bind(store) as (...args: unknown[]) => unknown
    const counted = (...args: unknown[]): unknown => {
      onWrite()
      return original(...args)
    }
    Object.defineProperty(store, method, { value: counted })
  }
  return store
}
