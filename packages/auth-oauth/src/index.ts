export {
  AuthorizationResponseError,
  DeviceFlowError,
  type ErrorAnswer,
  type ErrorAnswerOptions,
  IDTokenError,
  InsecureTransportError,
  InvalidGrantError,
  IssuerMismatchError,
  LockLostError,
  MetadataError,
  OAuth1SignatureError,
  OAuth1TokenError,
  OAuthError,
  ReauthorizationRequiredError,
  SignInError,
  StateMismatchError,
  TokenRequestError,
  type TokenRequestErrorOptions,
  type TokenRequestOutcome,
  TokenStoreError,
} from './errors.ts'
export { type AssertionClaims, signAssertion } from './oauth2/assertion.ts'
export { AuthorizationRequest, type AuthorizationRequestData } from './oauth2/authorization-request.ts'
export type { CallOptions } from './oauth2/authorization-server.ts'
export {
  type AssertionOptions,
  type ClientAuth,
  clientAuth,
  type ClientAuthRequest,
  type Secret,
} from './oauth2/client-auth.ts'
export type { Clock } from './oauth2/clock.ts'
export type { DeviceAuthorization, PollOptions } from './oauth2/device-authorization.ts'
export { signInOnDevice, type DeviceSignInOptions } from './oauth2/device-sign-in.ts'
export type { ProtectedResourceMetadata } from './oauth2/discovery.ts'
export type { DPoPOptions } from './oauth2/dpop.ts'
export type { Claims } from './oauth2/id-token.ts'
export type { JwsSigner, KeyLike } from './oauth2/jws.ts'
export { OAuth2Auth, type OAuth2AuthOptions } from './oauth2/oauth2-auth.ts'
export type { Introspection, IntrospectOptions, TokenHint } from './oauth2/introspection.ts'
export { OAuth2Client } from './oauth2/oauth2-client.ts'
export type {
  AuthorizationOptions,
  DiscoverOptions,
  ExchangeOptions,
  GrantOptions,
  OAuth2ClientOptions,
  Scope,
} from './oauth2/oauth2-client-options.ts'
export type { ProviderProfile, TokenPlacement } from './oauth2/provider-profile.ts'
export { providerProfiles } from './oauth2/provider-profiles.ts'
export type { EndpointName, ServerMetadata } from './oauth2/server-metadata.ts'
export type { ObtainToken, TokenReason } from './oauth2/shared-token.ts'
export type { AnswerBody, GrantParams } from './oauth2/simple-oauth2.ts'
export { Token, type TokenData } from './token.ts'
export { authorizeInBrowser, type BrowserSignInOptions, type SignInPages } from './browser/authorize-in-browser.ts'
export { OAuth1 } from './oauth1/oauth1.ts'
export {
  type AuthorizedCallback,
  OAuth1Flow,
  type OAuth1FlowOptions,
  type RequestTokenOptions,
} from './oauth1/oauth1-flow.ts'
export type { OAuth1Options, ParameterPlacement } from './oauth1/oauth1-options.ts'
export { OAuth1Token, type OAuth1TokenData } from './oauth1/oauth1-token.ts'
export type {
  BodyHashAlgorithm,
  CustomSignatureMethod,
  RSAPrivateKey,
  SignatureMethod,
  SignatureMethodName,
} from './oauth1/signature-method.ts'
export { FileTokenStore, type FileTokenStoreOptions } from './token-store/file-token-store.ts'
export { MemoryTokenStore } from './token-store/memory-token-store.ts'
export type { EvalArguments, RedisClient } from './token-store/redis-commands.ts'
export { RedisTokenStore, type RedisTokenStoreOptions } from './token-store/redis-token-store.ts'
export type { EncryptionKey } from './token-store/token-seal.ts'
export type { LockOptions, SaveCondition, TokenLock, TokenStore } from './token-store/token-store.ts'
