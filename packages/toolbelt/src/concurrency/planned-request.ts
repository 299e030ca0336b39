import { Request, type RequestOptions, type Response, type Session, UsageError } from '@entreat/core'

/** One request to make: a URL to GET, a Request, or a URL with method and options. */
export type RequestInput =
  | string
  | URL
  | Request
  | ({ readonly url: string | URL; readonly method?: string } & RequestOptions)

/** A request that waits for its turn. */
export interface PlannedRequest {
  readonly input: RequestInput
  readonly index: number
  /** What `perHost` counts. */
  readonly host: string
  readonly isStreamed: boolean
  /** Its own signal, beside that of all. */
  readonly signal: AbortSignal | undefined
  send(signal: AbortSignal): Promise<Response>
}

/** @throws UsageError for what is no request. */
export function planRequest(input: RequestInput, index: number, session: Session, stream: boolean): PlannedRequest {
  const { method, url, options } = partsOf(input, index)
  const isStreamed = options.stream ?? stream
  return {
    input,
    index,
    host: hostOf(url, session),
    isStreamed,
    signal: options.signal,
    send: (signal) => session.request(method, url, { ...options, stream: isStreamed, signal }),
  }
}

function partsOf(input: RequestInput, index: number): { method: string; url: string | URL; options: RequestOptions } {
  if (typeof input === 'string' || input instanceof URL) return { method: 'GET', url: input, options: {} }
  if (typeof input === 'object' && input !== null && isRequest(input)) return input
  if (typeof input === 'object' && input !== null && Object.hasOwn(input, 'url')) {
    const { url, method, ...options } = input
    return { method: method ?? 'GET', url, options }
  }
  throw new UsageError(`Request ${index} is none: it must be a URL, a Request, or { url, method?, … }`)
}

/** A Request, of this copy of core or another. */
function isRequest(input: object): input is Request {
  if (input instanceof Request) return true
  return 'options' in input && 'method' in input && 'url' in input
}

/** Host and port; empty for what is no URL: the Session will say so. */
function hostOf(url: string | URL, session: Session): string {
  try {
    return new URL(url, session.baseUrl).host
  } catch {
    return ''
  }
}
