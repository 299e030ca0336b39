import type { AuthInit } from './auth/resolve-auth.ts'
import type { Clock } from './clock.ts'
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
  allowRedirects?: boolean | undefined
  /** Whether the body is left to be read piece by piece. Default: the session's. */
  stream?: boolean | undefined
  timeout?: TimeoutInit | undefined
  /** A Retry, or how often in all. Default none. */
  retry?: Retry | number | null | undefined
  proxies?: ProxiesInit | null | undefined
  proxyAuth?: AuthInit | undefined
  verify?: Verify | undefined
  cert?: Cert | null | undefined
  limits?: Limits | undefined
  /** Cancels everything; its reason is what the call rejects with. */
  signal?: AbortSignal | undefined
}

/** What a caller of `request()` and the verbs may say. Everything left out is the session's. */
export interface RequestOptions extends SendOptions {
  /** Appended to the URL's query; merged by name with the session's if both are records. */
  params?: Params | null | undefined
  /** Laid over the session's; `null` as a value removes one. */
  headers?: HeadersInit | null | undefined
  /** For this request only, and only for its host. Never kept in the session. */
  cookies?: CookiesInit | null | undefined
  /** Form fields, or a body that is sent as it is. */
  data?: Data | null | undefined
  /** Sent as JSON, unless there is `data` or `files`. */
  json?: unknown
  /** Sent as multipart/form-data, together with the fields of `data`. */
  files?: Files | FormData | null | undefined
  /** `null` for none at all, netrc included. */
  auth?: AuthInit | undefined
  maxRedirects?: number | undefined
  /** Run after the session's. */
  hooks?: Hooks | null | undefined
  /** Headers that do not leave the credential scope on a redirect, beside the session's. */
  sensitiveHeaders?: readonly string[] | undefined
}

/** What `new Session()` takes. Each is also a property that can be changed later. */
export interface SessionOptions {
  /** Relative URLs are resolved against it; session auth and sensitive headers serve only its origin. */
  baseUrl?: string | URL | undefined
  /** Laid over the default headers; `null` as a value removes one. */
  headers?: HeadersInit | null | undefined
  params?: Params | null | undefined
  auth?: AuthInit | undefined
  proxyAuth?: AuthInit | undefined
  cookies?: CookiesInit | undefined
  proxies?: ProxiesInit | null | undefined
  hooks?: Hooks | null | undefined
  /** Default `{ connect: 10_000, read: 60_000 }` milliseconds. */
  timeout?: TimeoutInit | undefined
  retry?: Retry | number | null | undefined
  limits?: Limits | undefined
  /** Default `true`. */
  verify?: Verify | undefined
  cert?: Cert | null | undefined
  /** Default `false`. */
  stream?: boolean | undefined
  /** Default 30. */
  maxRedirects?: number | undefined
  /** Default: X-Api-Key, Api-Key, X-Auth-Token, X-Access-Token, X-Amz-Security-Token. */
  sensitiveHeaders?: readonly string[] | undefined
  /** Whether proxies, NO_PROXY, CA bundle and netrc are read from the environment. Default `true`. */
  trustEnv?: boolean | undefined
  /** Guesses the charset of a body that names none; `null` leaves it to UTF-8, then windows-1252. */
  detectEncoding?: ((bytes: Uint8Array) => string | null) | null | undefined
  /**
   * What `timeout.total`, waits between retries, Retry-After dates and authentication schemes go by. Default: this machine's. For tests: the timers of
   * adapters (connect, read, write, pool) watch real sockets and stay real.
   */
  clock?: Clock | undefined
}
