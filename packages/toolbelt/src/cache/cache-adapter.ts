import type CachePolicy from 'http-cache-semantics'
import {
  ConnectionError,
  Headers,
  type PreparedRequest,
  readOptions,
  Response,
  Timeout,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { CacheRules, identityOf, keyOf, policyRequest, policyResponse } from './cache-policy.ts'
import type { CacheStore, StoredResponse } from './cache-store.ts'
import { MemoryStore } from './memory-store.ts'
import { RecordedBody } from './recorded-body.ts'
import { endToEnd, updated } from './stored-headers.ts'

/** Options of a {@link CacheAdapter}. */
export interface CacheAdapterOptions {
  /** Where responses are kept. Default: a MemoryStore of its own. */
  readonly store?: CacheStore
  /** Whether several users' requests go through it: then private responses are not kept (RFC 9111 section 3). Default `false`. */
  readonly isShared?: boolean
  /** Bytes kept of one body; longer ones are not. Default 16 MiB. */
  readonly maxBodyBytes?: number
  /** Milliseconds since the epoch, for tests. */
  readonly now?: () => number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof CacheAdapterOptions>([
  'store',
  'isShared',
  'maxBodyBytes',
  'now',
])
/** Requests that ask for a part, or with conditions of their own, are the caller's business. */
const CONDITIONS = ['range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range']
/** RFC 9110 section 9.2.1. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
const NAME = 'entreat'

/** A stored response that fits a request, with its rules. */
interface Found {
  readonly stored: StoredResponse
  readonly policy: CachePolicy
}

/** One request that the cache may answer. */
interface Lookup {
  readonly key: string
  readonly request: PreparedRequest
  readonly options: TransportOptions
  readonly asked: CachePolicy.HttpRequest
  readonly identity: string | null
}

/**
 * An HTTP cache in front of any adapter: RFC 9111, `stale-while-revalidate` and `stale-if-error` of RFC 5861.
 *
 * GET is cached; what is stale is revalidated by ETag or Last-Modified; methods that change something invalidate. Each response says in Cache-Status what the cache did (RFC 9211).
 * A response that was got with an Authorization serves only requests with the same one. Cookies that a stored response set are set once.
 */
export class CacheAdapter extends TransportAdapter {
  /** Defined where the adapter underneath has connections to reserve; exchanges on them are not cached. */
  declare acquire?: NonNullable<TransportAdapter['acquire']>
  readonly #adapter: TransportAdapter
  readonly #store: CacheStore
  readonly #rules: CacheRules
  readonly #maxBodyBytes: number
  /** What is being renewed behind stale answers. */
  readonly #renewing = new Set<string>()

  /**
   * @param adapter - answers what the cache cannot; closed with this one.
   * @throws UsageError for an unknown option.
   */
  constructor(adapter: TransportAdapter, options?: CacheAdapterOptions) {
    super()
    const own = readOptions(options, OPTION_KEYS, 'CacheAdapter')
    this.#adapter = adapter
    this.#store = own.store ?? new MemoryStore()
    this.#rules = new CacheRules(own.now ?? Date.now, own.isShared ?? false)
    this.#maxBodyBytes = own.maxBodyBytes ?? 16 * 1024 * 1024
    const acquire = adapter.acquire?.bind(adapter)
    if (acquire !== undefined) this.acquire = acquire
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    options.signal?.throwIfAborted()
    if (request.method !== 'GET' || request.body !== null) return this.#sendPast(request, options, 'method')
    if (CONDITIONS.some((name) => request.headers.has(name))) return this.#sendPast(request, options, 'request')
    const key = keyOf(request, options)
    const lookup = { key, request, options, asked: policyRequest(request), identity: identityOf(request) }
    const found = await this.#find(lookup)
    options.signal?.throwIfAborted()
    const judgement = found === null ? null : this.#rules.judge(found.policy, lookup.asked)
    if (found !== null && judgement === 'fresh') return answer(request, found, 'hit')
    if (found !== null && judgement === 'stale-while-revalidate') {
      this.#revalidateLater(lookup, found)
      return answer(request, found, 'hit; detail=stale')
    }
    if (/(?:^|[\s,])only-if-cached(?:[\s,]|$)/i.test(request.headers.get('cache-control') ?? '')) {
      return new Response({ request, statusCode: 504, reason: 'Gateway Timeout', headers: status('fwd=miss') })
    }
    return found === null ? this.#fetch(lookup) : this.#revalidate(lookup, found)
  }

  /** Sends what is not for the cache. A method that changes something makes what was kept of its URL, and of those it names, stale (RFC 9111 section 4.4). */
  async #sendPast(request: PreparedRequest, options: TransportOptions, why: string): Promise<Response> {
    const response = await this.#adapter.send(request, options)
    response.headers.append('Cache-Status', `${NAME}; fwd=${why}`)
    if (SAFE_METHODS.has(request.method) || response.statusCode >= 400) return response
    const named = ['location', 'content-location'].map((name) => response.headers.get(name))
    for (const target of [request.url, ...named]) {
      if (target === null || !URL.canParse(target, request.url)) continue
      const url = new URL(target, request.url)
      if (url.origin !== new URL(request.url).origin) continue
      const other = request.copy()
      other.url = url.href
      await this.#store.delete(keyOf(other, options))
    }
    return response
  }

  /** The stored response that the request selects: a variant that it fits, of the same credentials. */
  async #find({ key, identity, asked }: Lookup): Promise<Found | null> {
    for (const stored of await this.#store.get(key)) {
      const policy = stored.identity === identity ? this.#rules.restore(stored.policy) : null
      if (policy !== null && isSelected(policy, asked)) return { stored, policy }
    }
    return null
  }

  async #fetch(lookup: Lookup): Promise<Response> {
    const response = await this.#adapter.send(lookup.request, lookup.options)
    return this.#keep(lookup, response, 'fwd=miss')
  }

  async #revalidate(lookup: Lookup, found: Found): Promise<Response> {
    const { request, options, asked } = lookup
    let response: Response
    try {
      response = await this.#adapter.send(conditional(request, found.policy), options)
    } catch (error) {
      if (options.signal?.aborted === true || !isTransient(error)) throw error
      return staleIfError(lookup, found, null) ?? rethrow(error)
    }
    const { policy, modified, matches } = found.policy.revalidatedPolicy(asked, policyResponse(response))
    const stale = response.statusCode >= 500 ? staleIfError(lookup, found, response) : null
    if (stale !== null) return stale
    if (response.statusCode !== 304) return this.#keep(lookup, response, `fwd=stale; fwd-status=${response.statusCode}`)
    await response.read()
    const headers = updated(found.stored.headers, response.headers)
    const stored = { ...found.stored, headers, policy: policy.toObject() }
    if (matches && !modified) await this.#put(lookup, stored)
    const fresh = answer(request, { stored, policy }, 'hit; fwd=stale; fwd-status=304')
    for (const line of response.headers.getSetCookie()) fresh.headers.append('Set-Cookie', line)
    return fresh
  }

  /** Nobody waits for it and nobody is told: the next request finds the response fresh, or tries again. */
  #revalidateLater(lookup: Lookup, found: Found): void {
    if (this.#renewing.has(lookup.key)) return
    this.#renewing.add(lookup.key)
    const { signal: _callers, ...options } = lookup.options
    const later = { ...lookup, options: { ...options, stream: false } }
    this.#revalidate(later, found)
      .then((response) => response.read())
      .catch(() => {})
      .finally(() => this.#renewing.delete(lookup.key))
  }

  /** Hands a response on, and keeps it once its body has been read to the end. */
  #keep(lookup: Lookup, response: Response, what: string): Response {
    const { request } = lookup
    const policy = this.#rules.policyOf(lookup.asked, policyResponse(response))
    response.headers.append('Cache-Status', `${NAME}; ${what}`)
    if (policy === null) return response
    const { statusCode, reason, headers, url } = response
    const stored = {
      statusCode,
      reason,
      headers: endToEnd(headers),
      policy: policy.toObject(),
      identity: lookup.identity,
    }
    const body = new RecordedBody(response, this.#maxBodyBytes, (bytes) =>
      this.#put(lookup, { ...stored, body: bytes }),
    )
    return new Response({ request, statusCode, reason, headers, url, body })
  }

  /** Puts a response in the place of the variant that the same request would select. */
  async #put({ key, asked, identity }: Lookup, stored: StoredResponse): Promise<void> {
    const others = (await this.#store.get(key)).filter((other) => {
      const policy = this.#rules.restore(other.policy)
      return policy !== null && !(other.identity === identity && isSelected(policy, asked))
    })
    await this.#store.set(key, [stored, ...others].slice(0, MOST_VARIANTS))
  }

  close(): Promise<void> {
    return this.#adapter.close()
  }
}

/** Variants kept of one URL. */
const MOST_VARIANTS = 16

/** Whether Vary lets a stored response answer this request, fresh or not. */
function isSelected(policy: CachePolicy, { headers }: CachePolicy.HttpRequest): boolean {
  const { resh, reqh } = policy.toObject()
  const names = String(resh['vary'] ?? '')
    .toLowerCase()
    .split(',')
  return names.every((name) => name.trim() === '' || headers[name.trim()] === reqh?.[name.trim()])
}

function conditional(request: PreparedRequest, policy: CachePolicy): PreparedRequest {
  const { resh } = policy.toObject()
  const copy = request.copy()
  if (typeof resh['etag'] === 'string') copy.headers.set('If-None-Match', resh['etag'])
  if (typeof resh['last-modified'] === 'string') copy.headers.set('If-Modified-Since', resh['last-modified'])
  return copy
}

function answer(request: PreparedRequest, { stored, policy }: Found, what: string): Response {
  const { statusCode, reason, body } = stored
  const headers = new Headers(stored.headers)
  headers.set('Age', String(Math.max(0, Math.round(policy.age()))))
  headers.append('Cache-Status', `${NAME}; ${what}`)
  return new Response({ request, statusCode, reason, headers, body })
}

function status(what: string): Headers {
  return new Headers({ 'Cache-Status': `${NAME}; ${what}` })
}

/** RFC 5861 section 4, unless the response or the request forbids stale answers. */
function staleIfError({ request }: Lookup, found: Found, failed: Response | null): Response | null {
  const { rescc } = found.policy.toObject()
  const allowed = Number(rescc['stale-if-error'])
  const isForbidden = 'must-revalidate' in rescc || 'no-cache' in rescc || 'proxy-revalidate' in rescc
  if (isForbidden || !(found.policy.age() - found.policy.maxAge() <= allowed)) return null
  failed?.close()
  return answer(request, found, `hit; fwd=stale; detail=stale-if-error`)
}

function isTransient(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof Timeout
}

function rethrow(error: unknown): never {
  throw error
}
