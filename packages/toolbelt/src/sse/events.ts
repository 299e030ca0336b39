import { setTimeout as sleep } from 'node:timers/promises'
import {
  ChunkedEncodingError,
  ConnectionError,
  type HeadersInit,
  type HeaderValue,
  readOptions,
  RequestException,
  type RequestOptions,
  type Response,
  type Session,
  Timeout,
  TotalTimeout,
} from '@entreat/core'
import { parseEvents, type ServerSentEvent } from './parse-events.ts'

/** Options of {@link events}. */
export interface EventStreamOptions {
  /** What each request is sent with: headers, auth, signal and so on. */
  readonly request?: Omit<RequestOptions, 'stream'>
  /** Default `GET`. */
  readonly method?: string
  /** Where to go on: the id of the last event that was seen. */
  readonly lastEventId?: string
  /** Milliseconds before reconnecting, until the server says otherwise; doubled for each failure in a row. Default 3,000. */
  readonly retryMs?: number
  /** The longest wait. Default 30,000. */
  readonly maxRetryMs?: number
  /** Failures in a row before giving up; 0 never reconnects. Default `Infinity`. */
  readonly maxRetries?: number
  /** Bytes of one event that are held, at most. Default 1 MiB. */
  readonly maxEventBytes?: number
  /** Called with each response that streams events, the first too. */
  readonly onOpen?: (response: Response) => void
  /** Called before a wait, with what ended the connection; `null` if the server ended it in peace. */
  readonly onReconnect?: (event: {
    readonly attempt: number
    readonly delayMs: number
    readonly error: Error | null
  }) => void
  /** Waits, for tests. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof EventStreamOptions>([
  'request',
  'method',
  'lastEventId',
  'retryMs',
  'maxRetryMs',
  'maxRetries',
  'maxEventBytes',
  'onOpen',
  'onReconnect',
  'wait',
])
/** Statuses after which the next attempt may fare better. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * The events of a URL, for as long as there are any: connects again when the connection ends, and tells the server the last id it has seen.
 *
 * Ends when the server answers 204, or the loop is left. `timeout.read` of the request is how long the server may say nothing, comments included.
 *
 * @param session - sends, with its cookies, auth and settings.
 * @throws HTTPError for a refusal that will stand; RequestException for a response of another type than `text/event-stream`, and for the failure after `maxRetries`;
 * the signal's reason; LimitExceededError.
 * @see HTML Living Standard, section 9.2
 */
export async function* events(
  session: Pick<Session, 'request'>,
  url: string | URL,
  options?: EventStreamOptions,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const own = readOptions(options, OPTION_KEYS, 'events()')
  const { request = {}, maxRetries = Infinity, maxRetryMs = 30_000 } = own
  const wait = own.wait ?? ((ms, signal) => sleep(ms, undefined, { signal }))
  let retryMs = own.retryMs ?? 3000
  let lastEventId = own.lastEventId ?? ''
  for (let failures = 0; ; failures++) {
    let error: Error | null = null
    let askedMs: number | null = null
    try {
      const response = await session.request(own.method ?? 'GET', url, requestOptions(request, lastEventId))
      if (response.statusCode === 204) return response.close()
      askedMs = refusalDelay(response)
      own.onOpen?.(response)
      const limits = own.maxEventBytes === undefined ? {} : { maxEventBytes: own.maxEventBytes }
      const onRetry = (ms: number): void => void (retryMs = ms)
      const onId = (id: string): void => void (lastEventId = id)
      for await (const event of parseEvents(response, { ...limits, lastEventId, onId, onRetry })) {
        failures = 0
        yield event
      }
    } catch (caught) {
      if (!isTransient(caught)) throw caught
      error = caught
      askedMs = retryAfterMs(caught.response)
    }
    if (failures >= maxRetries) {
      if (error === null) return
      throw error
    }
    const delayMs = Math.min(maxRetryMs, askedMs ?? retryMs * 2 ** Math.min(failures, 20))
    own.onReconnect?.({ attempt: failures + 1, delayMs, error })
    await untilOver(wait, delayMs, request.signal ?? undefined)
  }
}

function requestOptions(request: Omit<RequestOptions, 'stream'>, lastEventId: string): RequestOptions {
  const headers: [string, HeaderValue | null][] = [
    ['Accept', 'text/event-stream'],
    ['Cache-Control', 'no-store'],
  ]
  if (lastEventId !== '') headers.push(['Last-Event-ID', Buffer.from(lastEventId)])
  const given = pairsOf(request.headers ?? {})
  const names = new Set(given.map(([name]) => name.toLowerCase()))
  return {
    ...request,
    headers: [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...given],
    stream: true,
  }
}

function pairsOf(headers: HeadersInit): (readonly [string, HeaderValue | null])[] {
  if (Symbol.iterator in headers) return [...(headers as Iterable<readonly [string, HeaderValue | null]>)]
  return Object.entries(headers).map(([name, value]) => [name, value ?? null])
}

/** Refuses what is no stream of events. */
function refusalDelay(response: Response): null {
  if (!response.ok) {
    response.close()
    response.raiseForStatus()
  }
  const type = response.headers.get('content-type')
  if (/^text\/event-stream\s*(?:;|$)/i.test(type ?? '')) return null
  response.close()
  throw new RequestException(
    `The server answers with ${type ?? 'no Content-Type'} where text/event-stream was asked for`,
    {
      response,
    },
  )
}

function isTransient(error: unknown): error is RequestException {
  if (!(error instanceof RequestException) || error instanceof TotalTimeout || error.code === 'ERR_CLOSED') return false
  if (error.code === 'ERR_HTTP_STATUS') return TRANSIENT.has(error.response?.statusCode ?? 0)
  return error instanceof ConnectionError || error instanceof Timeout || error instanceof ChunkedEncodingError
}

/** What a refusal asks to wait, in milliseconds. */
function retryAfterMs(response: Response | undefined): number | null {
  const value = response?.headers.get('retry-after') ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now())
}

async function untilOver(
  wait: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await wait(ms, signal)
  } catch (error) {
    // A timer rejects with an AbortError of its own; the caller's reason is what counts.
    signal?.throwIfAborted()
    throw error
  }
}
