export { del, del as delete, get, head, options, patch, post, put, request } from './api.ts'
export { AuthBase, type AuthContext } from './auth/auth-base.ts'
export { BasicAuth } from './auth/basic.ts'
export { BearerAuth, type TokenSource } from './auth/bearer.ts'
export type { AuthFunction } from './auth/callable-auth.ts'
export { type Challenge, parseChallenges } from './auth/challenge.ts'
export { serverEndPoint } from './auth/channel-bindings.ts'
export { DigestAuth } from './auth/digest.ts'
export { isLoopbackHost, OriginScope, type OriginScopeOptions } from './auth/origin-scope.ts'
export { type AuthInit, resolveAuth } from './auth/resolve-auth.ts'
export type { Clock } from './clock.ts'
export type { CookieFormat, SaveCookiesOptions } from './cookie-file.ts'
export {
  CookieJar,
  type CookieAttributes,
  type CookiesInit,
  type SerializedCookies,
  type UnboundCookie,
} from './cookie-jar.ts'
export type {
  DiagnosticsMessage,
  EndMessage,
  ErrorMessage,
  FailureMessage,
  LegMessage,
  RedirectMessage,
  RetryMessage,
} from './diagnostics.ts'
export { type CodedError, type ErrorCode, type ErrorCodes, hasCode } from './error-codes.ts'
export {
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
  redactUrl,
  RequestException,
  type RequestExceptionOptions,
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
export type {
  HookInfo,
  HookLists,
  Hooks,
  MaybePromise,
  RedirectEvent,
  RedirectHook,
  RequestHook,
  ResponseHook,
  RetryEvent,
  RetryHook,
} from './hooks.ts'
export { type Body, type ByteStream, type Content, createBody } from './message/body.ts'
export { type ByteSource, collectPieces, type ResponseBody } from './message/byte-source.ts'
export { Headers, type HeadersInit, type HeaderValue } from './message/headers.ts'
export type { Link } from './message/links.ts'
export type { Files, FileValue } from './message/multipart.ts'
export { PreparedRequest } from './message/prepared-request.ts'
export type { Fields, Params, Scalar } from './message/query.ts'
export { type Data, Request } from './message/request.ts'
export { type IterContentOptions, type IterLinesOptions, Response, type ResponseInit } from './message/response.ts'
export type { InferOutput, SchemaIssue, SchemaResult, StandardSchemaV1 } from './message/standard-schema.ts'
export type { Timings } from './message/timings.ts'
export { codes, type StatusName } from './message/status-codes.ts'
export { readOptions } from './options.ts'
export type { ProxiesInit } from './proxies.ts'
export { Redaction, type RedactionOptions } from './redaction.ts'
export { Retry, type RetryOptions, type RetryReason } from './retry.ts'
export { Session } from './session.ts'
export type { SessionState } from './session-state.ts'
export type { RequestOptions, SendOptions, SessionOptions } from './settings.ts'
export type { ResolvedTimeout, TimeoutInit, Timeouts } from './timeout.ts'
export { HTTPAdapter, type HTTPAdapterOptions } from './transport/http-adapter.ts'
export { type Limits, type ResolvedLimits, resolveLimits } from './limits.ts'
export type { Address, SocketOptions } from './transport/connector.ts'
export { openSocket, type SocketNeeds } from './transport/open-socket.ts'
export { type Cert, tlsIdentity, type TlsSettings, tlsSettings, type Verify } from './transport/tls.ts'
export { tlsOptions } from './transport/tls-options.ts'
export {
  type Connection,
  type Proxy,
  type ProxyFlow,
  type ProxyLeg,
  TransportAdapter,
  type TransportOptions,
} from './transport/transport-adapter.ts'
