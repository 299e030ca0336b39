import type { AuthBase } from './auth/auth-base.ts'
import { BasicAuth } from './auth/basic.ts'
import { readNetrc } from './auth/netrc.ts'
import { dialledHost, type ParsedUrl } from './message/url.ts'

/** Basic credentials that netrc has for a URL's host (never its port), or `null`. */
export function netrcAuth(url: ParsedUrl): AuthBase | null {
  if (url.host === '') return null
  const found = readNetrc(process.env)?.credentialsFor(dialledHost(url)) ?? null
  return found === null ? null : new BasicAuth(found.username, found.password)
}

/** The CA bundle that the environment names, or `null`. An empty variable counts as unset. */
export function environmentCa(): string | null {
  return process.env['REQUESTS_CA_BUNDLE'] || process.env['CURL_CA_BUNDLE'] || null
}
