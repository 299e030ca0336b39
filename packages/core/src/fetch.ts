import type { RequestOptions } from './settings.ts'
import type { Response } from './message/response.ts'

/** How a fetch sends: as `session.request()`, but with nothing of the Session's credentials where it is told so. */
type Send = (method: string, url: string | URL, options: RequestOptions, omitsCredentials: boolean) => Promise<Response>

type FetchInput = Parameters<typeof globalThis.fetch>[0]
type FetchInit = NonNullable<Parameters<typeof globalThis.fetch>[1]>

/**
 * A Session as a WHATWG fetch: cookies, auth, adapters and all.
 *
 * Takes what Node's own fetch takes. `redirect: 'manual'` gives the redirect itself, as Node does; `credentials: 'omit'` sends no cookies and no auth.
 * Rejects with `TypeError('fetch failed', { cause })`, or with the signal's reason.
 */
export function createFetch(send: Send): typeof globalThis.fetch {
  return async (input: FetchInput, init: FetchInit = {}) => {
    const asked =
      input instanceof globalThis.Request || Object.keys(init).length > 0
        ? describe(input, init)
        : { method: 'GET', url: String(input), options: {}, omitsCredentials: false, redirect: 'follow' }
    let response: Response
    try {
      response = await send(asked.method, asked.url, { ...asked.options, stream: true }, asked.omitsCredentials)
    } catch (error) {
      const { signal } = asked.options
      if (signal?.aborted === true && error === signal.reason) throw error
      throw new TypeError('fetch failed', { cause: error })
    }
    if (asked.redirect === 'error' && response.isRedirect) {
      response.close()
      throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') })
    }
    return response.toWeb()
  }
}

interface Asked {
  readonly method: string
  readonly url: string
  readonly options: RequestOptions
  readonly omitsCredentials: boolean
  readonly redirect: string
}

function describe(input: FetchInput, init: FetchInit): Asked {
  const given = input instanceof globalThis.Request ? input : null
  const signal = init.signal ?? given?.signal ?? undefined
  const omitsCredentials = (init.credentials ?? given?.credentials) === 'omit'
  const redirect = init.redirect ?? given?.redirect ?? 'follow'
  const body = init.body === undefined ? (given?.body ?? null) : init.body
  const headers = headersOf(init, given)
  const options: RequestOptions = {
    headers,
    allowRedirects: redirect === 'follow',
    ...(signal === undefined ? {} : { signal }),
    ...(omitsCredentials ? { auth: null } : {}),
    ...bodyOf(body, headers),
  }
  return {
    method: init.method ?? given?.method ?? 'GET',
    url: given?.url ?? (typeof input === 'string' ? input : (input as URL).href),
    options,
    omitsCredentials,
    redirect,
  }
}

function headersOf(init: FetchInit, given: globalThis.Request | null): Record<string, string | null> {
  const source = init.headers ?? given?.headers
  return source === undefined ? {} : Object.fromEntries(new globalThis.Headers(source as globalThis.Headers))
}

function bodyOf(body: FetchInit['body'] | null, headers: Record<string, string | null>): RequestOptions {
  if (body === null || body === undefined) return {}
  if (body instanceof FormData) return { files: body }
  if (typeof body === 'string') {
    if (!('content-type' in headers)) headers['content-type'] = 'text/plain;charset=UTF-8'
    return { data: Buffer.from(body) }
  }
  if (body instanceof URLSearchParams) {
    if (!('content-type' in headers)) headers['content-type'] = 'application/x-www-form-urlencoded;charset=UTF-8'
    return { data: Buffer.from(body.toString()) }
  }
  return { data: body as Uint8Array | Blob | ReadableStream<Uint8Array> }
}
