// The tree, as it is caught. All of them are core's AuthenticationError, and so RequestException:
//
//   OAuthError
//   ├─ InsecureTransportError          a secret would travel in the clear
//   ├─ OAuth1SignatureError            a request that cannot be signed as it stands
//   ├─ OAuth1TokenError                the server refused a request token or an access token
//   ├─ AuthorizationResponseError      the callback says no, or is not what it should be
//   │  ├─ StateMismatchError
//   │  └─ IssuerMismatchError
//   ├─ TokenRequestError               an endpoint refused, failed, or could not be understood
//   │  └─ InvalidGrantError            the code, refresh token or assertion is not valid any more
//   ├─ ReauthorizationRequiredError    nothing but a new sign-in helps
//   ├─ DeviceFlowError                 the user refused, or took too long
//   ├─ SignInError                     a sign-in in the browser that came to no end
//   ├─ IDTokenError                    an ID token that must not be trusted
//   ├─ MetadataError                   discovery failed, or the metadata lacks an endpoint
//   └─ TokenStoreError                 tokens could not be read or written
//      └─ LockLostError                another process took over while this one refreshed
import { AuthenticationError, type RequestExceptionOptions } from '@entreat/core'

/** Gives a class the name and code of its errors. */
function identify(type: { prototype: OAuthError }, name: string, code: string): void {
  Object.defineProperties(type.prototype, {
    name: { value: name, writable: true, configurable: true },
    code: { value: code, writable: true, configurable: true },
  })
}

/** Puts what is known on an error, so that `inspect` shows no empty lines for what is not. */
function tell(error: OAuthError, facts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined) Object.defineProperty(error, name, { value, enumerable: true, configurable: true })
  }
}

/** Puts a fact on an error without showing it in `inspect`. */
function hide(error: OAuthError, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false })
}

/**
 * The root of what the package raises; no member or message holds a secret.
 *
 * @remedy Catch it to treat all failures of OAuth alike. The library raises those below it.
 */
export class OAuthError extends AuthenticationError {
  static {
    identify(this, 'OAuthError', 'ERR_OAUTH')
  }
}

/**
 * A secret would travel over plain http to another machine.
 *
 * @remedy Use https, or a loopback address while developing.
 */
export class InsecureTransportError extends OAuthError {
  static {
    identify(this, 'InsecureTransportError', 'ERR_OAUTH_INSECURE_TRANSPORT')
  }
}

/**
 * A request that OAuth 1 cannot sign as it stands.
 *
 * @remedy Give the body as text or bytes, or leave it out of the signature, as the message says.
 */
export class OAuth1SignatureError extends OAuthError {
  static {
    identify(this, 'OAuth1SignatureError', 'ERR_OAUTH1_SIGNATURE')
  }
}

/**
 * The server refused a request token or an access token, or its answer cannot be understood. `response` is that answer.
 *
 * @remedy Check key, secret and callback; the tokens may have expired. Begin anew with a request token.
 */
export class OAuth1TokenError extends OAuthError {
  static {
    identify(this, 'OAuth1TokenError', 'ERR_OAUTH1_TOKEN')
  }
}

/** What a server says about an error (RFC 6749 sections 4.1.2.1 and 5.2), safe to show. */
export interface ErrorAnswer {
  /** The error code, such as `invalid_grant`. */
  readonly error: string
  readonly errorDescription?: string | undefined
  readonly errorUri?: string | undefined
}

/** Options of errors that carry an {@link ErrorAnswer}. */
export interface ErrorAnswerOptions extends RequestExceptionOptions, ErrorAnswer {}

/**
 * The authorization server sent the user back with an error, or with an answer that does not belong to the request.
 *
 * @remedy Look at `error`: `access_denied` means that the user said no. Otherwise correct the request, and begin anew.
 */
export class AuthorizationResponseError extends OAuthError implements ErrorAnswer {
  static {
    identify(this, 'AuthorizationResponseError', 'ERR_OAUTH_AUTHORIZATION_RESPONSE')
  }

  /** The error code, such as `access_denied`; `invalid_response` where the answer itself is wrong. */
  declare readonly error: string
  declare readonly errorDescription: string | undefined
  declare readonly errorUri: string | undefined

  /** @param options - what the server said. */
  constructor(message: string, options: ErrorAnswerOptions) {
    super(message, options)
    const { error, errorDescription, errorUri } = options
    tell(this, { error, errorDescription, errorUri })
  }
}

/**
 * The `state` of the callback is not the one of the request: it may have been forged (RFC 6749 section 10.12).
 *
 * @remedy Discard the callback and begin anew; keep `state` in the session of the user that it was made for.
 */
export class StateMismatchError extends AuthorizationResponseError {
  static {
    identify(this, 'StateMismatchError', 'ERR_OAUTH_STATE_MISMATCH')
  }
}

/**
 * The callback comes from another authorization server than the one that was asked (RFC 9207).
 *
 * @remedy Discard the callback; check `issuer` in the configuration of the client.
 */
export class IssuerMismatchError extends AuthorizationResponseError {
  static {
    identify(this, 'IssuerMismatchError', 'ERR_OAUTH_ISSUER_MISMATCH')
  }
}

/**
 * What is known about a token request that failed: `not-sent` means that the server has not seen it, `rejected` that it refused it, `unknown` that it may have
 * been carried out although no answer arrived.
 */
export type TokenRequestOutcome = 'not-sent' | 'rejected' | 'unknown'

/** Options of {@link TokenRequestError}. */
export interface TokenRequestErrorOptions extends ErrorAnswerOptions {
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
  readonly outcome: TokenRequestOutcome
}

/**
 * A token, revocation, introspection or other endpoint refused a request, failed, or gave an answer that cannot be understood.
 *
 * @remedy Look at `error`, `status` and `outcome`: correct the client for `invalid_client` and the like, repeat later for 5xx.
 */
export class TokenRequestError extends OAuthError implements ErrorAnswer {
  static {
    identify(this, 'TokenRequestError', 'ERR_OAUTH_TOKEN_REQUEST')
  }

  /** The server's error code (RFC 6749 section 5.2), or `invalid_response`, `transport_error`. */
  declare readonly error: string
  declare readonly errorDescription: string | undefined
  declare readonly errorUri: string | undefined
  /** The HTTP status, where there was an answer. */
  declare readonly status: number | undefined
  /** How long the server wants to be left alone, in milliseconds. */
  declare readonly retryAfterMs: number | undefined
  declare readonly outcome: TokenRequestOutcome

  /** @param options - what the server said, and what is known about the outcome. */
  constructor(message: string, options: TokenRequestErrorOptions) {
    super(message, options)
    const { error, errorDescription, errorUri, status, retryAfterMs, outcome } = options
    tell(this, { error, errorDescription, errorUri, status, retryAfterMs, outcome })
  }
}

/**
 * `invalid_grant`: the code, refresh token, assertion or password is wrong, used, expired or revoked.
 *
 * @remedy Let the user sign in again.
 */
export class InvalidGrantError extends TokenRequestError {
  static {
    identify(this, 'InvalidGrantError', 'ERR_OAUTH_INVALID_GRANT')
  }
}

/**
 * There is no token, and none can be had without the user. `cause` says why, where something failed.
 *
 * @remedy Let the user sign in again; ask for `offline_access` or the like if it should last longer.
 */
export class ReauthorizationRequiredError extends OAuthError {
  static {
    identify(this, 'ReauthorizationRequiredError', 'ERR_OAUTH_REAUTHORIZATION_REQUIRED')
  }
}

/**
 * The device flow ended without a token (RFC 8628 section 3.5).
 *
 * @remedy Begin the flow anew, if the user wants to.
 */
export class DeviceFlowError extends OAuthError {
  static {
    identify(this, 'DeviceFlowError', 'ERR_OAUTH_DEVICE_FLOW')
  }

  /** `access_denied` or `expired_token`. */
  readonly error: string

  /** @param options - `error`: why it ended. */
  constructor(message: string, options: RequestExceptionOptions & { readonly error: string }) {
    super(message, options)
    this.error = options.error
  }
}

/**
 * A sign-in in the browser that came to no end: nobody came back in time, or the address to come back to could not be opened.
 *
 * @remedy Let the user try again; check that the loopback address is free and registered as redirect URI.
 */
export class SignInError extends OAuthError {
  static {
    identify(this, 'SignInError', 'ERR_OAUTH_SIGN_IN')
  }
}

/**
 * An ID token that must not be trusted: signature, issuer, audience, time or nonce are wrong.
 *
 * @remedy Do not trust the token. Check issuer, client id and clock.
 */
export class IDTokenError extends OAuthError {
  static {
    identify(this, 'IDTokenError', 'ERR_OAUTH_ID_TOKEN')
  }
}

/**
 * Metadata could not be fetched, is not what the issuer may say, or lacks the endpoint that is needed.
 *
 * @remedy Check the issuer, or give the endpoints by hand.
 */
export class MetadataError extends OAuthError {
  static {
    identify(this, 'MetadataError', 'ERR_OAUTH_METADATA')
  }

  /** The HTTP status of a metadata request that failed. Not enumerable. */
  declare readonly status: number | undefined

  /** @param options - `status`: of the answer, where there was one. */
  constructor(message: string, options: RequestExceptionOptions & { readonly status?: number | undefined } = {}) {
    super(message, options)
    hide(this, 'status', options.status)
  }
}

/**
 * Tokens could not be read, written or locked.
 *
 * @remedy Look at `cause`: permissions, disk, connection of the store.
 */
export class TokenStoreError extends OAuthError {
  static {
    identify(this, 'TokenStoreError', 'ERR_OAUTH_TOKEN_STORE')
  }
}

/**
 * The lock went to another process, or the stored token is not the one it was: what was to be written is out of date.
 *
 * @remedy Read the store again: another process has refreshed. Raise the time that a lock holds if it happens often.
 */
export class LockLostError extends TokenStoreError {
  static {
    identify(this, 'LockLostError', 'ERR_OAUTH_LOCK_LOST')
  }
}
