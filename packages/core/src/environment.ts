import type { AuthBase } from './auth/auth-base.ts'
import { BasicAuth } from './auth/basic.ts'
import { type Netrc, readNetrc } from './auth/netrc.ts'
import { dialledHost, type ParsedUrl } from './message/url.ts'

/** Basic credentials that netrc has for a URL's host (never its port), or `null`. */
export function netrcAuth(url: ParsedUrl): AuthBase | null {
  if (url.host === '') return null
  const found = currentNetrc()?.credentialsFor(dialledHost(url)) ?? null
  return found === null ? null : new BasicAuth(found.username, found.password)
}

const LOOK_AGAIN_MS = 1000
let looked: { readonly at: number; readonly place: string; readonly netrc: Netrc | null } | null = null

/** The netrc of now, or of up to a second ago: looking at the file for every request would be an eighth of what a request costs. */
function currentNetrc(): Netrc | null {
  const { NETRC, HOME } = process.env
  const place = `${NETRC ?? ''}\n${HOME ?? ''}`
  const now = performance.now()
  if (looked === null || looked.place !== place || now - looked.at > LOOK_AGAIN_MS) {
    looked = { at: now, place, netrc: readNetrc(process.env) }
  }
  return looked.netrc
}

/** The CA bundle that the environment names, or `null`. An empty variable counts as unset. */
export function environmentCa(): string | null {
  return process.env['REQUESTS_CA_BUNDLE'] || process.env['CURL_CA_BUNDLE'] || null
}
