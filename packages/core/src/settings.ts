import type { AuthInit } from './auth/resolve-auth.ts'
import type { CookiesInit } from './cookie-jar.ts'
import type { Hooks } from './hooks.ts'
import type { HeadersInit } from './message/headers.ts'
import type { Files } from './message/multipart.ts'
import type { Params } from './message/query.ts'
import type { Data } from './message/request.ts'
import type { ProxiesInit } from './proxies.ts'
import type { Retry } from './retry.ts'
import type { TimeoutInit } from './timeout.ts'
import type { Limits } from './limits.ts'
import type { Cert, Verify } from './transport/tls.ts'

/** What a caller of `send()` may say. */
export interface SendOptions {
  /** Whether redirects are followed. Default `true`; `false` for `session.head()`. */
  readonly allowRedirects?: boolean | undefined
  /** Whether the body is left to be read piece by piece. Default: the session's. */
  readonly stream?: boolean | undefined
  readonly timeout?: TimeoutInit | undefined
  /** A Retry, or how often in all. Default none. */
  readonly retry?: Retry | number | null | undefined
  readonly proxies?: ProxiesInit | null | undefined
  readonly proxyAuth?: AuthInit | undefined
  readonly verify?: Verify | undefined
  readonly cert?: Cert | null | undefined
  readonly limits?: Limits | undefined
  /** Cancels everything; its reason is what the call rejects with. */
  readonly signal?: AbortSignal | undefined
}

/** What a caller of `request()` and the verbs may say. Everything left out is the session's. */
export interface RequestOptions extends SendOptions {
  /** Appended to the URL's query; merged by name with the session's if both are records. */
  readonly params?: Params | null | undefined
  /** Laid over the session's; `null` as a value removes one. */
  readonly headers?: HeadersInit | null | undefined
  /** For this request only, and only for its host. Never kept in the session. */
  readonly cookies?: CookiesInit | null | undefined
  /** Form fields, or a body that is sent as it is. */
  readonly data?: Data | null | undefined
  /** Sent as JSON, unless there is `data` or `files`. */
  readonly json?: unknown
  /** Sent as multipart/form-data, together with the fields of `data`. */
  readonly files?: Files | FormData | null | undefined
  /** `null` for none at all, netrc included. */
  readonly auth?: AuthInit | undefined
  readonly maxRedirects?: number | undefined
  /** Run after the session's. */
  readonly hooks?: Hooks | null | undefined
  /** Headers that do not leave the credential scope on a redirect, beside the session's. */
  readonly sensitiveHeaders?: readonly string[] | undefined
}

/** What `new Session()` takes. Each is also a property that can be changed later. */
export interface SessionOptions {
  /** Relative URLs are resolved against it; session auth and sensitive headers serve only its origin. */
  readonly baseUrl?: string | URL | undefined
  /** Laid over the default headers; `null` as a value removes one. */
  readonly headers?: HeadersInit | null | undefined
  readonly params?: Params | null | undefined
  readonly auth?: AuthInit | undefined
  readonly proxyAuth?: AuthInit | undefined
  readonly cookies?: CookiesInit | undefined
  readonly proxies?: ProxiesInit | null | undefined
  readonly hooks?: Hooks | null | undefined
  /** Default `{ connect: 10_000, read: 60_000 }` milliseconds. */
  readonly timeout?: TimeoutInit | undefined
  readonly retry?: Retry | number | null | undefined
  readonly limits?: Limits | undefined
  /** Default `true`. */
  readonly verify?: Verify | undefined
  readonly cert?: Cert | null | undefined
  /** Default `false`. */
  readonly stream?: boolean | undefined
  /** Default 30. */
  readonly maxRedirects?: number | undefined
  /** Default: {@link SENSITIVE_HEADERS}. */
  readonly sensitiveHeaders?: readonly string[] | undefined
  /** Whether proxies, NO_PROXY, CA bundle and netrc are read from the environment. Default `true`. */
  readonly trustEnv?: boolean | undefined
  /** Guesses the charset of a body that names none; `null` leaves it to UTF-8, then windows-1252. */
  readonly detectEncoding?: ((bytes: Uint8Array) => string | null) | null | undefined
}
