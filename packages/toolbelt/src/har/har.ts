/** A HAR file, version 1.2: `JSON.stringify` it. */
export interface Har {
  readonly log: HarLog
}

/** What was recorded. */
export interface HarLog {
  readonly version: string
  readonly creator: { readonly name: string; readonly version: string }
  readonly entries: readonly HarEntry[]
  readonly comment?: string
}

/** One exchange on the wire. Members that begin with an underscore are ours; readers of HAR ignore them. */
export interface HarEntry {
  /** ISO 8601. */
  readonly startedDateTime: string
  /** Milliseconds: the sum of the phases. */
  readonly time: number
  readonly request: HarRequest
  readonly response: HarResponse
  readonly cache: { readonly [name: string]: unknown }
  readonly timings: HarTimings
  readonly comment?: string
  /** Equal in all exchanges of one call. */
  readonly _call?: number
  /** Redirects of the call before this one. */
  readonly _hop?: number
  /** Retries of the call before this one. */
  readonly _attempt?: number
  /** Exchanges before this one with the same call, hop and attempt: legs of authentication. */
  readonly _leg?: number
}

/** A request as it was sent. */
export interface HarRequest {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  readonly cookies: readonly HarCookie[]
  readonly headers: readonly HarHeader[]
  readonly queryString: readonly HarQueryParameter[]
  readonly postData?: HarPostData
  /** Bytes, or -1 if unknown. */
  readonly headersSize: number
  readonly bodySize: number
}

/** A response as it was received. A request that got none has status 0 and `_error`. */
export interface HarResponse {
  readonly status: number
  readonly statusText: string
  readonly httpVersion: string
  readonly cookies: readonly HarCookie[]
  readonly headers: readonly HarHeader[]
  readonly content: HarContent
  /** The Location, or empty. */
  readonly redirectURL: string
  readonly headersSize: number
  /** Bytes as received, codings on; -1 if unknown. */
  readonly bodySize: number
  /** Why there is no response, or no whole one. */
  readonly _error?: string
}

/** A line of a head. */
export interface HarHeader {
  readonly name: string
  readonly value: string
}

/** A parameter of the URL, decoded. */
export interface HarQueryParameter {
  readonly name: string
  readonly value: string
}

/** A cookie. */
export interface HarCookie {
  readonly name: string
  readonly value: string
  readonly path?: string
  readonly domain?: string
  /** ISO 8601. */
  readonly expires?: string
  readonly httpOnly?: boolean
  readonly secure?: boolean
}

/** A request's body. */
export interface HarPostData {
  readonly mimeType: string
  readonly text: string
  readonly comment?: string
}

/** A response's content, decoded. */
export interface HarContent {
  /** Bytes; -1 if unknown. */
  readonly size: number
  readonly compression?: number
  readonly mimeType: string
  readonly text?: string
  /** `base64` where the content is no text. */
  readonly encoding?: string
  readonly comment?: string
}

/** Milliseconds of each phase; -1 for one that did not happen. `ssl` is a part of `connect`. */
export interface HarTimings {
  readonly blocked: number
  readonly dns: number
  readonly connect: number
  readonly ssl: number
  readonly send: number
  readonly wait: number
  readonly receive: number
}
