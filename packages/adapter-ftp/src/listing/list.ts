import { type FTPEntry, linesOf } from './entry.ts'

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAY_MS = 86_400_000

/** `-rw-r--r-- 1 owner group 5 Nov 26 01:00 name`; some servers have no link count or no group, some name a device instead of a size. */
const UNIX =
  /^([-bcdlpsD])([-rwxsStTlL]{9})[.+@]?\s+(?:[0-9]+\s+)?(?:(\S+)\s+)??(?:(\S+)\s+)??([0-9]+|[0-9]+,\s*[0-9]+)\s+([A-Za-z]{3})\s+([0-9]{1,2})\s+([0-9]{4}|[0-9]{1,2}:[0-9]{2}) (.+)$/
/** The same with an ISO date: `2026-11-26 01:00`. */
const UNIX_ISO =
  /^([-bcdlpsD])([-rwxsStTlL]{9})[.+@]?\s+(?:[0-9]+\s+)?(?:(\S+)\s+)??(?:(\S+)\s+)??([0-9]+)\s+([0-9]{4}-[0-9]{2}-[0-9]{2})\s+([0-9]{2}:[0-9]{2})\S* (.+)$/
/** `11-26-26  01:00AM       <DIR>          name` */
const DOS =
  /^([0-9]{2})-([0-9]{2})-([0-9]{2}|[0-9]{4})\s+([0-9]{1,2}):([0-9]{2})\s?([AaPp][Mm])?\s+(?:(<DIR>|<JUNCTION>|<SYMLINKD?>)|([0-9]+))\s+(.+)$/
const MOST_LINE_CHARACTERS = 4096

/**
 * Reads what LIST gives: nobody has ever written down what that is, so lines of Unix and of MS-DOS are known, and others are left out.
 *
 * @param now - milliseconds since 1970, to tell the year of dates that have none.
 */
export function parseList(text: string, now: number): FTPEntry[] {
  const entries: FTPEntry[] = []
  for (const line of linesOf(text)) {
    if (line.length > MOST_LINE_CHARACTERS) continue
    const entry = parseUnix(line, now) ?? parseUnixIso(line) ?? parseDos(line)
    if (entry !== null && entry.name !== '.' && entry.name !== '..') entries.push(entry)
  }
  return entries
}

function parseUnix(line: string, now: number): FTPEntry | null {
  const match = UNIX.exec(line)
  if (match === null) return null
  const [, kind = '', permissions = '', owner, group, size = '', month = '', day = '', yearOrTime = '', name = ''] =
    match
  const at = MONTHS.indexOf(month.toLowerCase())
  if (at === -1) return null
  return unixEntry({
    kind,
    permissions,
    owner,
    group,
    size,
    name,
    modified: unixDate(at, Number(day), yearOrTime, now),
  })
}

function parseUnixIso(line: string): FTPEntry | null {
  const match = UNIX_ISO.exec(line)
  if (match === null) return null
  const [, kind = '', permissions = '', owner, group, size = '', date = '', time = '', name = ''] = match
  return unixEntry({ kind, permissions, owner, group, size, name, modified: isoOf(Date.parse(`${date}T${time}:00Z`)) })
}

interface UnixFields {
  readonly kind: string
  readonly permissions: string
  readonly owner: string | undefined
  readonly group: string | undefined
  readonly size: string
  readonly name: string
  readonly modified: string | null
}

function unixEntry({ kind, permissions, owner, group, size, name, modified }: UnixFields): FTPEntry {
  const arrow = kind === 'l' ? name.indexOf(' -> ') : -1
  // Where there is one of the two, it is the owner.
  const [first, second] = owner === undefined ? [group, undefined] : [owner, group]
  const isSized = kind === '-' && /^[0-9]{1,15}$/.test(size)
  return {
    name: arrow === -1 ? name : name.slice(0, arrow),
    type: kind === '-' ? 'file' : kind === 'd' ? 'directory' : kind === 'l' ? 'link' : 'other',
    size: isSized ? Number(size) : null,
    modified,
    permissions,
    ...(first === undefined ? {} : { owner: first }),
    ...(second === undefined ? {} : { group: second }),
    ...(arrow === -1 ? {} : { target: name.slice(arrow + 4) }),
  }
}

/** A date without a year is within the last twelve months; a day is left for zones that are ahead. */
function unixDate(month: number, day: number, yearOrTime: string, now: number): string | null {
  if (!yearOrTime.includes(':')) return isoOf(Date.UTC(Number(yearOrTime), month, day))
  const [hours, minutes] = yearOrTime.split(':').map(Number)
  const year = new Date(now).getUTCFullYear()
  const time = Date.UTC(year, month, day, hours, minutes)
  return isoOf(time > now + DAY_MS ? Date.UTC(year - 1, month, day, hours, minutes) : time)
}

function parseDos(line: string): FTPEntry | null {
  const match = DOS.exec(line)
  if (match === null) return null
  const [, month, day, shortYear = '', hour = '', minutes, half, directory, size, name = ''] = match
  const year = shortYear.length === 4 ? Number(shortYear) : Number(shortYear) + (Number(shortYear) < 70 ? 2000 : 1900)
  const hours = (Number(hour) % (half === undefined ? 24 : 12)) + (half?.toLowerCase() === 'pm' ? 12 : 0)
  const modified = isoOf(Date.UTC(year, Number(month) - 1, Number(day), hours, Number(minutes)))
  const type = directory === undefined ? 'file' : directory === '<DIR>' ? 'directory' : 'link'
  return { name, type, size: size === undefined ? null : Number(size), modified }
}

function isoOf(time: number): string | null {
  return Number.isNaN(time) ? null : new Date(time).toISOString()
}
