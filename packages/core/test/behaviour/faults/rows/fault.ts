import type { Socket } from 'node:net'
import type { RequestException, RequestOptions } from '@entreat/core'

/** A response in spite of it all. */
export interface Accepted {
  readonly status: number
  /** The body as text; default `ok`. */
  readonly text?: string
  /** Headers that it must have. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A failure: its class and code, where it comes, and what it names as its cause. */
export interface Refused {
  readonly error: typeof RequestException
  readonly code: string
  /** Before the caller has a response, or while its body is read. */
  readonly phase: 'head' | 'body'
  /** Found in code, name or message of the cause; `null` if there is none: the fault is our own finding. */
  readonly cause: RegExp | null
  /** Bytes of the body that a streaming reader had before; not looked at if left out. */
  readonly after?: number
}

/** A body without end, of which a streaming reader may take what it likes. */
interface Endless {
  readonly endless: true
}

/** One way in which a server misbehaves. */
export interface Fault {
  /** As it is known in this table. */
  readonly name: string
  /** What the server writes, Latin-1 where it is text. */
  readonly writes?: string | Uint8Array
  /** What it does next: end the connection, reset it, wait for ever (default), or go on writing this as fast as it is taken. */
  readonly next?: 'end' | 'reset' | 'wait' | { readonly flood: string | Uint8Array } | { readonly drip: string }
  /** Does it all by itself. */
  readonly serve?: (socket: Socket) => void
  /** Answers as soon as the request's head is there, before its body is. */
  readonly isEarly?: boolean
  /** The message ends where its framing says: its connection may be kept, whatever is wrong with it. */
  readonly isWhole?: boolean
  readonly request?: RequestOptions & { readonly method?: string }
  /** What a caller gets who reads the body whole. */
  readonly buffered: Accepted | Refused
  /** What a caller gets who reads it piece by piece; default: the same. */
  readonly streamed?: Accepted | Refused | Endless
}

export const STATUS = 'HTTP/1.1 200 OK\r\n'
/** The head of a body of ten bytes. */
export const TEN = `${STATUS}Content-Length: 10\r\n\r\n`
export const TWO = `${STATUS}Content-Length: 2\r\n`
export const CHUNKED = `${STATUS}Transfer-Encoding: chunked\r\n\r\n`
