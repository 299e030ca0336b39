import { type Reply, replyText } from './protocol/reply.ts'

/** HTTP's words for what FTP says by number (RFC 959 section 4.2.2, RFC 2228, RFC 4217). */
const STATUSES: ReadonlyMap<number, number> = new Map([
  [421, 503],
  [425, 503],
  [426, 503],
  [430, 401],
  [434, 503],
  [450, 503],
  [451, 503],
  [452, 507],
  [500, 501],
  [501, 400],
  [502, 501],
  [503, 400],
  [504, 501],
  [522, 403],
  [530, 401],
  [331, 401],
  [332, 401],
  [532, 403],
  [533, 403],
  [534, 403],
  [550, 404],
  [551, 400],
  [552, 507],
  [553, 403],
  [554, 416],
])

const DENIED = /\b(?:denied|permission|permitted|prohibited|forbidden|not allowed|read-only|unauthori[sz]ed)\b/i
const EXISTS = /\bexists?\b/i
const MISSING = /no such|not found|not exist|doesn't exist|can't find|cannot find/i
const FULL = /\b(?:quota|no space|disk (?:is )?full|out of space|insufficient|too large|file size limit)\b/i
const NOT_EMPTY = /not empty/i

/**
 * The HTTP status for a command that was refused.
 *
 * 550 and 553 mean many things, and servers tell which in words: permission (403), existing already or not empty (409), no space (507). Where they do not, MKD is 409, an upload 403,
 * and the rest 404.
 */
export function statusOfRefusal(verb: string, reply: Reply): number {
  const text = replyText(reply)
  if (FULL.test(text) && reply.code >= 450) return 507
  if (verb === 'REST') return 416
  if (reply.code === 550 || reply.code === 553) {
    if (MISSING.test(text)) return 404
    if (NOT_EMPTY.test(text)) return 409
    if (DENIED.test(text)) return 403
    if (EXISTS.test(text) || verb === 'MKD') return 409
    if (verb === 'STOR' || verb === 'APPE') return 403
  }
  return STATUSES.get(reply.code) ?? (reply.code >= 500 ? 500 : 503)
}

/** A status of 401 says how to sign in (RFC 9110 section 15.5.2): with user and password. */
export function challengeFor(statusCode: number): string | null {
  return statusCode === 401 ? 'Basic realm="FTP"' : null
}
