import { createHmac, randomBytes } from 'node:crypto'
import CachePolicy from 'http-cache-semantics'
import { type Headers, type PreparedRequest, type Response, type TransportOptions } from '@entreat/core'
import { canonicalCacheControl } from './cache-control.ts'

/** What is kept of credentials: what tells them apart in this process, and nothing to guess them from in another. */
const KEY = randomBytes(32)
const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'cookie'])

function fingerprint(text: string): string {
  return createHmac('sha256', KEY).update(text).digest('base64url')
}

/** Whose credentials a request has, or `null`. Cookies are left to Vary, as RFC 9111 has it. */
export function identityOf(request: PreparedRequest): string | null {
  const authorization = request.headers.get('authorization')
  return authorization === null ? null : fingerprint(authorization)
}

/**
 * The key of a request: its URL, and what else makes another resource of it. What was got without verifying the server, under an authority of the caller's, or
 * with a client certificate does not serve those who ask otherwise.
 */
export function keyOf(request: PreparedRequest, { verify, cert }: TransportOptions): string {
  const url = request.url.replace(/#.*$/s, '')
  const host = request.headers.get('host')
  const trust = verify === true && cert === null ? null : fingerprint(JSON.stringify([verify, cert]))
  return JSON.stringify([url, host, trust])
}

/** A request as the rules see it: credentials as fingerprints, for the rules write down what a response varies by. */
export function policyRequest(request: PreparedRequest): CachePolicy.HttpRequest {
  return { url: request.url.replace(/#.*$/s, ''), method: request.method, headers: plain(request.headers, true) }
}

/** A response as the rules see it. */
export function policyResponse({ statusCode, headers }: Response): CachePolicy.HttpResponse {
  return { status: statusCode, headers: plain(headers, false) }
}

function plain(headers: Headers, hidesCredentials: boolean): CachePolicy.Headers {
  const values = Object.create(null) as { [name: string]: string }
  for (const [name, value] of headers.entries()) {
    const key = name.toLowerCase()
    if (key === 'set-cookie') continue
    values[key] = hidesCredentials && CREDENTIALS.has(key) ? fingerprint(value) : value
  }
  if (values['cache-control'] !== undefined) values['cache-control'] = canonicalCacheControl(values['cache-control'])
  return { ...values }
}

/** The rules of RFC 9111 with a clock of the caller's. */
export class CacheRules {
  readonly #Policy: typeof CachePolicy
  readonly #isShared: boolean

  constructor(now: () => number, isShared: boolean) {
    this.#isShared = isShared
    // The library asks its own method for the time, in the constructor too.
    this.#Policy = class extends CachePolicy {
      now(): number {
        return now()
      }
    }
  }

  /** The rules of a fresh response; `null` if it must not be kept, or could never be used. */
  policyOf(request: CachePolicy.HttpRequest, response: CachePolicy.HttpResponse): CachePolicy | null {
    const policy = new this.#Policy(request, response, { shared: this.#isShared })
    if (!policy.storable() || response.headers['vary']?.includes('*') === true) return null
    const isUsable = policy.timeToLive() > 0 || 'etag' in response.headers || 'last-modified' in response.headers
    return isUsable ? policy : null
  }

  /** Rules as a store kept them, or `null` for what is none. */
  restore(stored: unknown): CachePolicy | null {
    try {
      return this.#Policy.fromObject(structuredClone(stored) as CachePolicy.CachePolicyObject)
    } catch {
      return null
    }
  }

  /**
   * Whether a response serves a request: as it is, as it is while it is being revalidated, or after that.
   *
   * The library takes `must-revalidate` for `no-cache`; it holds for stale responses only (RFC 9111 section 5.2.2.2).
   */
  judge(policy: CachePolicy, request: CachePolicy.HttpRequest): 'fresh' | 'stale-while-revalidate' | 'stale' {
    const rules = policy.toObject()
    const relaxed = policy.stale() ? policy : this.restore({ ...rules, rescc: without(rules.rescc, 'must-revalidate') })
    const { response, revalidation } = (relaxed ?? policy).evaluateRequest(request)
    if (response === undefined) return 'stale'
    return revalidation === undefined ? 'fresh' : 'stale-while-revalidate'
  }
}

function without(directives: { [name: string]: string }, name: string): { [name: string]: string } {
  return Object.fromEntries(Object.entries(directives).filter(([key]) => key !== name))
}
