import type {
  AuthenticationError,
  ChunkedEncodingError,
  ConnectionError,
  ConnectTimeout,
  ContentDecodingError,
  ContentNotReadError,
  CookieStoreError,
  HTTPError,
  InvalidHeader,
  InvalidJSONError,
  InvalidProxyURL,
  InvalidSchema,
  InvalidURL,
  JSONDecodeError,
  LimitExceededError,
  MissingSchema,
  PoolTimeout,
  ProxyError,
  ReadTimeout,
  RetryError,
  SSLError,
  StreamConsumedError,
  Timeout,
  TooManyRedirects,
  TotalTimeout,
  UnrewindableBodyError,
  UsageError,
  WriteTimeout,
} from './errors.ts'
import { RequestException } from './request-exception.ts'

/** The codes of this package's errors, and the class of each. `docs/reference/errors.md` has their causes and remedies. */
export interface ErrorCodes {
  readonly ERR_AUTHENTICATION: AuthenticationError
  readonly ERR_BODY_NOT_REPLAYABLE: UnrewindableBodyError
  readonly ERR_BODY_TRUNCATED: ChunkedEncodingError
  readonly ERR_CLOSED: ConnectionError
  readonly ERR_CONNECTION: ConnectionError
  readonly ERR_CONNECT_TIMEOUT: ConnectTimeout
  readonly ERR_CONTENT_DECODING: ContentDecodingError
  readonly ERR_CONTENT_NOT_READ: ContentNotReadError
  readonly ERR_COOKIE_STORE: CookieStoreError
  readonly ERR_HTTP_STATUS: HTTPError
  readonly ERR_INVALID_HEADER: InvalidHeader
  readonly ERR_INVALID_JSON: InvalidJSONError
  readonly ERR_INVALID_PROXY_URL: InvalidProxyURL
  readonly ERR_INVALID_SCHEMA: InvalidSchema
  readonly ERR_INVALID_URL: InvalidURL
  readonly ERR_JSON_DECODE: JSONDecodeError
  readonly ERR_LIMIT_EXCEEDED: LimitExceededError
  readonly ERR_MISSING_SCHEMA: MissingSchema
  readonly ERR_POOL_TIMEOUT: PoolTimeout
  readonly ERR_PROXY: ProxyError
  readonly ERR_READ_TIMEOUT: ReadTimeout
  readonly ERR_REQUEST: RequestException
  readonly ERR_RETRIES_EXHAUSTED: RetryError
  readonly ERR_SSL: SSLError
  readonly ERR_STREAM_CONSUMED: StreamConsumedError
  readonly ERR_TIMEOUT: Timeout
  readonly ERR_TOO_MANY_REDIRECTS: TooManyRedirects
  readonly ERR_TOTAL_TIMEOUT: TotalTimeout
  readonly ERR_USAGE: UsageError
  readonly ERR_WRITE_TIMEOUT: WriteTimeout
}

/** A code that this package's errors may have. */
export type ErrorCode = keyof ErrorCodes

/** An error of the class that goes with `Code`. */
export type CodedError<Code extends ErrorCode> = { [One in Code]: ErrorCodes[One] & { readonly code: One } }[Code]

/**
 * Whether an error has one of these codes. Says its class too, and lets `switch (error.code)` tell several apart.
 *
 * @param error - whatever was caught.
 * @param codes - one or more.
 */
export function hasCode<Code extends ErrorCode>(error: unknown, ...codes: readonly Code[]): error is CodedError<Code> {
  return error instanceof RequestException && (codes as readonly string[]).includes(error.code)
}
