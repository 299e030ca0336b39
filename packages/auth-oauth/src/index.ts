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
  StateMismatchError,
  TokenRequestError,
  type TokenRequestErrorOptions,
  type TokenRequestOutcome,
  TokenStoreError,
} from './errors.ts'
export { Token, type TokenData } from './token.ts'
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
export type { LockOptions, SaveCondition, TokenLock, TokenStore } from './token-store/token-store.ts'
