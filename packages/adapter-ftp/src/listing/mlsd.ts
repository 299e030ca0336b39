import { type FTPEntry, linesOf } from './entry.ts'

/** Reads what MLSD gives, one entry a line; the directory itself and its parent are left out (RFC 3659 section 7). Lines that are none are left out too. */
export function parseMlsd(text: string): FTPEntry[] {
  const entries: FTPEntry[] = []
  for (const line of linesOf(text)) {
    const entry = parseMlsdLine(line)
    if (entry !== null) entries.push(entry)
  }
  return entries
}

/** Reads one line: `fact=value;fact=value; name`. */
function parseMlsdLine(line: string): FTPEntry | null {
  const space = line.indexOf(' ')
  const name = line.slice(space + 1)
  if (space === -1 || name === '') return null
  const facts = Object.create(null) as Record<string, string>
  for (const fact of line.slice(0, space).split(';')) {
    const equals = fact.indexOf('=')
    if (equals > 0) facts[fact.slice(0, equals).toLowerCase()] = fact.slice(equals + 1)
  }
  const kind = facts['type']?.toLowerCase() ?? ''
  if (kind === 'cdir' || kind === 'pdir' || name === '.' || name === '..') return null
  const [, target] = /^os\.unix=s(?:lin|ymlin)k:(.*)$/i.exec(facts['type'] ?? '') ?? []
  const size = facts['size'] ?? facts['sizd']
  return {
    name,
    type: typeOf(kind),
    size: size !== undefined && /^[0-9]{1,15}$/.test(size) ? Number(size) : null,
    modified: parseTimestamp(facts['modify'] ?? ''),
    ...optional('permissions', facts['unix.mode']),
    ...optional('owner', facts['unix.ownername'] ?? facts['unix.owner'] ?? facts['unix.uid']),
    ...optional('group', facts['unix.groupname'] ?? facts['unix.group'] ?? facts['unix.gid']),
    ...optional('target', target),
    facts,
  }
}

function typeOf(kind: string): FTPEntry['type'] {
  if (kind === 'file') return 'file'
  if (kind === 'dir') return 'directory'
  return kind.startsWith('os.unix=slink') || kind.startsWith('os.unix=symlink') ? 'link' : 'other'
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]?: string })
}

/** A time of MDTM or MLSD, `20261126010000.123`, always UTC (RFC 3659 section 2.3), as ISO 8601; `null` if it is none. */
export function parseTimestamp(text: string): string | null {
  const match = /^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?$/.exec(text.trim())
  if (match === null) return null
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1, 7).map(Number)
  const milliseconds = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const time = Date.UTC(year, month - 1, day, hours, minutes, Math.min(seconds, 59), milliseconds)
  const date = new Date(time)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hours < 24 && minutes < 60
    ? date.toISOString()
    : null
}
