import type { Site } from '../../requests/support/servers.ts'

export type Fetch = typeof globalThis.fetch
export type FetchInput = Parameters<Fetch>[0]
export type FetchInit = NonNullable<Parameters<Fetch>[1]>

/** What a Session does otherwise than Node's fetch: what each of them comes to, and why. */
interface Difference {
  readonly node: string
  readonly session: string
  readonly why: string
}

/** One thing that is done with both fetches, and whose outcomes are compared. */
export interface FetchCase {
  /** What follows "With" or "On" in the documentation. */
  readonly name: string
  /** @returns what happened, in a form that can be compared; text where the two differ. */
  readonly run: (fetch: Fetch, site: Site) => Promise<unknown>
  readonly differs?: Difference
}

export interface Topic {
  readonly title: string
  readonly cases: readonly FetchCase[]
}

/** What a server was sent, as `/anything` tells it: the method, the caller's own headers, the body. */
export async function sent(fetch: Fetch, input: FetchInput, init?: FetchInit): Promise<unknown> {
  const told = (await (await fetch(input, init)).json()) as {
    method: string
    data: string
    form: unknown
    files: unknown
    headers: Record<string, string>
  }
  const { method, data, form, files, headers } = told
  const own = Object.entries(headers).filter(([name]) => /^(?:X-|Content-|Transfer-|Cookie)/.test(name))
  const comparable = own.map(([name, value]) => [name, value.replace(/boundary=.*$/, 'boundary=')])
  return { method, data, form, files, headers: Object.fromEntries(comparable) as unknown }
}

/** A response without its body. */
export function head(response: Response, site: Site): Record<string, unknown> {
  const { status, statusText, ok, redirected, type, url, bodyUsed } = response
  return {
    status,
    statusText,
    ok,
    redirected,
    type,
    bodyUsed,
    url: url.replace(site.url, ''),
    hasBody: response.body !== null,
  }
}

/** What a promise rejects with, in short; a message only where programs look for it. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    const { name, message } = error as Error
    return ['fetch failed', 'terminated'].includes(message) ? `${name}: ${message}` : name
  }
  return 'no error'
}

export function formData(): FormData {
  const data = new FormData()
  data.append('a', 'é')
  data.append('a', '2')
  data.append('f', new Blob(['hi'], { type: 'x/y' }), 'n.txt')
  return data
}

export async function* pieces(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from('one '))
  yield Buffer.from('two')
}
