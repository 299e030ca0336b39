import { Readable } from 'node:stream'
import { UsageError } from './errors.ts'
import { matchesIntegrity } from './integrity.ts'
import { bodyAtHand } from './message/body-at-hand.ts'
import type { Response } from './message/response.ts'
import { toWebResponse } from './message/web-response.ts'
import type { RequestOptions } from './settings.ts'

/** How a fetch sends: as `session.request()`, but with nothing of the Session's credentials where it is told so. */
type Send = (method: string, url: string | URL, options: RequestOptions, omitsCredentials: boolean) => Promise<Response>

type FetchInput = Parameters<typeof globalThis.fetch>[0]
type FetchInit = NonNullable<Parameters<typeof globalThis.fetch>[1]>

/**
 * A Session as a WHATWG fetch: cookies, auth, adapters and all.
 *
 * Takes what Node's own fetch takes. `redirect: 'manual'` gives the redirect itself, as Node does; `credentials: 'omit'` sends no cookies and no auth;
 * `cache` becomes the headers that it stands for, and `integrity` is checked. A `dispatcher` is refused: it belongs into an HTTPAdapter.
 * Rejects with `TypeError('fetch failed', { cause })`, with a TypeError that says what was asked wrongly, or with the signal's reason.
 */
export function createFetch(send: Send): typeof globalThis.fetch {
  return async (input: FetchInput, init?: FetchInit | null) => {
    const asked = await describe(input, init ?? null)
    let response: Response
    try {
      response = await send(asked.method, asked.url, { ...asked.options, stream: true }, asked.omitsCredentials)
      if (asked.integrity !== '') await response.read()
    } catch (error) {
      const { signal } = asked.options
      if (signal?.aborted === true && error === signal.reason) throw error
      throw new TypeError('fetch failed', { cause: error })
    }
    if (asked.redirect === 'error' && response.isRedirect) {
      response.close()
      throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') })
    }
    if (asked.integrity !== '' && !matchesIntegrity(response.content, asked.integrity))
      throw new TypeError('fetch failed', { cause: new Error('integrity mismatch') })
    return toWebResponse(response, true)
  }
}

interface Asked {
  readonly method: string
  readonly url: string
  readonly options: RequestOptions
  readonly omitsCredentials: boolean
  readonly redirect: string
  readonly integrity: string
}

/** What is read of an init, or of a Request in its place. */
interface Members {
  readonly method?: string | undefined
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: AbortSignal | null | undefined
  readonly duplex?: string | undefined
  readonly credentials?: string | undefined
  readonly redirect?: string | undefined
  readonly integrity?: string | undefined
  readonly cache?: string | undefined
  readonly dispatcher?: unknown
}

/** Without a prototype: what is put on Object.prototype is no header. */
type HeaderRecord = Record<string, string>

const NO_MEMBERS: Members = {}

async function describe(input: FetchInput, init: FetchInit | null): Promise<Asked> {
  const given = input instanceof globalThis.Request ? input : null
  const url = input instanceof globalThis.Request ? input.url : String(input)
  if (given === null && init === null)
    return {
      method: 'GET',
      url,
      options: {},
      omitsCredentials: false,
      redirect: 'follow',
      integrity: '',
    }
  const own = init === null ? NO_MEMBERS : membersOf(init, url)
  const method = checkedMethod(own.method ?? given?.method ?? 'GET')
  const headers = headersOf(own, given)
  addCacheHeaders(headers, own.cache ?? (given as Members | null)?.cache)
  // A signal of null lets go of the Request's own.
  const signal = own.signal === undefined ? given?.signal : (own.signal ?? undefined)
  const omitsCredentials = (own.credentials ?? given?.credentials) === 'omit'
  const redirect = own.redirect ?? given?.redirect ?? 'follow'
  const body = own.body ?? null
  if (body === null && given?.bodyUsed === true)
    throw new TypeError('Cannot construct a Request with a Request object that has already been used.')
  const held = body === null ? (given?.body ?? null) : null
  if ((body ?? held) !== null && /^(?:GET|HEAD)$/i.test(method))
    throw new TypeError('Request with GET/HEAD method cannot have body.')
  if (signal?.aborted === true) {
    await letGo(body ?? held, signal.reason)
    throw signal.reason
  }
  const options: RequestOptions = {
    headers,
    allowRedirects: redirect === 'follow',
    ...(signal === undefined ? {} : { signal }),
    ...(omitsCredentials ? { auth: null } : {}),
    ...(held === null ? bodyOf(body, headers, own.duplex) : { data: await bodyAtHand(held) }),
  }
  const integrity = own.integrity ?? given?.integrity ?? ''
  return { method, url, options, omitsCredentials, redirect, integrity }
}

/** What {@link describe} checks itself. */
const CHECKED_HERE: ReadonlySet<string> = new Set(['method', 'headers', 'body', 'signal', 'duplex', 'dispatcher'])

/**
 * An init's members: its own, so that nothing put on Object.prototype counts, unless it is an object of a class, such as another Request.
 *
 * @throws TypeError for a value that Node's fetch does not know either.
 */
function membersOf(init: FetchInit, url: string): Members {
  const prototype = Object.getPrototypeOf(init) as unknown
  if (prototype !== Object.prototype && prototype !== null) return new globalThis.Request(url, init)
  const own = Object.assign(Object.create(null) as object, init) as Members
  if ('dispatcher' in own && own.dispatcher !== undefined && own.dispatcher !== null) throw dispatcherRefused()
  if (own.signal !== undefined && own.signal !== null && !(own.signal instanceof AbortSignal))
    throw new TypeError('fetch: the signal is not an AbortSignal')
  if (Object.keys(own).some((name) => !CHECKED_HERE.has(name))) {
    const { method: _method, headers: _headers, body: _body, signal: _signal, dispatcher: _dispatcher, ...rest } = own
    // Node's own words for an unknown mode, cache, redirect and so on.
    void new globalThis.Request('http://localhost/', rest as FetchInit)
  }
  return own
}

function dispatcherRefused(): TypeError {
  const cause = new UsageError(
    "session.fetch cannot send through init.dispatcher: mount it with session.mount('https://', new HTTPAdapter({ dispatcher }))",
  )
  return new TypeError('fetch failed', { cause })
}

/** Fetch standard, "forbidden method". */
function checkedMethod(method: string): string {
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) throw new TypeError(`'${method}' HTTP method is unsupported.`)
  return method
}

function headersOf(init: Members, given: globalThis.Request | null): HeaderRecord {
  const source = init.headers ?? given?.headers
  const record = Object.create(null) as HeaderRecord
  if (source === undefined) return record
  for (const [name, value] of new globalThis.Headers(source as globalThis.Headers)) record[name] = value
  return record
}

/** The headers that a cache mode stands for (Fetch standard, "HTTP-network-or-cache fetch"), where the caller has none of them. */
function addCacheHeaders(headers: HeaderRecord, cache: string | undefined): void {
  if (cache === 'no-store' || cache === 'reload') {
    headers['pragma'] ??= 'no-cache'
    headers['cache-control'] ??= 'no-cache'
  } else if (cache === 'no-cache') {
    headers['cache-control'] ??= 'max-age=0'
  }
}

/** Cancels a stream that will not be sent. */
async function letGo(body: unknown, reason: unknown): Promise<void> {
  if (body instanceof ReadableStream && !body.locked) await body.cancel(reason).catch(() => {})
}

function bodyOf(body: unknown, headers: HeaderRecord, duplex: unknown): RequestOptions {
  if (body === null) return {}
  if (body instanceof FormData) return { files: body }
  if (body instanceof URLSearchParams) {
    headers['content-type'] ??= 'application/x-www-form-urlencoded;charset=UTF-8'
    return { data: Buffer.from(body.toString()) }
  }
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob) return { data: body as Blob }
  if (body instanceof ReadableStream || (typeof body === 'object' && Symbol.asyncIterator in body)) {
    if (duplex !== 'half') throw new TypeError('RequestInit: duplex option is required when sending a body.')
    const stream = body as ReadableStream<Uint8Array>
    if (stream.locked || Readable.isDisturbed(stream as never))
      throw new TypeError('Response body object should not be disturbed or locked')
    return { data: stream }
  }
  headers['content-type'] ??= 'text/plain;charset=UTF-8'
  // Anything else is text, as Web IDL makes it.
  // oxlint-disable-next-line typescript/no-base-to-string
  return { data: Buffer.from(String(body)) }
}
