/** What is known about an authorization server, by the names of RFC 8414 section 2 and OpenID Connect Discovery. */
export interface ServerMetadata {
  /** The server's identifier: an https URL without query and fragment. */
  readonly issuer: string
  readonly authorization_endpoint?: string
  readonly token_endpoint?: string
  readonly device_authorization_endpoint?: string
  readonly pushed_authorization_request_endpoint?: string
  readonly revocation_endpoint?: string
  readonly introspection_endpoint?: string
  readonly userinfo_endpoint?: string
  readonly jwks_uri?: string
  readonly end_session_endpoint?: string
  readonly registration_endpoint?: string
  /** Endpoints for clients that show a certificate (RFC 8705 section 5). */
  readonly mtls_endpoint_aliases?: Readonly<Record<string, string>>
  readonly require_pushed_authorization_requests?: boolean
  /** Whether callbacks carry `iss` (RFC 9207). */
  readonly authorization_response_iss_parameter_supported?: boolean
  readonly code_challenge_methods_supported?: readonly string[]
  readonly token_endpoint_auth_methods_supported?: readonly string[]
  readonly dpop_signing_alg_values_supported?: readonly string[]
  readonly grant_types_supported?: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly [name: string]: unknown
}

/** An endpoint, by its name in the metadata. */
export type EndpointName =
  | 'authorization_endpoint'
  | 'token_endpoint'
  | 'device_authorization_endpoint'
  | 'pushed_authorization_request_endpoint'
  | 'revocation_endpoint'
  | 'introspection_endpoint'
  | 'userinfo_endpoint'
  | 'jwks_uri'
