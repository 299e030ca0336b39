export { AppAdapter, type AppAdapterOptions, type FetchHandler, type NodeHandler } from './adapters/app-adapter.ts'
export {
  Cassette,
  type CassetteFile,
  type RecordedBody,
  type RecordedHeaders,
  type RecordedInteraction,
} from './adapters/cassette.ts'
export type { CassetteRedactionOptions } from './adapters/cassette-redaction.ts'
export { PeerAdapter, PeerBody, PeerCall } from './adapters/peer-adapter.ts'
export { RecordingAdapter, type RecordingOptions } from './adapters/recording-adapter.ts'
export { ReplayAdapter, type ReplayOptions } from './adapters/replay-adapter.ts'
export {
  StubAdapter,
  type StubAnswer,
  type StubbedRequest,
  type StubReply,
  type StubRuleOptions,
  type StubUrl,
} from './adapters/stub-adapter.ts'
export { UnmatchedRequestError } from './adapters/unmatched-request-error.ts'
export type { CertificatePair, ServerCertificateKind, TestCertificates } from './certificates.ts'
export { testCertificates } from './certificates.ts'
export type { DigestAlgorithm, DigestOptions, DigestRequest, DigestVerdict } from './digest-verifier.ts'
export { DigestVerifier } from './digest-verifier.ts'
export { FakeClock } from './fake-clock.ts'
export type { NtlmDefect } from './ntlm/ntlm-challenge.ts'
export type { NtlmIdentity, NtlmOptions, NtlmRefusal, NtlmRequest, NtlmVerdict } from './ntlm/ntlm-verifier.ts'
export { NtlmVerifier } from './ntlm/ntlm-verifier.ts'
export type { ProxyAuthenticator, ProxyAuthRequest, ProxyTarget } from './proxy-state.ts'
export type { RecordedRequest } from './recorded-request.ts'
export type { CustomHandler } from './request-listener.ts'
export { seededBlocks, seededBytes } from './seeded-bytes.ts'
export type { TestServerOptions } from './test-server.ts'
export { TestServer } from './test-server.ts'
export type { TestProxyOptions } from './test-proxy.ts'
export { TestProxy } from './test-proxy.ts'
export { type SocksRequest, TestSocksProxy, type TestSocksProxyOptions } from './test-socks-proxy.ts'
export type { FTPCommand, FTPConversation, FTPIntercept } from './ftp/ftp-conversation.ts'
export type { FTPFiles, FTPNode } from './ftp/ftp-files.ts'
export { TestFTPServer, type TestFTPServerOptions } from './ftp/test-ftp-server.ts'
export { adapterSuite, type AdapterSuiteOptions } from './suite/adapter-suite.ts'
export type {
  AdapterCapabilities,
  AdapterTarget,
  ClientCertificatePlace,
  ConnectionPlace,
  HttpPlaces,
  Place,
  ProxyPlace,
  SeenRequest,
  StalePlace,
  StatusPlace,
  TlsPlace,
  UploadPlace,
} from './suite/adapter-target.ts'
export { HTTP_CAPABILITIES, httpTarget, type HttpTargetOptions } from './suite/http-target.ts'
export type { SuiteRunner } from './suite/suite-runner.ts'
export { authSuite, type AuthSuiteOptions } from './suite/auth-suite.ts'
export type { AuthCapabilities, AuthTarget } from './suite/auth-target.ts'
export { securitySuite, type SecurityCapabilities, type SecuritySuiteOptions } from './suite/security-suite.ts'
export { basicAuthTarget, bearerAuthTarget, digestAuthTarget, ntlmAuthTarget } from './suite/auth-targets.ts'
