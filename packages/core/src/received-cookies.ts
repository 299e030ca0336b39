import { Cookie } from 'tough-cookie'

/** RFC 6265bis section 5.7, step 1: a line with such a character is no cookie. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/
/** RFC 6265bis section 5.7: a cookie with neither name nor value is ignored. */
const NAMELESS_AND_EMPTY = /^[ \t]*=?[ \t]*(?:;|$)/
const PREFIX = /^[ \t]*__(?:secure|host)-/i

/**
 * Whether a Set-Cookie line may become a cookie, as far as tough-cookie does not see to it: length, controls, emptiness, and prefixes in whatever case.
 *
 * @see RFC 6265bis section 5.7, steps 20 and 21
 */
export function isReceivable(line: string, url: string): boolean {
  if (isTooLong(line) || CONTROL.test(line) || NAMELESS_AND_EMPTY.test(line)) return false
  return !PREFIX.test(line) || keepsPromise(line, url)
}

/** RFC 6265bis section 5.6: a cookie whose name and value are longer than this together is ignored. */
const MOST_COOKIE_BYTES = 4096

/** A header line is text of bytes; the equals sign is no part of the sum. */
function isTooLong(line: string): boolean {
  if (line.length <= MOST_COOKIE_BYTES) return false
  const end = line.indexOf(';')
  return (end === -1 ? line.length : end) > MOST_COOKIE_BYTES + 1
}

function keepsPromise(line: string, url: string): boolean {
  const cookie = Cookie.parse(line, { loose: true })
  if (cookie === undefined || !cookie.secure || !/^(?:https|wss):/i.test(url)) return false
  return /^__secure-/i.test(cookie.key) || (cookie.domain === null && cookie.path === '/')
}
