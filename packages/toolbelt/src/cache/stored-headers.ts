import type { Headers } from '@entreat/core'

type Lines = readonly (readonly [name: string, value: string])[]

/** RFC 9111 section 3.1, and what a cache makes itself; cookies are set once, by the response that was received. */
const NOT_STORED = new Set([
  'age',
  'authentication-info',
  'cache-status',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** RFC 9111 section 3.2: what describes the stored body is not changed by a 304. */
const NOT_UPDATED = new Set(['content-encoding', 'content-length', 'content-range', 'content-type'])

/** The lines that hold for the response, whoever gets it. */
export function endToEnd(headers: Headers): Lines {
  const named = new Set((headers.get('connection') ?? '').toLowerCase().split(/\s*,\s*/))
  return [...headers.items()].filter(([name]) => !NOT_STORED.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
}

/** Stored lines with those of a 304 in the place of the ones they replace. */
export function updated(stored: Lines, headers: Headers): Lines {
  const fresh = endToEnd(headers).filter(([name]) => !NOT_UPDATED.has(name.toLowerCase()))
  const replaced = new Set(fresh.map(([name]) => name.toLowerCase()))
  return [...stored.filter(([name]) => !replaced.has(name.toLowerCase())), ...fresh]
}
